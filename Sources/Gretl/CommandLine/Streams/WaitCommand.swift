// gr wait: until services are ready, or stopped. It asks once and then again whenever the stream of
// events says that something happened to one of them, and once a second, because a service that
// somebody else runs has no events.

internal import NetCore

enum WaitCommand {
    /// What is waited for.
    private enum Goal: String {
        case ready
        case stopped

        /// Whether a status is what was wanted.
        func isReached(_ status: String) -> Bool {
            switch self {
            case .ready: status == "running" || status == "armed"
            case .stopped: status == "stopped" || status == "failed"
            }
        }
    }

    private static let defaultTimeout = Duration.seconds(30)
    private static let pause = Duration.seconds(1)

    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let goal = Goal(rawValue: context.invocation.value("for") ?? "ready") ?? .ready
        let timeout = try ServiceCommands.time("timeout", context) ?? defaultTimeout
        let client = try context.client()
        let names = try ServiceChoice.names(context.invocation.arguments, client, context)
        let deadline = SystemTime.shared.now() + timeout
        var left = names
        // Those that were seen at work since: they have ended and not just not begun.
        var wasUp: Set<String> = []
        var streams = [StreamClient()]
        while true {
            for name in left {
                guard let (service, body) = try ask(name, context) else { break }
                if goal.isReached(service.status) {
                    left.removeAll { $0 == name }
                    finish(service, body, context)
                } else if ["stopped", "failed"].contains(service.status) {
                    if wasUp.contains(name) { throw failed(service) }
                } else {
                    wasUp.insert(name)
                }
            }
            guard !left.isEmpty else { return .success }
            let now = SystemTime.shared.now()
            guard now < deadline else { throw late(left, goal.rawValue, context) }
            wasUp.formUnion(try listen(&streams, until: min(deadline, now + pause), context))
        }
    }

    /// Nil while the daemon is away: it may come back in time.
    private static func ask(
        _ name: String, _ context: CommandContext
    ) throws(CommandFailure) -> (ServiceAnswer, [UInt8])? {
        do throws(CommandFailure) {
            let client = try context.returningClient()
            let body = try client.call("GET", DaemonClient.target(service: name))
            return (try client.decode(ServiceAnswer.self, body), body)
        } catch {
            guard error.exit == .unreachable else { throw error }
            return nil
        }
    }

    /// Returns at the next event, or at that time: which services ended.
    private static func listen(
        _ streams: inout [StreamClient], until end: Instant, _ context: CommandContext
    ) throws(CommandFailure) -> [String] {
        while true {
            let now = SystemTime.shared.now()
            guard now < end else { return [] }
            let progress = try streams[0].advance(now) { () throws(CommandFailure) in
                try context.returningClient().open("GET", "/v1/events?stats=0")
            }
            switch progress {
            case .frames(let frames):
                guard !frames.isEmpty else { continue }
                return frames.filter { $0.type == "service.crashed" }
                    .compactMap { EventFields($0.data).text("name") }
            case .waiting: streams.wait(now, most: end - now)
            case .lost, .reopened: return []
            }
        }
    }

    private static func finish(
        _ service: ServiceAnswer, _ body: [UInt8], _ context: CommandContext
    ) {
        if context.isJSON {
            context.printJSON(body)
        } else {
            context.say(
                "\(DisplayText.escaped(service.name)) \(DisplayText.escaped(service.status))")
        }
    }

    private static func failed(_ service: ServiceAnswer) -> CommandFailure {
        CommandFailure(
            exit: .notReady, code: "ready_timeout",
            message: "\(service.name) failed: \(service.lastExit ?? "for an unknown reason")",
            hint: "see: gr logs \(ShellQuoting.quoted(service.name))")
    }

    private static func late(
        _ names: [String], _ goal: String, _ context: CommandContext
    ) -> CommandFailure {
        let status = (try? ask(names[0], context))?.0
        let first = ShellQuoting.quoted(names[0])
        let now = status.map { "; \($0.name) is \($0.status)" } ?? ""
        return CommandFailure(
            exit: .notReady, code: "ready_timeout",
            message: "not \(goal) in time: \(names.joined(separator: ", "))\(now)",
            hint: ["failed", "stopped"].contains(status?.status ?? "")
                ? "it does not start by itself: gr logs \(first); then gr start \(first)"
                : "see: gr status \(first); wait longer with --timeout 2m")
    }
}
