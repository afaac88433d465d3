// Groups on the command line: their list, and start, stop and restart of all members. The daemon
// decides about order and failures; here its results become lines and an exit code.

/// A group as GET /v1/groups gives it.
struct GroupAnswer: Decodable, Sendable {
    let name: String
    let services: Int?
    let running: Int?
}

/// What became of one service of a group.
struct GroupOutcome: Decodable, Sendable {
    let name: String
    let outcome: String
    let pid: Int?
    let code: String?
    let message: String?

    var isFailure: Bool { ["failed", "skipped", "cancelled"].contains(outcome) }
}

enum GroupCommands {
    private struct List: Decodable {
        let groups: [GroupAnswer]
    }

    private struct Members: Decodable {
        struct Member: Decodable {
            let name: String
        }
        let members: [Member]
    }

    private struct Results: Decodable {
        struct Details: Decodable {
            let results: [GroupOutcome]
        }
        let results: [GroupOutcome]?
        let details: Details?
        let warnings: [String]?
    }

    /// Throws for a group that no service belongs to: an empty list would hide a slip.
    static func check(
        _ group: String, _ client: DaemonClient
    ) throws(CommandFailure) {
        let body = try client.call("GET", "/v1/groups")
        let names = try client.decode(List.self, body).groups.map(\.name)
        guard !names.contains(group) else { return }
        throw CommandFailure(
            exit: .unknownService, code: "unknown_group",
            message: "no service belongs to the group '\(group)'",
            hint: Suggestion.hint(for: group, among: names) ?? "run 'gr group ls' for the groups")
    }

    // MARK: group ls

    static let list: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let body = try client.call("GET", "/v1/groups")
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let groups = try client.decode(List.self, body).groups
        if context.isQuiet {
            for group in groups { context.print(DisplayText.escaped(group.name)) }
        } else if groups.isEmpty, context.style.isDecorated {
            context.print("no groups yet; put a service into one: gr add NAME --group @GROUP")
        } else {
            var table = TableOutput(columns: [
                .init(title: "NAME"), .init(title: "SERVICES", isNumber: true),
                .init(title: "RUNNING", isNumber: true),
            ])
            for group in groups {
                let isUp = group.running == group.services
                let ink: Ink? = isUp ? .good : group.running == 0 ? .dim : .busy
                table.add([
                    .init(DisplayText.escaped(group.name)),
                    .init(group.services.map { "\($0)" } ?? "-"),
                    .init(group.running.map { "\($0)" } ?? "-", ink),
                ])
            }
            let text = table.text(context.style, within: context.io.columns)
            context.io.writeOutput(Array(text.utf8))
        }
        return .success
    }

    /// The names of a group's services.
    static func members(
        _ group: String, _ client: DaemonClient, _ context: CommandContext
    ) throws(CommandFailure) -> [String] {
        try named(group, client, context) { () throws(CommandFailure) in
            let body = try client.call("GET", target(group))
            return try client.decode(Members.self, body).members.map(\.name)
        }
    }

    static func target(_ group: String, _ rest: String = "") -> String {
        "/v1/groups/" + DaemonClient.percentEncoded(group) + rest
    }

    /// Adds to an unknown group the known one nearest to it. Under --json the API's words stand.
    private static func named<Value>(
        _ group: String, _ client: DaemonClient, _ context: CommandContext,
        _ operation: () throws(CommandFailure) -> Value
    ) throws(CommandFailure) -> Value {
        do {
            return try operation()
        } catch {
            guard error.code == "unknown_group", !context.isJSON,
                let body = try? client.call("GET", "/v1/groups", within: .seconds(1)),
                let list = try? client.decode(List.self, body),
                let hint = Suggestion.hint(for: group, among: list.groups.map(\.name))
            else { throw error }
            var failure = error
            failure.hint = hint
            throw failure
        }
    }

    // MARK: start, stop

    /// One operation on a whole group; the exit code says whether all, some or none failed.
    static func change(
        _ group: String, _ operation: String, within time: Duration, _ client: DaemonClient,
        _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        let body: [UInt8]
        do throws(CommandFailure) {
            body = try named(group, client, context) { () throws(CommandFailure) in
                try client.call("POST", target(group, operation), within: time)
            }
        } catch {
            // Its details are the results, as in an answer without a failure.
            guard error.code == "group_failed", let details = error.body else { throw error }
            body = details
        }
        let answer = try client.decode(Results.self, body)
        let results = answer.results ?? answer.details?.results ?? []
        if context.isJSON { context.printJSON(body) }
        for result in results {
            let name = DisplayText.escaped(result.name)
            guard result.isFailure else {
                let pid = result.pid.map { ", pid \($0)" } ?? ""
                context.say("\(name) \(DisplayText.escaped(result.outcome))\(pid)")
                continue
            }
            let reason = result.message.map { ": \($0)" } ?? ""
            context.complain("\(result.name) \(result.outcome)\(reason)")
        }
        for warning in answer.warnings ?? [] { context.warn("warning: \(warning)") }
        let failed = results.filter(\.isFailure)
        guard let first = failed.first else { return .success }
        let name = ShellQuoting.quoted(first.name)
        context.advise("see: gr status \(name), gr logs \(name)")
        return failed.count == results.count ? .failure : .partialFailure
    }
}
