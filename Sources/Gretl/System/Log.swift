// What the daemon says to the person who runs it: one record, one line on standard error, which
// systemd or a terminal keeps. Called from the reactor and from the storage thread. It never blocks
// and never fails its caller: a line that cannot be written at once is dropped and counted.
// Secrets are the callers' duty (see Secret).

import Glibc
package import NetCore

/// How much a record matters.
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    case error, warning, info, debug

    package var name: StaticString {
        switch self {
        case .error: "error"
        case .warning: "warn"
        case .info: "info"
        case .debug: "debug"
        }
    }

    package init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name.description == name }) else {
            return nil
        }
        self = level
    }

    package static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Writes records to a descriptor.
package final class Log: Sendable {
    /// Named values of a record, in the order to print them.
    package typealias Fields = KeyValuePairs<String, any CustomStringConvertible>

    /// The daemon's log, on standard error.
    package static let shared = Log(descriptor: 2)

    private struct State {
        var level = LogLevel.info
        var limiter = LogLimiter()
        /// Records lost since the last one that was written.
        var dropped = 0
        var growth: Growth?
    }

    /// How large the file has become that records go to, and who is told.
    private struct Growth {
        var bytes: Int64
        let most: Int64
        let tell: @Sendable () -> Void
        var isTold = false
    }

    private let descriptor: Int32
    private let time: any TimeSource
    private let state = Lock(State())

    package init(descriptor: Int32, time: any TimeSource = SystemTime.shared) {
        self.descriptor = descriptor
        self.time = time
    }

    /// Records below this level are not written.
    package var level: LogLevel {
        get { state.withLock { $0.level } }
        set { state.withLock { $0.level = newValue } }
    }

    package func error(_ message: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
        record(.error, message, fields())
    }

    package func warning(_ message: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
        record(.warning, message, fields())
    }

    package func info(_ message: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
        record(.info, message, fields())
    }

    package func debug(_ message: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
        record(.debug, message, fields())
    }

    /// Writes one line unless the level or the rate of this message forbids it. The message is
    /// constant text and the unit of rate limiting; what varies belongs into `fields`.
    package func record(
        _ level: LogLevel, _ message: StaticString, _ fields: @autoclosure () -> Fields = [:]
    ) {
        let text = message.description
        let admitted: (suppressed: Int, dropped: Int)? = state.withLock { state in
            guard level <= state.level,
                let suppressed = state.limiter.admit(text, at: time.now())
            else { return nil }
            return (suppressed, state.dropped)
        }
        guard let admitted else { return }
        // Outside the lock: a description may be slow, or say something itself.
        var values = fields().map { ($0.key, "\($0.value)") }
        if admitted.suppressed > 0 { values.append(("suppressed", "\(admitted.suppressed)")) }
        if admitted.dropped > 0 { values.append(("dropped", "\(admitted.dropped)")) }
        let line = LogLine.bytes(
            milliseconds: time.wallNanoseconds() / 1_000_000, level: level, message: text,
            fields: values)
        let tell: (@Sendable () -> Void)? = state.withLock { state in
            guard write(line) else {
                state.dropped += 1
                return nil
            }
            state.dropped -= admitted.dropped
            state.growth?.bytes += Int64(line.count)
            guard let growth = state.growth, growth.bytes > growth.most, !growth.isTold else {
                return nil
            }
            state.growth?.isTold = true
            return growth.tell
        }
        tell?()
    }

    // MARK: Size

    /// Calls `tell` when the file, `bytes` long now, has grown over `most`; not again before
    /// `hasBegunAnew`. It is called by whoever writes the record, and must not wait.
    package func whenGrown(
        from bytes: Int64, past most: Int64, _ tell: @escaping @Sendable () -> Void
    ) {
        state.withLock { $0.growth = Growth(bytes: bytes, most: most, tell: tell) }
    }

    /// Records go to an empty file by now, or shall be counted as if they did.
    package func hasBegunAnew() {
        state.withLock { state in
            state.growth?.bytes = 0
            state.growth?.isTold = false
        }
    }

    /// Whether the whole line went out. A pipe that reports POLLOUT has room for a page, and a line
    /// is shorter; standard error is shared with others, so it is not made non-blocking.
    private func write(_ line: [UInt8]) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // The pointers are to a local and to an array that outlive their calls.
        guard unsafe poll(&request, 1, 0) == 1, request.revents == Int16(POLLOUT) else {
            return false
        }
        return unsafe Glibc.write(descriptor, line, line.count) == line.count
    }
}

/// The text of a record.
enum LogLine {
    /// Longest line, newline included: what a pipe takes at once without interleaving.
    static let maximumBytes = 4_000

    /// `TIME LEVEL MESSAGE key=value …` and a newline, without any other control byte.
    static func bytes(
        milliseconds: Int64, level: LogLevel, message: String, fields: [(String, String)]
    ) -> [UInt8] {
        var line = Array("\(Timestamp.text(milliseconds: milliseconds)) \(level.name) ".utf8)
        append(message, to: &line)
        for (key, value) in fields {
            line.append(UInt8(ascii: " "))
            append(key, to: &line)
            line.append(UInt8(ascii: "="))
            let quoted = value.isEmpty || value.utf8.contains { $0 == 0x20 || $0 == 0x22 }
            if quoted { line.append(UInt8(ascii: "\"")) }
            append(value, to: &line, escapingQuotes: quoted)
            if quoted { line.append(UInt8(ascii: "\"")) }
        }
        if line.count >= maximumBytes { cut(&line) }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// Control characters, line separators and what reverses the reading direction become `\u{…}`:
    /// nothing a client names itself can forge a line or drive a terminal.
    private static func append(
        _ text: String, to line: inout [UInt8], escapingQuotes: Bool = false
    ) {
        for scalar in text.unicodeScalars {
            // More than fits is not worth escaping.
            if line.count >= maximumBytes { return }
            switch scalar {
            case "\n": line.append(contentsOf: "\\n".utf8)
            case "\r": line.append(contentsOf: "\\r".utf8)
            case "\t": line.append(contentsOf: "\\t".utf8)
            case "\\": line.append(contentsOf: "\\\\".utf8)
            case "\"" where escapingQuotes: line.append(contentsOf: "\\\"".utf8)
            default:
                if scalar.actsOnDisplay {
                    line.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".utf8)
                } else {
                    line.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                }
            }
        }
    }

    private static func cut(_ line: inout [UInt8]) {
        line.removeLast(line.count - (maximumBytes - 4))
        // Not in the middle of a character.
        for _ in 0..<3 where line.last.map({ $0 & 0xC0 == 0x80 }) ?? false { line.removeLast() }
        if let last = line.last, last >= 0xC0 { line.removeLast() }
        line.append(contentsOf: "...".utf8)
    }
}

/// Lets a burst of each message through, then one in ten seconds.
struct LogLimiter {
    private struct Bucket {
        var tokens: Int
        var lastRefill: Instant
        var suppressed: Int
    }

    static let burst = 20
    static let refill = Duration.seconds(10)
    /// Messages are constants of the program, so this is never reached; it bounds the table anyway.
    static let maximumKinds = 1_024
    private var buckets: [String: Bucket] = [:]

    /// Nil: say nothing. Otherwise how many of this kind were left out before this one.
    mutating func admit(_ kind: String, at now: Instant) -> Int? {
        guard var bucket = buckets[kind] else {
            guard buckets.count < Self.maximumKinds else { return nil }
            buckets[kind] = Bucket(tokens: Self.burst - 1, lastRefill: now, suppressed: 0)
            return 0
        }
        defer { buckets[kind] = bucket }
        let elapsed = (now - bucket.lastRefill).inNanoseconds / Self.refill.inNanoseconds
        if elapsed > 0 {
            bucket.tokens = Int(min(Int64(Self.burst), Int64(bucket.tokens) + elapsed))
            bucket.lastRefill = now
        }
        guard bucket.tokens > 0 else {
            bucket.suppressed += 1
            return nil
        }
        bucket.tokens -= 1
        let suppressed = bucket.suppressed
        bucket.suppressed = 0
        return suppressed
    }
}
