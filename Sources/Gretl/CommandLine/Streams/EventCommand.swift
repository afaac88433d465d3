// gr events: what happened, and with -f what happens, over restarts of the daemon.
//
// The stream is asked for everything the daemon keeps and filtered here, because only then it is
// certain where the past ends: at the id that the answer's head names as the newest.

internal import NetCore

/// What a user wants of the events.
struct EventRequest {
    let lines: Int
    /// Bits of the types wanted.
    let types: UInt32
    /// Services and groups; empty: all.
    let names: Set<String>
    let isFollowed: Bool
    let wantsStats: Bool
    /// Everything behind this id; nil: the newest `lines`.
    let since: String?

    init(_ context: CommandContext) throws(CommandFailure) {
        let given = context.invocation
        lines = try LogRequest.count(given.value("lines")) ?? 100
        isFollowed = given.has("follow")
        wantsStats = given.has("stats")
        since = given.value("since")
        if let since, since.isEmpty || !since.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            throw .usage("'\(since)' is no id of an event", hint: "0 is the oldest that is kept")
        }
        names = Set(given.arguments)
        var types: UInt32 = 0
        for word in given.values("type") {
            let mask = EventType.mask(word[...])
            guard mask != 0 else {
                throw .usage(
                    "no event has the type '\(word)'",
                    hint: Suggestion.hint(for: word, among: EventType.kept)
                        ?? "the types: \(EventType.kept.joined(separator: ", ")), "
                        + "service.stats, and beginnings such as service.*")
            }
            types |= mask
        }
        self.types = types == 0 ? .max : types
    }

    func wants(_ frame: StreamFrame) -> Bool {
        if frame.type.hasPrefix("stream.") { return true }
        guard types & EventType(frame.type).bit != 0 else { return false }
        return names.isEmpty || !names.isDisjoint(with: EventFields(frame.data).subjects)
    }
}

enum EventCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        var reading = EventReading(try EventRequest(context), context)
        return try reading.run()
    }
}

/// One run of `gr events`.
struct EventReading {
    private let request: EventRequest
    private let context: CommandContext
    private let isJSON: Bool
    private var streams = [StreamClient()]
    /// The newest id seen; nil before the first.
    private var last: Int64?
    /// The id at which the past ends, from the first answer.
    private var latest: Int64?
    /// The newest frames of the past, until it has ended.
    private var past: [StreamFrame] = []
    private var isLive = false
    /// Names that are not registered now, and of which no event has been seen: slips, most likely.
    private var unknown: [String: CommandFailure] = [:]

    private static let silence = Duration.seconds(1)

    init(_ request: EventRequest, _ context: CommandContext) {
        self.request = request
        self.context = context
        isJSON = context.isJSON || context.invocation.has("jsonl")
    }

    /// Until the past is shown, or with -f until it is interrupted.
    mutating func run() throws(CommandFailure) -> ExitCode {
        try findUnknown()
        var heardAt = SystemTime.shared.now()
        while true {
            let now = SystemTime.shared.now()
            let frames = try advance(now)
            if frames != nil { heardAt = now }
            for frame in frames ?? [] { take(frame) }
            // Silence ends the past too: the newest id may be one whose event is not kept.
            if let latest, !isLive, (last ?? 0) >= latest || now - heardAt > Self.silence {
                if let slip = unknown.min(by: { $0.key < $1.key }) { throw slip.value }
                showPast()
            }
            if isLive, !request.isFollowed { return .success }
            try context.io.checkOutput()
            if frames == nil { streams.wait(now, most: isLive ? .seconds(60) : Self.silence) }
        }
    }

    /// A service that was removed has events still: only the past tells a slip.
    private mutating func findUnknown() throws(CommandFailure) {
        guard !request.names.isEmpty else { return }
        let client = try context.client()
        for name in request.names.sorted() {
            do throws(CommandFailure) {
                _ = try ServiceChoice.names([name], client, context)
            } catch {
                guard error.exit == .unknownService else { throw error }
                unknown[name] = error
            }
        }
    }

    /// The next frames; nil when there are none.
    private mutating func advance(_ now: Instant) throws(CommandFailure) -> [StreamFrame]? {
        let (last, since, context, isFirst) = (last, request.since, self.context, latest == nil)
        var newest: Int64?
        let stats = request.wantsStats ? "1" : "0"
        let progress = try streams[0].advance(now) { () throws(CommandFailure) in
            let client = try isFirst ? context.client() : context.returningClient()
            let stream = try client.open(
                "GET", "/v1/events?stats=\(stats)&times=1&since=\(since ?? "0")",
                headers: last.map { [(name: "Last-Event-ID", value: "\($0)")] } ?? [])
            newest = stream.header("x-gretl-latest-event").flatMap { Int64($0) } ?? 0
            return stream
        }
        latest = latest ?? newest
        switch progress {
        case .frames(let frames): return frames
        case .waiting: return nil
        case .lost:
            context.warn(StreamClient.lostRemark)
            return nil
        case .reopened:
            context.warn(StreamClient.backRemark)
            return []
        }
    }

    private mutating func take(_ frame: StreamFrame) {
        if let id = frame.id.flatMap({ Int64($0) }) { last = id }
        if !unknown.isEmpty {
            for name in EventFields(frame.data).subjects { unknown[name] = nil }
        }
        guard request.wants(frame) else { return }
        if isLive {
            show(frame)
        } else {
            past.append(frame)
            // With an id to begin at nothing is left out.
            if request.since == nil, past.count > request.lines { past.removeFirst() }
        }
    }

    private mutating func showPast() {
        isLive = true
        for frame in past { show(frame) }
        past = []
    }

    // MARK: Output

    private func show(_ frame: StreamFrame) {
        guard !isJSON else { return showJSON(frame) }
        if frame.type == "stream.gap" {
            let fields = EventFields(frame.data)
            context.warn(
                "events are missing here (\(fields.text("reason") ?? "unknown")); the state of "
                    + "things: gr ls")
            return
        }
        let fields = EventFields(frame.data)
        if context.isQuiet {
            if let name = fields.subjects.first { context.print(DisplayText.escaped(name)) }
            return
        }
        let style = context.style
        let id = DisplayText.padded(DisplayText.escaped(frame.id ?? "-"), to: 6, toRight: true)
        let type = DisplayText.padded(DisplayText.escaped(frame.type), to: 20)
        let time = DisplayText.padded(time(of: frame), to: 8)
        var words = [
            style.paint(time, .dim), style.paint(id, .dim),
            style.paint(type, Self.ink(frame.type)),
        ]
        if let name = fields.text("name") {
            words.append(style.paint(DisplayText.escaped(name), nameColor: name))
        }
        for (key, value) in fields.pairs where key != "name" && value != "null" {
            words.append(DisplayText.escaped("\(key)=\(value)"))
        }
        context.print(words.joined(separator: "  "))
    }

    /// `14:03:59` in the zone here, with the date in front when that is not today. What comes
    /// without a time has just happened, or was kept by an older daemon.
    private func time(of frame: StreamFrame) -> String {
        let now = context.io.wallSeconds() * 1_000
        guard let time = frame.time ?? (frame.id == nil ? now : nil) else { return "-" }
        let text = Timestamp.text(milliseconds: time)
        let clock = text.dropFirst(11).prefix(8)
        let isToday = text.prefix(10) == Timestamp.text(milliseconds: now).prefix(10)
        return isToday ? String(clock) : "\(text.prefix(10)) \(clock)"
    }

    private static func ink(_ type: String) -> Ink? {
        switch type {
        case "service.started", "group.started": .good
        case "service.crashed", "service.gave_up", "group.failed": .bad
        case "port.conflict": .busy
        case "service.stats": .dim
        default: nil
        }
    }

    /// The frame as one object: what the stream says in its lines.
    private func showJSON(_ frame: StreamFrame) {
        var json = JSONText()
        json.beginObject()
        json.field("event", frame.type)
        json.key("id")
        if let id = frame.id.flatMap({ Int64($0) }) { json.integer(id) } else { json.null() }
        json.field("time", frame.time.map { Timestamp.fineText(milliseconds: $0) })
        json.key("data")
        json.raw(frame.data.isEmpty ? Array("null".utf8) : frame.data)
        json.endObject()
        context.printJSON(json.bytes)
    }
}
