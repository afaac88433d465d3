// What a person at a terminal sees while `gr up` or `gr down` waits: a line for each service that
// got there or failed, and below them one that tells how far it is and is taken away at the end.
// Ctrl-C ends the waiting and says what goes on. Nothing of it is for a pipe, --json or --quiet.

internal import NetCore

/// The progress of a start or a stop of many services.
final class ChangeProgress {
    /// What they are to become.
    enum Goal {
        case up, stopped

        /// In the line below.
        var word: String { self == .up ? "up" : "stopped" }
        var hint: String {
            self == .up
                ? "gr ls shows how far it is, gr down stops it" : "gr ls shows how far it is"
        }

        func isReached(_ status: String?) -> Bool {
            switch self {
            case .up: status == "running" || status == "armed"
            case .stopped: status == "stopped" || status == "failed"
            }
        }

        /// Whether it is on its way; of others nothing is said.
        func isUnderWay(_ status: String?) -> Bool {
            switch self {
            case .up: status == "starting" || status == "backoff"
            case .stopped: status == "stopping"
            }
        }
    }

    private let goal: Goal
    private let context: CommandContext
    private var client: DaemonClient
    private let style: OutputStyle
    private let began: Int64
    /// Held back, so that the end is told; nil when nobody looks.
    private let signals: HeldSignals?
    /// What was last seen of each service.
    private var statuses: [String: String]
    /// Those that are tried again; said once.
    private var failing: Set<String> = []
    private var isShown = false

    /// `statuses` are those of before.
    init(
        _ goal: Goal, _ context: CommandContext, _ client: DaemonClient,
        statuses: [String: String]
    ) {
        self.goal = goal
        self.context = context
        self.client = client
        // A look must not start a daemon that somebody stops meanwhile.
        self.client.start = nil
        self.statuses = statuses
        style = OutputStyle(
            choice: CommandContext.color(context.invocation), isTerminal: true,
            environment: context.environment)
        began = context.io.wallSeconds()
        let isWatched = context.io.errorsAreTerminal && !context.isJSON && !context.isQuiet
        signals = isWatched ? HeldSignals(HeldSignals.ending) : nil
    }

    /// Signals end the process again.
    func end() { signals?.release() }

    /// Makes the call, beside what is shown when somebody looks.
    func watch<Value: Sendable>(
        _ names: [String], _ call: @escaping @Sendable () -> Value
    ) -> Value {
        guard let signals, let thread = SideThread.run(call) else { return call() }
        defer { clear() }
        // The call has a deadline of its own.
        while true {
            for _ in 0..<10 {
                if let value = thread.value { return value }
                let isHeld = Terminal.waitReadable([signals.descriptor], milliseconds: 20)[0]
                if isHeld, let number = signals.next() { interrupt(number, names) }
            }
            if let now = try? client.services() { show(names, now) }
        }
    }

    // MARK: Lines

    private func show(_ names: [String], _ now: [String: ServiceAnswer]) {
        let seconds = max(0, context.io.wallSeconds() - began)
        for name in names {
            guard let status = now[name]?.status, status != statuses[name] else { continue }
            statuses[name] = status
            let isFailure = goal == .up && (status == "failed" || status == "backoff")
            guard goal.isReached(status) || isFailure && failing.insert(name).inserted else {
                continue
            }
            clear()
            let (text, ink) = style.status(status)
            write("\(DisplayText.escaped(name)): \(style.paint(text, ink)), \(seconds)s\n")
        }
        let count = names.count { goal.isReached(statuses[$0]) }
        let waiting = names.filter { goal.isUnderWay(statuses[$0]) }
        let mark = style.isUnicode ? "◐" : "+"
        var line = "\(mark) \(count)/\(names.count) \(goal.word), \(seconds)s"
        if !waiting.isEmpty {
            line += goal == .up ? "; starting: " : "; stopping: "
            line += waiting.joined(separator: ", ")
        }
        line = DisplayText.escaped(line)
        let most = max(20, context.io.columns ?? 80) - 1
        while DisplayText.width(line) > most { line.removeLast() }
        write("\r\u{1B}[K" + style.paint(line, .busy))
        isShown = true
    }

    /// Takes the line away that is not for good.
    private func clear() {
        if isShown { write("\r\u{1B}[K") }
        isShown = false
    }

    /// Says what goes on without anybody waiting, and ends as the signal ends a process.
    private func interrupt(_ number: Int32, _ names: [String]) {
        // What the terminal shows of the key goes too.
        isShown = true
        clear()
        let waiting = names.filter { !goal.isReached(statuses[$0]) }
        let more = waiting.count > 10 ? " and \(waiting.count - 10) more" : ""
        let what =
            waiting.isEmpty
            ? "what was begun" : waiting.prefix(10).joined(separator: ", ") + more
        context.warn("no longer waiting; the daemon goes on with \(what)")
        write(style.paint("hint:", .strong) + " \(goal.hint)\n")
        Terminal.end(by: number)
    }

    private func write(_ text: String) { context.io.writeErrors(Array(text.utf8)) }
}

extension DaemonClient {
    /// All registered services by name.
    func services() throws(CommandFailure) -> [String: ServiceAnswer] {
        let body = try call("GET", "/v1/services", within: .seconds(30))
        let list = try decode(ServiceListAnswer.self, body).services
        return Dictionary(list.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
