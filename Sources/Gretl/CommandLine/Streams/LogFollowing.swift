// gr logs -f: the newest lines of one or many services, then what they write, over restarts of the
// services and of the daemon, until somebody interrupts it.
//
// Each service has a stream of its own, because only then has each line a place: after a break
// every log goes on behind the last line that was shown, without one twice or left out. What is new
// is shown in the order in which it comes.

internal import NetCore

/// Follows logs.
struct LogFollowing {
    /// One service.
    private struct Followed {
        let name: String
        /// Behind the last line shown; nil when its log was empty.
        var place: String?
        var isOver = false
    }

    private let request: LogRequest
    private let context: CommandContext
    private let client: DaemonClient
    private var followed: [Followed]
    private var streams: [StreamClient]
    private var printer: LogPrinter
    private var isLost = false

    init(
        _ names: [String], _ request: LogRequest, _ client: DaemonClient, _ context: CommandContext
    ) throws(CommandFailure) {
        guard names.count <= ServiceChoice.most else {
            throw .usage(
                "\(names.count) services are more than the \(ServiceChoice.most) that can be "
                    + "followed at once", hint: ServiceChoice.fewer)
        }
        self.request = request
        self.context = context
        self.client = client
        followed = names.map { Followed(name: $0) }
        streams = names.map { _ in StreamClient() }
        printer = LogPrinter(names, request, context)
    }

    /// Until every service was removed; an interrupt ends the process.
    mutating func run() throws(CommandFailure) -> ExitCode {
        try showNewest()
        while followed.contains(where: { !$0.isOver }) {
            let now = SystemTime.shared.now()
            var isIdle = true
            for index in followed.indices where !followed[index].isOver {
                if try advance(index, now) { isIdle = false }
            }
            printer.flush()
            try context.io.checkOutput()
            if isIdle { streams.wait(now) }
        }
        printer.end()
        return .success
    }

    /// The newest lines of all together, as `gr logs` without -f shows them.
    private mutating func showNewest() throws(CommandFailure) {
        var lines: [(time: String, order: Int, line: LogLineAnswer, name: String)] = []
        for index in followed.indices {
            let name = followed[index].name
            let body = try client.call(
                "GET", DaemonClient.target(service: name, "/logs?\(request.query)"),
                within: .seconds(60))
            let answer = try client.decode(LogAnswer.self, body)
            followed[index].place = answer.after
            // A line whose time nobody noted stays behind the one before it.
            var time = ""
            for line in answer.lines {
                time = max(time, line.time ?? "")
                lines.append((time, lines.count, line, name))
            }
            if answer.truncated == true { context.warn(LogPrinter.truncated) }
        }
        // RFC 3339 of one zone sorts as text.
        lines.sort { ($0.time, $0.order) < ($1.time, $1.order) }
        for entry in lines.suffix(request.lines) { printer.add(entry.line, of: entry.name) }
    }

    /// True when there may be more to do at once.
    private mutating func advance(
        _ index: Int, _ now: Instant
    ) throws(CommandFailure) -> Bool {
        let service = followed[index]
        let progress: StreamClient.Progress
        var stream = streams[index]
        defer { streams[index] = stream }
        do throws(CommandFailure) {
            progress = try stream.advance(now) { () throws(CommandFailure) in
                try open(service)
            }
        } catch {
            guard error.exit == .unknownService else { throw error }
            followed[index].isOver = true
            printer.remark("\(service.name) was removed")
            return true
        }
        switch progress {
        case .waiting: return false
        case .frames(let frames):
            for frame in frames { take(frame, index) }
            return true
        case .lost:
            if !isLost { printer.remark(StreamClient.lostRemark) }
            isLost = true
            return false
        case .reopened:
            if isLost { printer.remark(StreamClient.backRemark) }
            isLost = false
            return true
        }
    }

    private func open(_ service: Followed) throws(CommandFailure) -> BlockingStream {
        var query = ["follow=1"] + request.lasting
        if let place = service.place {
            query += ["lines=0", "after=" + DaemonClient.percentEncoded(place)]
        } else {
            // Its log was empty: all that stands in it by now is new.
            query.append("lines=10000")
        }
        return try context.returningClient().open(
            "GET",
            DaemonClient.target(service: service.name, "/logs?" + query.joined(separator: "&")))
    }

    private mutating func take(_ frame: StreamFrame, _ index: Int) {
        if let id = frame.id { followed[index].place = id }
        switch frame.type {
        case "log":
            if context.isJSON || context.invocation.has("jsonl") {
                printer.add(json: frame.data)
            } else if let line = DaemonClient.value(LogLineAnswer.self, frame.data) {
                printer.add(line, of: followed[index].name)
            }
        case "log.gap":
            if context.isJSON || context.invocation.has("jsonl") {
                printer.add(json: frame.data)
            } else {
                printer.remark(gap(frame, followed[index].name))
            }
        default: break
        }
    }

    private struct Gap: Decodable {
        let reason: String?
        let bytes: Int?
    }

    private func gap(_ frame: StreamFrame, _ name: String) -> String {
        let gap = DaemonClient.value(Gap.self, frame.data)
        let size = gap?.bytes.map { ", at least \($0) bytes" } ?? ""
        return "\(name): lines are missing here (\(gap?.reason ?? "unknown")\(size))"
    }
}
