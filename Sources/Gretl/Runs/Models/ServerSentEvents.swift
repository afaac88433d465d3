// Cuts a stream into server-sent events (WHATWG HTML, section 9.2): lines that end with CR, LF or
// both, a byte order mark in front, data over several lines. Incremental: pieces may be cut
// anywhere. A line or an event beyond the bound is the end of the stream.

/// A stream of events as it comes.
package struct ServerSentEvents: Sendable {
    /// One event; `id` and `retry` are of no use for answers.
    package struct Event: Sendable, Equatable {
        /// As the field `event` says it; empty without one.
        package var name: String
        package var data: [UInt8]
    }

    /// An event has more bytes than are read.
    package struct Overlong: Error, Equatable {}

    /// Longest line, and longest data of an event. A whole file can stand in one tool call.
    package static let eventMost = 4 << 20

    private var line: [UInt8] = []
    private var name: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    /// The last byte was a CR: an LF that follows belongs to it.
    private var sawReturn = false
    private var isFirstLine = true
    private let most: Int

    package init(most: Int = ServerSentEvents.eventMost) { self.most = most }

    /// The events that `bytes` completes.
    package mutating func take(_ bytes: Span<UInt8>) throws(Overlong) -> [Event] {
        var events: [Event] = []
        var at = 0
        while at < bytes.count {
            if sawReturn {
                sawReturn = false
                if bytes[at] == 0x0A {
                    at += 1
                    continue
                }
            }
            var end = at
            while end < bytes.count, bytes[end] != 0x0A, bytes[end] != 0x0D { end += 1 }
            guard line.count + (end - at) <= most else { throw Overlong() }
            // The buffer is read within the call.
            unsafe bytes.extracting(at..<end).withUnsafeBufferPointer {
                unsafe line.append(contentsOf: $0)
            }
            at = end
            guard at < bytes.count else { break }
            sawReturn = bytes[at] == 0x0D
            at += 1
            if let event = try endLine() { events.append(event) }
        }
        return events
    }

    /// What a stream that ended in the middle of an event left: many servers send no empty line
    /// behind the last one.
    package mutating func finish() throws(Overlong) -> Event? {
        if !line.isEmpty, let event = try endLine() { return event }
        return endEvent()
    }

    private mutating func endLine() throws(Overlong) -> Event? {
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        defer { line.removeAll(keepingCapacity: line.capacity <= 1 << 16) }
        guard !line.isEmpty else { return endEvent() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.count
        var value = line[min(colon + 1, line.count)...]
        if value.first == 0x20 { value = value.dropFirst() }
        switch colon {
        case 4 where line.starts(with: "data".utf8):
            guard data.count + value.count + 1 <= most else { throw Overlong() }
            if hasData { data.append(0x0A) }
            data.append(contentsOf: value)
            hasData = true
        case 5 where line.starts(with: "event".utf8): name = Array(value.prefix(128))
        default: break
        }
        return nil
    }

    private mutating func endEvent() -> Event? {
        defer {
            name = []
            data = []
            hasData = false
        }
        guard hasData else { return nil }
        return Event(name: String(decoding: name, as: UTF8.self), data: data)
    }
}
