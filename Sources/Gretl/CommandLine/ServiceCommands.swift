// The commands that change something: rm, start, stop, restart. Each is one API call per name; what
// the daemon decides is not decided again here. Groups are in GroupCommands, add in AddCommand.

internal import NetCore

enum ServiceCommands {
    private static let defaultTimeout = Duration.seconds(30)
    private static let defaultGrace = Duration.seconds(5)
    /// How much longer than the daemon a command waits. It bounds each step itself, and a start may
    /// have many of them before it; a daemon that ends is noticed at once.
    private static let patience = Duration.seconds(1_200)

    // MARK: rm, start, stop, restart

    static let remove: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let grace = try time("grace", context)
        let query = Self.query(
            ["grace": grace], more: context.invocation.has("purge") ? ["purge=1"] : [])
        let client = try context.client()
        return context.forEachName { (name) throws(CommandFailure) in
            guard !name.hasPrefix("@") else {
                throw .usage(
                    "gr rm takes services, and \(name) is a group",
                    hint: "its members: gr ls -q \(ShellQuoting.quoted(name))")
            }
            let answer = try named(name, client, context) { () throws(CommandFailure) in
                try client.call(
                    "DELETE", DaemonClient.target(service: name, query),
                    within: (grace ?? defaultGrace) + patience)
            }
            finish(answer, context) { "\(shown(name)) removed" }
            warn(try client.decode(ChangeAnswer.self, answer).warnings, context)
        }
    }

    static let start: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let timeout = try time("timeout", context)
        let client = try context.client()
        if context.invocation.has("plan") { return try plan(client, context) }
        let query = Self.query(
            ["timeout": timeout], more: context.invocation.has("no-deps") ? ["deps=0"] : [])
        return context.forEachWord { (name) throws(CommandFailure) in
            let time = (timeout ?? defaultTimeout) + patience
            if name.hasPrefix("@") {
                return try GroupCommands.change(
                    name, "/start" + query, within: time, client, context)
            }
            return try bringUp(name, "/start" + query, within: time, client, context)
        }
    }

    static let stop: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let grace = try time("grace", context)
        let client = try context.client()
        let query = Self.query(["grace": grace])
        return context.forEachWord { (name) throws(CommandFailure) in
            let time = (grace ?? defaultGrace) + patience
            if name.hasPrefix("@") {
                return try GroupCommands.change(
                    name, "/stop" + query, within: time, client, context)
            }
            let answer = try named(name, client, context) { () throws(CommandFailure) in
                try client.call(
                    "POST", DaemonClient.target(service: name, "/stop" + query), within: time)
            }
            let change = try client.decode(ChangeAnswer.self, answer)
            finish(answer, context) { "\(shown(name)) stopped\(ending(change))" }
            return .success
        }
    }

    static let restart: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let timeout = try time("timeout", context)
        let grace = try time("grace", context)
        let client = try context.client()
        let deps = context.invocation.has("no-deps") ? ["deps=0"] : []
        return context.forEachWord { (name) throws(CommandFailure) in
            let time = (grace ?? defaultGrace) + (timeout ?? defaultTimeout) + patience
            if name.hasPrefix("@") {
                // The API has no restart of a group: all are stopped, then all are started.
                let stopped = try GroupCommands.change(
                    name, "/stop" + Self.query(["grace": grace]), within: time, client, context)
                guard stopped == .success else { return stopped }
                return try GroupCommands.change(
                    name, "/start" + Self.query(["timeout": timeout], more: deps), within: time,
                    client, context)
            }
            let query = Self.query(["grace": grace, "timeout": timeout], more: deps)
            return try bringUp(name, "/restart" + query, within: time, client, context)
        }
    }

    /// `?grace=5000&timeout=30000`; empty when nothing was given.
    private static func query(_ times: [String: Duration?], more: [String] = []) -> String {
        let given = times.sorted { $0.key < $1.key }.compactMap { name, time in
            time.map { "\(name)=\($0.inMilliseconds)" }
        }
        let words = given + more
        return words.isEmpty ? "" : "?" + words.joined(separator: "&")
    }

    /// A call whose answer comes when the service is ready.
    private static func bringUp(
        _ name: String, _ operation: String, within time: Duration, _ client: DaemonClient,
        _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        let answer = try named(name, client, context) { () throws(CommandFailure) in
            try client.call("POST", DaemonClient.target(service: name, operation), within: time)
        }
        let change = try client.decode(ChangeAnswer.self, answer)
        finish(answer, context) {
            "\(shown(name)) \(shown(change.status ?? "running"))"
                + (change.pid.map { ", pid \($0)" } ?? "")
        }
        warn(change.warnings, context)
        return .success
    }

    private struct Plan: Decodable {
        struct Step: Decodable {
            let name: String
            let action: String
            let reason: String?
        }
        let plan: [Step]
    }

    /// What a start would do.
    private static func plan(
        _ client: DaemonClient, _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        context.forEachName { (name) throws(CommandFailure) in
            let target =
                name.hasPrefix("@")
                ? GroupCommands.target(name, "/start?plan=1")
                : DaemonClient.target(service: name, "/start?plan=1")
            let body = try named(name, client, context) { () throws(CommandFailure) in
                try client.call("POST", target)
            }
            if context.isJSON { return context.printJSON(body) }
            for step in try client.decode(Plan.self, body).plan {
                if context.isQuiet {
                    if step.action == "start" { context.print(shown(step.name)) }
                    continue
                }
                let reason = step.reason.map { ": \(shown($0))" } ?? ""
                context.print("\(shown(step.action)) \(shown(step.name))\(reason)")
            }
        }
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

    /// The value of an option as a time.
    static func time(
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
