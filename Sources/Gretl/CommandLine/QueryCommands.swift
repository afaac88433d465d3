// The commands that only ask: ls, status, url, health, version.

enum QueryCommands {
    // MARK: ls

    static let list: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let group = context.invocation.arguments.first
        if let group, !group.hasPrefix("@") {
            throw .usage(
                "a group starts with @",
                hint: "did you mean: gr status \(ShellQuoting.quoted(group))")
        }
        let filters = [("group", group), ("status", context.invocation.value("status"))]
            .compactMap { key, value in
                value.map { "\(key)=\(DaemonClient.percentEncoded($0))" }
            }
        let client = try context.client()
        let query = filters.isEmpty ? "" : "?" + filters.joined(separator: "&")
        let body = try client.call("GET", "/v1/services" + query)
        if let group, try client.decode(ServiceListAnswer.self, body).services.isEmpty {
            try GroupCommands.check(group, client)
        }
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let services = try client.decode(ServiceListAnswer.self, body).services
        if context.isQuiet {
            for service in services { context.print(DisplayText.escaped(service.name)) }
        } else if services.isEmpty, context.style.isDecorated {
            context.print(
                filters.isEmpty ? "no services yet; register one: gr help add" : "no such services")
        } else {
            let text = table(services, context).text(context.style, within: context.io.columns)
            context.io.writeOutput(Array(text.utf8))
        }
        return .success
    }

    private static func table(_ services: [ServiceAnswer], _ context: CommandContext) -> TableOutput
    {
        var table = TableOutput(columns: [
            .init(title: "NAME"), .init(title: "STATUS"),
            .init(title: "PORT", isNumber: true, expendability: 1),
            .init(title: "PID", isNumber: true, expendability: 4),
            .init(title: "UP", isNumber: true, expendability: 3),
            .init(title: "CPU", isNumber: true, expendability: 6),
            .init(title: "RSS", isNumber: true, expendability: 5),
            .init(title: "GROUP", expendability: 2),
        ])
        for service in services {
            let status = context.style.status(service.status)
            table.add([
                .init(DisplayText.escaped(service.name)), .init(status.text, status.ink),
                .init(service.port.map { "\($0)" } ?? "-"),
                .init(service.pid.map { "\($0)" } ?? "-"), .init(age(service, context) ?? "-"),
                .init(service.cpu.map(Quantities.percent) ?? "-"),
                .init(service.rssMB.map(Quantities.megabytes) ?? "-"),
                .init(service.group.map(DisplayText.escaped) ?? "-", .dim),
            ])
        }
        return table
    }

    private static func age(_ service: ServiceAnswer, _ context: CommandContext) -> String? {
        guard let text = service.startedAt, let started = Quantities.seconds(rfc3339: text) else {
            return nil
        }
        return Quantities.age(seconds: context.io.wallSeconds() - started)
    }

    // MARK: status

    static let status: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        guard let name = context.invocation.arguments.first else {
            return try daemonStatus(client, context)
        }
        let body = try ServiceCommands.named(name, client, context) { () throws(CommandFailure) in
            try client.call("GET", DaemonClient.target(service: name))
        }
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let service = try client.decode(ServiceAnswer.self, body)
        if context.isQuiet {
            context.print(DisplayText.escaped(service.status))
            return .success
        }
        let status = context.style.status(service.status)
        var lines: [(String, String?, Ink?)] = [
            ("name", service.name, .strong), ("status", status.text, status.ink),
        ]
        lines += details(service, context).map { ($0.0, $0.1, nil) }
        printLines(lines, context)
        try StatusAdvice.show(service, client, context)
        return .success
    }

    private static func details(
        _ service: ServiceAnswer, _ context: CommandContext
    ) -> [(String, String?)] {
        func joined(_ words: [String]?) -> String? {
            words.flatMap { $0.isEmpty ? nil : $0.joined(separator: ", ") }
        }
        let up = age(service, context).map { "\($0), since \(service.startedAt ?? "")" }
        return [
            ("url", service.url), ("port", service.port.map { "\($0)" } ?? "none"),
            ("group", service.group), ("pid", service.pid.map { "\($0)" }), ("up", up),
            ("cpu", service.cpu.map(Quantities.percent)),
            ("memory", service.rssMB.map(Quantities.megabytes)),
            ("last exit", service.lastExit.map { $0 + ended(service, context) }),
            ("cmd", service.cmd), ("cwd", service.cwd),
            ("env", joined(service.env)), ("ready", service.ready),
            ("last probe", service.lastProbe), ("depends on", joined(service.dependsOn)),
            ("restart", service.restart),
            ("restarts", service.restarts.flatMap { $0 > 0 ? "\($0) by itself" : nil }),
            ("next try", service.nextTryAt), ("start", service.startModeShown),
            ("log file", service.logFile),
        ] + (service.warnings ?? []).map { ("warning", $0) }
    }

    /// How long ago the last run ended, to stand behind how it did.
    private static func ended(_ service: ServiceAnswer, _ context: CommandContext) -> String {
        guard let text = service.endedAt, let ended = Quantities.seconds(rfc3339: text) else {
            return ""
        }
        return ", \(Quantities.age(seconds: context.io.wallSeconds() - ended)) ago"
    }

    private static func printLines(
        _ lines: [(String, String?, Ink?)], _ context: CommandContext
    ) {
        let width = 12
        var text = ""
        for (title, value, ink) in lines {
            guard let value, !value.isEmpty else { continue }
            text += context.style.paint(DisplayText.padded(title, to: width), .dim)
            text += context.style.paint(DisplayText.escaped(value), ink) + "\n"
        }
        context.io.writeOutput(Array(text.utf8))
    }

    private static func daemonStatus(
        _ client: DaemonClient, _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        let health = try client.decode(
            HealthAnswer.self, try client.call("GET", "/health", within: .seconds(5)))
        let services = try client.decode(
            ServiceListAnswer.self, try client.call("GET", "/v1/services")
        ).services
        let words = [
            "running", "starting", "stopping", "backoff", "armed", "stopped", "failed",
        ]
        let counts = words.map { word in (word, services.count { $0.status == word }) }
        if context.isJSON {
            // Two answers in one line, so this body is the client's own.
            var json = JSONText()
            json.beginObject()
            json.field("status", health.status)
            json.field("version", health.version)
            json.field("address", client.address.url)
            json.key("services")
            json.beginObject()
            json.field("total", services.count)
            for (word, count) in counts {
                json.key(text: word)
                json.integer(count)
            }
            json.endObject()
            json.endObject()
            context.printJSON(json.bytes)
            return .success
        }
        if context.isQuiet {
            context.print(DisplayText.escaped(health.status))
            return .success
        }
        let shown = counts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }
        let summary =
            services.isEmpty
            ? "none" : "\(services.count) (\(shown.joined(separator: ", ")))"
        printLines(
            [
                ("daemon", health.status, health.status == "ok" ? .good : .bad),
                ("version", health.version, nil), ("address", client.address.url, nil),
                ("services", summary, nil),
            ], context)
        return .success
    }

    // MARK: url, health, version

    static let url: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let (url, body) = try resolved(context)
        if context.isJSON {
            context.printJSON(body)
        } else {
            context.print(DisplayText.escaped(url))
        }
        return .success
    }

    /// The URL of the service that was named, and the answer it comes from.
    static func resolved(
        _ context: CommandContext
    ) throws(CommandFailure) -> (url: String, body: [UInt8]) {
        let name = context.invocation.arguments[0]
        let client = try context.client()
        let body = try ServiceCommands.named(name, client, context) { () throws(CommandFailure) in
            try client.call("GET", "/v1/resolve/" + DaemonClient.percentEncoded(name))
        }
        let url = try client.decode(ResolutionAnswer.self, body).url
        guard let url else {
            throw CommandFailure(
                exit: .failure, code: "no_url", message: "\(name) has no port, so it has no URL",
                hint: "give it one: gr add \(ShellQuoting.quoted(name)) --port PORT")
        }
        return (url, body)
    }

    static let health: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let body = try client.call("GET", "/health", within: .seconds(5))
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let health = try client.decode(HealthAnswer.self, body)
        let version = health.version.map { ", version \(DisplayText.escaped($0))" } ?? ""
        context.say("\(DisplayText.escaped(health.status))\(version) at \(client.address.url)")
        return health.status == "ok" ? .success : .failure
    }

    static let version: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        if context.isQuiet, !context.isJSON {
            context.print(Version.text)
            return .success
        }
        // A daemon that does not answer is no failure here: the question was about gr.
        var client = try? context.client()
        // The two versions are the answer: a remark beside them says it twice.
        client?.noteServer = { _ in }
        let body = try? client?.call("GET", "/health", within: .seconds(2))
        let daemon = body.flatMap { try? client?.decode(HealthAnswer.self, $0) }?.version
        if context.isJSON {
            var json = JSONText()
            json.beginObject()
            json.field("version", Version.text)
            json.field("daemon", daemon)
            json.endObject()
            context.printJSON(json.bytes)
            return .success
        }
        context.print("gr \(Version.text)")
        guard let daemon, let client else {
            context.print("daemon not reachable")
            return .success
        }
        context.print("daemon \(DisplayText.escaped(daemon)) at \(client.address.url)")
        if daemon != Version.text {
            context.warn(
                "gr and the daemon differ in version; start it anew, services go on: "
                    + client.place.restart)
        }
        return .success
    }
}
