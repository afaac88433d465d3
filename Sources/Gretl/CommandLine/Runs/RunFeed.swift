// The events of one run as they come, for commands: asked for again and again from the last one
// seen, each time until there is one. So nothing is lost over restarts of the daemon or a network
// that breaks, and nothing is shown twice.

internal import NetCore

/// One event as a command reads it.
struct RunFrame: Decodable {
    let seq: Int64
    let kind: String
    let iteration: Int
    let payload: [String: JSONValue]

    func text(_ name: String) -> String? {
        guard case .string(let text)? = payload[name] else { return nil }
        return text
    }

    func number(_ name: String) -> Int64? {
        guard case .integer(let number)? = payload[name] else { return nil }
        return number
    }

    func amount(_ name: String) -> Double? {
        switch payload[name] {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    func flag(_ name: String) -> Bool { payload[name] == .bool(true) }
}

/// Reads events in order.
struct RunFeed {
    private let run: NamedRun
    private let context: CommandContext
    private var last: Int64
    private var isLost = false
    private var lostAt = Instant(nanoseconds: 0)

    /// How long the daemon is asked to wait for an event.
    private static let seconds = 20

    init(_ run: NamedRun, _ context: CommandContext, after seq: Int64 = 0) {
        self.run = run
        self.context = context
        last = seq
    }

    /// The next events, as the API's texts and decoded; none when there are none yet. `waits`:
    /// until there is one.
    mutating func next(waits: Bool) throws(CommandFailure) -> [(raw: JSONValue, frame: RunFrame)] {
        let wait = waits ? Self.seconds : 0
        let body: [UInt8]
        do throws(CommandFailure) {
            let client = try isLost ? context.returningClient() : context.client()
            body = try client.call(
                "GET", "\(run.target)/events?since=\(last)&limit=200&wait=\(wait)",
                within: .seconds(Self.seconds + 20))
            if isLost { context.warn(StreamClient.backRemark) }
            isLost = false
            return try decode(body, client)
        } catch {
            let now = SystemTime.shared.now()
            guard waits, error.exit == .unreachable || error.code == "daemon_busy",
                !isLost || now - lostAt < StreamClient.patience
            else { throw error }
            if !isLost {
                context.warn(StreamClient.lostRemark)
                lostAt = now
            }
            isLost = true
            _ = Terminal.waitReadable([], milliseconds: 300)
            return []
        }
    }

    private mutating func decode(
        _ body: [UInt8], _ client: DaemonClient
    ) throws(CommandFailure) -> [(raw: JSONValue, frame: RunFrame)] {
        let raw = try client.decode([JSONValue].self, body)
        let frames = try client.decode([RunFrame].self, body)
        last = frames.last?.seq ?? last
        return Array(zip(raw, frames)).map { (raw: $0.0, frame: $0.1) }
    }
}
