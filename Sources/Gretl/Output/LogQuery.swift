// What a client wants of logs, read from the query of a request. Everything has a bound; what
// cannot be used is an error that says how it is written.

/// Which lines, and in which form.
package struct LogQuery: Sendable {
    /// How many, counted from the newest.
    var lines = 100
    /// Milliseconds since 1970; lines written then or later.
    var since: Int64?
    /// Lines written then or earlier.
    var until: Int64?
    var needle: LogNeedle?
    var colors = true
    /// Plain text instead of JSON.
    var isText = false
    /// Only what stands before this place.
    var before: LogPosition?
    /// Frames of a stream, that goes on with what is written later.
    var isFollowed = false
    /// Follow from this place on, without older lines.
    var after: LogPosition?

    init() {}

    /// `value` gives the values of the query by name; `now` is in milliseconds since 1970.
    init(now: Int64, _ value: (String) -> String?) throws(APIError) {
        if let text = value("lines") { lines = try LogQuery.count(text) }
        since = try LogQuery.time("since", value("since"), now)
        until = try LogQuery.time("until", value("until"), now)
        let ignoresCase = try LogQuery.flag("ignoreCase", value("ignoreCase")) ?? false
        if let text = value("grep"), !text.isEmpty {
            guard text.utf8.count <= LogLimits.needleBytes else {
                throw .invalid(
                    "'grep' is longer than \(LogLimits.needleBytes) bytes",
                    hint: "search for a shorter text")
            }
            needle = LogNeedle(text, ignoresCase: ignoresCase)
        }
        colors = try LogQuery.flag("color", value("color")) ?? true
        switch value("format") {
        case nil, "json": break
        case "text": isText = true
        default:
            throw .invalid("'format' is not known", hint: "it is 'json' or 'text'")
        }
        if let text = value("before") {
            guard let position = LogPosition(text) else {
                throw .invalid(
                    "'before' is no place in a log", hint: "use 'before' of an earlier answer")
            }
            before = position
        }
        isFollowed = try LogQuery.flag("follow", value("follow")) ?? false
        if let text = value("after") {
            guard let position = LogPosition(text) else {
                throw .invalid(
                    "'after' is no place in a log",
                    hint: "use 'after' of an earlier answer, or the id of a streamed line")
            }
            after = position
        }
        try checkFollowing()
    }

    private func checkFollowing() throws(APIError) {
        guard isFollowed else {
            guard after == nil else {
                throw .invalid(
                    "'after' is where following begins", hint: "add ?follow=1, or use 'before'")
            }
            return
        }
        guard until == nil, before == nil, !isText else {
            throw .invalid(
                "'follow' goes on for ever, as a stream of events",
                hint: "leave out 'until', 'before' and 'format'")
        }
    }

    private static func count(_ text: String) throws(APIError) -> Int {
        guard text.utf8.count <= 5, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let value = Int(text), value <= LogLimits.answerLines
        else {
            throw .invalid(
                "'lines' is not a number from 0 to \(LogLimits.answerLines)",
                hint: "such as ?lines=100")
        }
        return value
    }

    static func flag(_ name: String, _ text: String?) throws(APIError) -> Bool? {
        switch text {
        case nil: return nil
        case "1", "true": return true
        case "0", "false": return false
        default: throw .invalid("'\(name)' is neither 1 nor 0", hint: "such as ?\(name)=1")
        }
    }

    /// An instant: RFC 3339, milliseconds since 1970, or how long ago.
    static func time(_ name: String, _ text: String?, _ now: Int64) throws(APIError) -> Int64? {
        guard let text else { return nil }
        if let instant = Timestamp.milliseconds(text) { return instant }
        if let ago = duration(text) { return now - ago }
        if text.utf8.count <= 15, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let milliseconds = Int64(text)
        {
            return milliseconds
        }
        throw .invalid(
            "'\(name)' is no time",
            hint: "write 2026-11-23T06:00:00Z, milliseconds since 1970, or how long ago: 90s, 10m, "
                + "2h30m, 1d")
    }

    /// Milliseconds of `90s`, `2h30m`, `250ms`; nil for anything else.
    static func duration(_ text: String) -> Int64? {
        var rest = text[...]
        var sum: Int64 = 0
        guard !rest.isEmpty, text.utf8.count <= 32 else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            let factors: [Substring: Int64] = [
                "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
            ]
            // Nine digits of days are less than 2^63 milliseconds, and there are few parts.
            guard digits.utf8.count <= 9, let number = Int64(digits), let factor = factors[unit]
            else { return nil }
            sum += number * factor
        }
        return sum
    }
}
