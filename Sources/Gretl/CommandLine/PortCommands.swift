// Ports on the command line: who has one, ending whoever has it, and taking it over as a service.
// The daemon decides what may be touched; here a person is shown it first and asked.

internal import NetCore

/// A listener as GET /v1/ports gives it.
struct PortAnswer: Decodable, Sendable {
    let port: Int
    let addresses: [String]?
    let pid: Int?
    let program: String?
    let uid: Int?
    let service: String?
    let isDocker: Bool?
}

/// The answer of GET /v1/ports.
struct PortListAnswer: Decodable, Sendable {
    let ports: [PortAnswer]
}

enum PortCommands {
    private struct Holders: Decodable {
        let holders: [PortAnswer]
    }

    private struct Killed: Decodable {
        let pid: Int?
        let program: String?
        let service: String?
        let forced: Bool?
    }

    /// `3000` or `:3000`.
    static func port(_ text: String) throws(CommandFailure) -> Int {
        try AddCommand.port(text.hasPrefix(":") ? String(text.dropFirst()) : text)
    }

    // MARK: ports, who

    static let list: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let body = try client.call("GET", "/v1/ports")
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        show(try client.decode(PortListAnswer.self, body).ports, context)
        return .success
    }

    static let who: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let port = try port(context.invocation.arguments[0])
        let client = try context.client()
        let body = try seen(at: port, client)
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let holders = try client.decode(Holders.self, body).holders
        if context.isQuiet {
            for pid in holders.compactMap(\.pid) { context.print("\(pid)") }
            return .success
        }
        for holder in holders { context.print(words(holder)) }
        if holders.contains(where: { $0.service == nil && $0.pid != nil }) {
            context.say("take it over: gr adopt \(port) --as NAME; end it: gr kill :\(port)")
        }
        return .success
    }

    private static func seen(
        at port: Int, _ client: DaemonClient
    ) throws(CommandFailure) -> [UInt8] {
        try client.call("GET", "/v1/ports/\(port)")
    }

    private static func show(_ ports: [PortAnswer], _ context: CommandContext) {
        guard !context.isQuiet else {
            for port in ports { context.print("\(port.port)") }
            return
        }
        var table = TableOutput(columns: [
            .init(title: "PORT", isNumber: true), .init(title: "PID", isNumber: true),
            .init(title: "PROGRAM"), .init(title: "USER", expendability: 1),
            .init(title: "SERVICE"), .init(title: "ADDRESSES", expendability: 2),
        ])
        for port in ports {
            table.add([
                .init("\(port.port)"), .init(port.pid.map { "\($0)" } ?? "-"),
                .init(DisplayText.escaped(program(port) ?? "-")),
                .init(port.uid.map(Terminal.userName) ?? "-"),
                .init(DisplayText.escaped(port.service ?? "-"), port.service == nil ? nil : .good),
                .init(DisplayText.escaped((port.addresses ?? []).joined(separator: " ")), .dim),
            ])
        }
        context.io.writeOutput(Array(table.text(context.style, within: context.io.columns).utf8))
    }

    private static func program(_ holder: PortAnswer) -> String? {
        holder.isDocker == true ? "\(holder.program ?? "?") (docker)" : holder.program
    }

    /// `port 3000: pid 12044 (node), user me, on 127.0.0.1, service web`
    private static func words(_ holder: PortAnswer) -> String {
        var words: [String] = []
        let name = program(holder).map { " (\($0))" } ?? ""
        words.append(holder.pid.map { "pid \($0)\(name)" } ?? "a process that cannot be seen")
        if let uid = holder.uid { words.append("user \(Terminal.userName(uid))") }
        if let addresses = holder.addresses, !addresses.isEmpty {
            words.append("on \(addresses.joined(separator: " "))")
        }
        if let service = holder.service { words.append("service \(service)") }
        return DisplayText.escaped("port \(holder.port): \(words.joined(separator: ", "))")
    }

    // MARK: kill

    static let kill: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let given = context.invocation
        let port = try port(given.arguments[0])
        let grace = try ServiceCommands.time("grace", context)
        let client = try context.client()
        let holders = try client.decode(Holders.self, try seen(at: port, client)).holders
        let pid = try choice(of: holders, given.value("pid"), port)
        if !given.has("yes") {
            for holder in holders { context.warn(words(holder)) }
            guard context.io.inputIsTerminal, context.io.errorsAreTerminal else {
                throw .usage(
                    "gr kill asks first, and there is no terminal to ask on",
                    hint: "if that is the one: gr kill :\(port) --yes")
            }
            let service = holders.compactMap(\.service).first
            let question = service.map { "Stop service \($0)?" } ?? "End it?"
            guard context.ask(question) else {
                throw CommandFailure(
                    exit: .failure, code: "not_confirmed", message: "nothing was done", hint: nil)
            }
        }
        // Whom the user has seen: somebody who came in between is not ended.
        var query = pid.map { ["pid=\($0)"] } ?? []
        if let grace { query.append("grace=\(grace.inMilliseconds)") }
        let text = query.isEmpty ? "" : "?" + query.joined(separator: "&")
        let body = try client.call(
            "POST", "/v1/ports/\(port)/kill\(text)", within: .seconds(1_200))
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let killed = try client.decode(Killed.self, body)
        let name = killed.program.map { " (\($0))" } ?? ""
        let whom = killed.service.map { "service \($0) stopped" }
        let ended = whom ?? "pid \(killed.pid.map { "\($0)" } ?? "?")\(name) ended"
        let how = killed.forced == true ? ", killed after the grace period" : ""
        context.say(DisplayText.escaped("\(ended)\(how); port \(port) is free"))
        return .success
    }

    /// The process that is meant; nil when its pid cannot be seen, and the daemon says why.
    private static func choice(
        of holders: [PortAnswer], _ text: String?, _ port: Int
    ) throws(CommandFailure) -> Int? {
        if let text {
            guard let pid = Int(text), pid > 0 else { throw .usage("'\(text)' is no pid") }
            return pid
        }
        let pids = Set(holders.compactMap(\.pid))
        guard pids.count < 2 else {
            let list = pids.sorted().map { "\($0)" }.joined(separator: ", ")
            throw CommandFailure(
                exit: .conflict, code: "port_in_use",
                message: "several processes hold port \(port): pids \(list)",
                hint: "say which: gr kill :\(port) --pid \(pids.min() ?? 0); see: gr who \(port)")
        }
        return pids.first
    }

    // MARK: adopt

    static let adopt: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let given = context.invocation
        let port = try port(given.arguments[0])
        guard let name = given.value("as") else {
            throw .usage(
                "gr adopt needs --as NAME", hint: "usage: \(given.command.usage)")
        }
        var json = JSONText()
        json.beginObject()
        json.field("name", name)
        if let group = try AddCommand.group(given) { json.field("group", group) }
        if let command = given.value("cmd") { json.field("cmd", command) }
        if let directory = given.value("cwd") {
            json.field("cwd", try context.absolute(directory))
        }
        json.endObject()
        var query = ""
        if let text = given.value("pid") {
            guard let pid = Int(text), pid > 0 else { throw .usage("'\(text)' is no pid") }
            query = "?pid=\(pid)"
        }
        let client = try context.client()
        let body = try client.call(
            "POST", "/v1/ports/\(port)/adopt\(query)", body: json.bytes, within: .seconds(60))
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let service = try client.decode(ServiceAnswer.self, body)
        let pid = service.pid.map { "pid \($0)" } ?? "the process"
        context.say(DisplayText.escaped("\(pid) is service \(service.name) from now on"))
        if let command = service.cmd.map(DisplayText.escaped) {
            // A program given on a command line can have any length.
            let isLong = command.count > 100
            context.say("its next start runs: \(command.prefix(100))" + (isLong ? "…" : ""))
        }
        for warning in service.warnings ?? [] { context.warn("warning: \(warning)") }
        return .success
    }
}
