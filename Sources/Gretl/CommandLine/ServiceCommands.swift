// The commands that change something: add, rm, start, stop, restart. Each is one API call per name;
// what the daemon decides is not decided again here.

enum ServiceCommands {
    private static let defaultTimeout = Duration.seconds(30)
    private static let defaultGrace = Duration.seconds(5)
    /// How much longer than the daemon a command waits: it may have to start dependencies first.
    private static let patience = Duration.seconds(30)

    // MARK: add

    static let add: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let name = context.invocation.arguments[0]
        let body = try specification(context)
        let client = try context.client()
        let answer = try client.call(
            "POST", "/v1/services", body: body, within: .seconds(30))
        if context.isJSON {
            context.printJSON(answer)
            return .success
        }
        let service = try client.decode(ServiceAnswer.self, answer)
        context.say("\(shown(name)) added\(service.url.map { ", \(shown($0))" } ?? "")")
        warn(service.warnings, context)
        return .success
    }

    /// The body of POST /v1/services: only what was given, because absent means "leave it".
    private static func specification(_ context: CommandContext) throws(CommandFailure) -> [UInt8] {
        let given = context.invocation
        var json = JSONText()
        json.beginObject()
        json.field("name", given.arguments[0])
        if given.has("no-port") {
            if given.has("port") { throw .usage("--port and --no-port exclude each other") }
            json.nullField("port")
        } else if let text = given.value("port") {
            json.field("port", try port(text))
        }
        let command = try command(given)
        if let command { json.field("cmd", command) }
        if let directory = given.value("cwd") {
            json.field("cwd", try absolute(directory, context))
        } else if command != nil {
            json.field("cwd", try absolute(".", context))
        }
        if let group = given.value("group") {
            guard group.hasPrefix("@") else {
                throw .usage("a group starts with @", hint: "did you mean '@\(group)'?")
            }
            json.field("group", group)
        }
        if let ready = given.value("ready") { json.field("ready", ready) }
        if given.has("env") {
            json.field("env", pairs: try variables(given.values("env")))
        }
        if let restart = given.value("restart") { json.field("restart", restart) }
        if given.has("depends-on") { json.field("dependsOn", given.values("depends-on")) }
        json.endObject()
        return json.bytes
    }

    private static func port(_ text: String) throws(CommandFailure) -> Int {
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = Int(text),
            (1...65_535).contains(port)
        else { throw .usage("'\(text)' is no port", hint: "a port is a number from 1 to 65535") }
        return port
    }

    private static func command(_ given: Invocation) throws(CommandFailure) -> String? {
        guard let words = given.userCommand else { return given.value("cmd") }
        if given.has("cmd") { throw .usage("--cmd and words behind -- exclude each other") }
        guard !words.isEmpty else { throw .usage("no command stands behind --") }
        return words.map(ShellQuoting.quoted).joined(separator: " ")
    }

    private static func absolute(
        _ path: String, _ context: CommandContext
    ) throws(CommandFailure) -> String {
        if path.hasPrefix("/") { return path }
        guard let directory = context.io.directory else {
            throw .usage("the directory here is gone", hint: "give --cwd an absolute path")
        }
        if path == "." || path.isEmpty { return directory }
        let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return directory.hasSuffix("/") ? directory + relative : directory + "/" + relative
    }

    private static func variables(
        _ words: [String]
    ) throws(CommandFailure) -> [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        for word in words {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                throw .usage("'\(word)' is no variable", hint: "write it as NAME=VALUE")
            }
            let key = String(word[..<equals])
            pairs.removeAll { $0.key == key }
            pairs.append((key: key, value: String(word[word.index(after: equals)...])))
        }
        return pairs
    }

    // MARK: rm, start, stop, restart

    static let remove: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let grace = try time("grace", context)
        let query = grace.map { "?grace=\($0.inWholeMilliseconds)" } ?? ""
        let client = try context.client()
        return context.forEachName { (name) throws(CommandFailure) in
            let answer = try named(name, client, context) { () throws(CommandFailure) in
                try client.call(
                    "DELETE", DaemonClient.target(service: name, query),
                    within: (grace ?? defaultGrace) + patience)
            }
            finish(answer, context) { "\(shown(name)) removed" }
        }
    }

    static let start: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let timeout = try time("timeout", context)
        let client = try context.client()
        return context.forEachName { (name) throws(CommandFailure) in
            try bringUp(
                name, timeout.map { "/start?timeout=\($0.inWholeMilliseconds)" } ?? "/start",
                within: timeout ?? defaultTimeout, client, context)
        }
    }

    static let stop: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let grace = try time("grace", context)
        let client = try context.client()
        return context.forEachName { (name) throws(CommandFailure) in
            let answer = try named(name, client, context) { () throws(CommandFailure) in
                try stop(name, grace, client)
            }
            let change = try client.decode(ChangeAnswer.self, answer)
            finish(answer, context) { "\(shown(name)) stopped\(ending(change))" }
        }
    }

    static let restart: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let timeout = try time("timeout", context)
        let grace = try time("grace", context)
        let client = try context.client()
        let query = [("grace", grace), ("timeout", timeout)].compactMap { name, value in
            value.map { "\(name)=\($0.inWholeMilliseconds)" }
        }
        return context.forEachName { (name) throws(CommandFailure) in
            try bringUp(
                name, query.isEmpty ? "/restart" : "/restart?\(query.joined(separator: "&"))",
                within: (grace ?? defaultGrace) + (timeout ?? defaultTimeout), client, context)
        }
    }

    /// A call whose answer comes when the service is ready.
    private static func bringUp(
        _ name: String, _ operation: String, within time: Duration, _ client: DaemonClient,
        _ context: CommandContext
    ) throws(CommandFailure) {
        let answer = try named(name, client, context) { () throws(CommandFailure) in
            do throws(CommandFailure) {
                return try client.call(
                    "POST", DaemonClient.target(service: name, operation),
                    within: time + patience)
            } catch {
                guard error.code == "answer_timeout" else { throw error }
                throw CommandFailure(
                    exit: .notReady, code: "ready_timeout",
                    message: "\(name) was not ready in time, and the daemon did not say why",
                    hint: "see: gr status \(name)")
            }
        }
        let change = try client.decode(ChangeAnswer.self, answer)
        finish(answer, context) {
            "\(shown(name)) \(shown(change.status ?? "running"))"
                + (change.pid.map { ", pid \($0)" } ?? "")
        }
        warn(change.warnings, context)
    }

    private static func stop(
        _ name: String, _ grace: Duration?, _ client: DaemonClient
    ) throws(CommandFailure) -> [UInt8] {
        let query = grace.map { "?grace=\($0.inWholeMilliseconds)" } ?? ""
        return try client.call(
            "POST", DaemonClient.target(service: name, "/stop" + query),
            within: (grace ?? defaultGrace) + patience)
    }

    // MARK: Pieces

    /// Adds to an unknown name the known one nearest to it. Under --json the API's words stand.
    @discardableResult
    static func named<Value>(
        _ name: String, _ client: DaemonClient, _ context: CommandContext,
        _ operation: () throws(CommandFailure) -> Value
    ) throws(CommandFailure) -> Value {
        do {
            return try operation()
        } catch {
            guard error.exit == .unknownService, !context.isJSON,
                let body = try? client.call("GET", "/v1/services", within: .seconds(1)),
                let list = try? client.decode(ServiceListAnswer.self, body),
                let hint = Suggestion.hint(for: name, among: list.services.map(\.name))
            else { throw error }
            var failure = error
            failure.hint = hint
            throw failure
        }
    }

    private static func finish(
        _ answer: [UInt8], _ context: CommandContext, _ line: () -> String
    ) {
        if context.isJSON { context.printJSON(answer) } else { context.say(line()) }
    }

    private static func time(
        _ option: String, _ context: CommandContext
    ) throws(CommandFailure) -> Duration? {
        guard let text = context.invocation.value(option) else { return nil }
        guard let duration = Quantities.duration(text) else {
            throw .usage("'\(text)' is no time", hint: "write it as 500ms, 30s or 2m, at most 10m")
        }
        return duration
    }

    private static func ending(_ change: ChangeAnswer) -> String {
        if change.forced == true { return ", killed after the grace period" }
        if let signal = change.signal { return ", ended by \(shown(signal))" }
        return change.exitCode.map { ", exit code \($0)" } ?? ""
    }

    private static func warn(_ warnings: [String]?, _ context: CommandContext) {
        for warning in warnings ?? [] {
            context.warn("warning: \(warning)")
        }
    }

    private static func shown(_ text: String) -> String { DisplayText.escaped(text) }
}

extension Duration {
    /// Whole milliseconds of a duration that passed ``Quantities/duration(_:)``.
    fileprivate var inWholeMilliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}

/// Words as a shell reads them back.
enum ShellQuoting {
    /// `word` as it is when no shell sees more in it than letters, else in single quotes.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                // % + , - . / : @ _
                case 0x25, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x3A, 0x40, 0x5F: true
                default: false
                }
            }
        if isPlain { return word }
        var quoted = "'"
        for scalar in word.unicodeScalars {
            if scalar == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(scalar) }
        }
        return quoted + "'"
    }
}
