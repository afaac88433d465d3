// What gr status says below the facts: the last lines of a service that crashed, and what to do
// next.

enum StatusAdvice {
    /// Lines of the log behind a crash.
    private static let lines = 10

    static func show(
        _ service: ServiceAnswer, _ client: DaemonClient, _ context: CommandContext
    ) throws(CommandFailure) {
        if hasCrashed(service), service.logFile != nil {
            let color = context.style.isColored ? 1 : 0
            let target = "/logs?lines=\(lines)&color=\(color)"
            let body = try client.call("GET", DaemonClient.target(service: service.name, target))
            let answer = try client.decode(LogAnswer.self, body)
            if !answer.lines.isEmpty { context.print(context.style.paint("last lines", .dim)) }
            for line in answer.lines {
                let text = DisplayText.output(line.text, keepsColors: context.style.isColored)
                context.print("  " + text)
            }
        }
        if let next = next(service) {
            context.print(context.style.paint("next", .dim) + "        " + next)
        }
    }

    private static func hasCrashed(_ service: ServiceAnswer) -> Bool {
        switch service.status {
        case "failed", "backoff": true
        case "stopped", "starting": (service.exitCode ?? 0) != 0 && service.signal != "SIGTERM"
        default: false
        }
    }

    /// What a person would do now; nil when nothing is to be done.
    private static func next(_ service: ServiceAnswer) -> String? {
        let name = DisplayText.escaped(ShellQuoting.quoted(service.name))
        switch service.status {
        case "failed", "backoff": return "gr logs \(name); then gr start \(name)"
        case "stopped" where service.cmd == nil:
            let port = service.port.map { " on port \($0)" } ?? ""
            return "nobody listens\(port), and without a cmd the daemon cannot start it"
        case "stopped": return "gr start \(name)"
        case "starting": return "gr wait \(name)"
        default:
            guard service.pendingChange == true else { return nil }
            return "gr restart \(name): it runs with what was registered before"
        }
    }
}
