// A client of the event stream for tests: opens it, takes the frames apart and keeps them as they
// came. Every wait has a limit; it never connects again by itself.

import CEpoll
import Glibc
import TestSupport
import Testing

/// One frame of the stream.
struct EventFrame: Equatable {
    var type = ""
    var id: Int?
    var data = ""
    var comment: String?
    var retry: String?
    /// Of a listener that asked for it.
    var time: String?

    var json: JSONValue { JSONValue(Array(data.utf8)) ?? .missing }
    var name: String? { json["name"].text }

    /// Reads the lines of a frame the way an EventSource does; nil when a line is no field.
    init?(_ lines: [Substring]) {
        for line in lines {
            if line.hasPrefix(": ") {
                comment = String(line.dropFirst(2))
                continue
            }
            guard let colon = line.firstRange(of: ": ") else { return nil }
            let value = String(line[colon.upperBound...])
            switch line[..<colon.lowerBound] {
            case "event": type = value
            case "id":
                guard let number = Int(value) else { return nil }
                id = number
            case "data": data = value
            case "retry": retry = value
            case "time": time = value
            default: return nil
            }
        }
    }
}

/// One connection that listens.
final class EventListener {
    let wire: WireClient
    /// Everything behind the head of the answer, as it came.
    private(set) var bytes: [UInt8] = []
    private(set) var head = ""
    private(set) var isOver = false
    private(set) var frames: [EventFrame] = []
    private var parsed = 0

    init(
        _ daemon: DaemonProcess, _ query: String = "", lastID: String? = nil,
        fields: [String] = [], location: SourceLocation = #_sourceLocation
    ) throws {
        wire = try WireClient(daemon)
        let id = lastID.map { ["Last-Event-ID: \($0)"] } ?? []
        let lines = (["Host: localhost"] + id + fields).map { $0 + "\r\n" }.joined()
        wire.send("GET /v1/events\(query) HTTP/1.1\r\n\(lines)\r\n")
        #expect(wait { $0.head != "" }, sourceLocation: location)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// Frames about something that happened: with an id.
    var events: [EventFrame] { frames.filter { $0.id != nil } }
    var ids: [Int] { frames.compactMap(\.id) }
    var gaps: [EventFrame] { frames.filter { $0.type == "stream.gap" } }

    /// The value of a header of the answer.
    func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n") where line.hasPrefix(name + ": ") {
            return String(line.dropFirst(name.utf8.count + 2))
        }
        return nil
    }

    /// Reads until it is so; false after the time or at the end of the stream.
    func wait(
        within milliseconds: Int = 10_000, until isSo: (EventListener) throws -> Bool
    ) rethrows -> Bool {
        let deadline = cepoll_monotonic() + Int64(milliseconds) * 1_000_000
        repeat {
            pump()
            if try isSo(self) { return true }
            if isOver { return false }
            usleep(2_000)
        } while cepoll_monotonic() < deadline
        return false
    }

    /// Waits for an event of `type` about `name`.
    func waits(for type: String, _ name: String? = nil, within milliseconds: Int = 10_000) -> Bool {
        wait(within: milliseconds) { listener in
            listener.frames.contains { $0.type == type && (name == nil || $0.name == name) }
        }
    }

    /// Takes what is there.
    func pump() {
        while let more = wire.readNow() {
            if more.isEmpty { isOver = true }
            bytes += more
            if more.isEmpty { break }
        }
        if head == "" {
            guard let end = text.firstRange(of: "\r\n\r\n") else { return }
            head = String(text[..<end.lowerBound])
            bytes.removeFirst(head.utf8.count + 4)
        }
        var start = parsed
        var index = start
        while index + 1 < bytes.count {
            guard bytes[index] == 10, bytes[index + 1] == 10 else {
                index += 1
                continue
            }
            let lines = String(decoding: bytes[start..<index], as: UTF8.self)
                .split(separator: "\n")
            if let frame = EventFrame(lines) {
                frames.append(frame)
            } else {
                Issue.record("no frame: \(lines)")
            }
            index += 2
            start = index
        }
        parsed = start
    }
}
