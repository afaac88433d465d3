// A client that follows logs, for tests: takes the frames apart and keeps them as they came. Every
// wait has a limit; it never connects again by itself.

import CEpoll
import Glibc
import TestSupport
import Testing

/// One connection that follows.
final class LogListener {
    struct Frame {
        var type = ""
        var id: String?
        var json = JSONValue.missing
        var text: String { json["text"].text ?? "" }
    }

    let wire: WireClient
    private(set) var head = ""
    private(set) var isOver = false
    private(set) var frames: [Frame] = []
    private(set) var pings = 0
    /// What is written from here on follows.
    private(set) var hasBegun = false
    var isOK: Bool { head.hasPrefix("HTTP/1.1 200 ") }
    private var rest: [UInt8] = []

    init(
        _ daemon: DaemonProcess, _ target: String, lastID: String? = nil,
        location: SourceLocation = #_sourceLocation
    ) throws {
        wire = try WireClient(daemon)
        let id = lastID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        wire.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(id)\r\n")
        #expect(wait { $0.head != "" && (!$0.isOK || $0.hasBegun) }, sourceLocation: location)
    }

    var lines: [Frame] { frames.filter { $0.type == "log" } }
    var texts: [String] { lines.map(\.text) }
    var gaps: [Frame] { frames.filter { $0.type == "log.gap" } }

    /// Reads until it is so; false after the time or at the end of the stream.
    func wait(
        within milliseconds: Int = 15_000, until isSo: (LogListener) throws -> Bool
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

    /// Takes what is there, at most `most` reads.
    func pump(most: Int = 1_000, bytes: Int = 65_536) {
        for _ in 0..<most {
            guard let more = wire.readNow(bytes) else { return parse() }
            if more.isEmpty { isOver = true }
            rest += more
            if more.isEmpty { return parse() }
        }
        parse()
    }

    private func parse() {
        var start = 0
        if head == "" {
            guard let end = end(from: 0, of: [13, 10, 13, 10]) else { return }
            head = String(decoding: rest[..<end], as: UTF8.self)
            start = end + 4
        }
        while let end = end(from: start, of: [10, 10]) {
            take(String(decoding: rest[start..<end], as: UTF8.self))
            start = end + 2
        }
        rest.removeFirst(start)
    }

    private func end(from start: Int, of mark: [UInt8]) -> Int? {
        var index = start
        while index + mark.count <= rest.count {
            if rest[index] == mark[0], rest[index..<index + mark.count].elementsEqual(mark) {
                return index
            }
            index += 1
        }
        return nil
    }

    private func take(_ text: String) {
        var frame = Frame()
        for line in text.split(separator: "\n") {
            if line == ": ping" {
                pings += 1
                return
            }
            guard let colon = line.firstRange(of: ": ") else {
                Issue.record("no field: \(line)")
                return
            }
            let value = String(line[colon.upperBound...])
            switch line[..<colon.lowerBound] {
            case "event": frame.type = value
            case "id": frame.id = value
            case "data": frame.json = JSONValue(Array(value.utf8)) ?? .missing
            case "retry":
                hasBegun = true
                return
            default: Issue.record("no field: \(line)")
            }
        }
        frames.append(frame)
    }
}
