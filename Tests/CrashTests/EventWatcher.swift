// A subscriber of the kill loop: follows GET /v1/events until the daemon is gone, resumes at the
// next one with the last id it saw, and holds what it saw against the ring that daemon kept. What a
// subscriber saw must not be missing afterwards, and no id may stand for two events.

import CEpoll
import Glibc
import NetCore
import Synchronization
import TestSupport

/// One numbered event as it came over the wire.
struct SeenEvent: Equatable, Sendable {
    var id: Int
    /// Its lines, without the id.
    var text: String
}

/// Takes a stream of events apart.
struct EventParser {
    private var bytes: [UInt8] = []
    private var isBehindHead = false
    /// The answer's first line, once the head is there.
    private(set) var status = "no answer"
    /// X-Gretl-Latest-Event.
    private(set) var latest: Int?
    private(set) var events: [SeenEvent] = []

    mutating func feed(_ more: ArraySlice<UInt8>) {
        bytes += more
        if !isBehindHead {
            guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
            let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
            status = String(head.prefix { $0 != "\r\n" })
            latest = head.split(separator: "x-gretl-latest-event: ").dropFirst().first.flatMap {
                Int($0.prefix { $0.isNumber })
            }
            bytes.removeFirst(end.upperBound)
            isBehindHead = true
        }
        while let end = bytes.firstRange(of: [10, 10]) {
            take(String(decoding: bytes[..<end.lowerBound], as: UTF8.self))
            bytes.removeFirst(end.upperBound)
        }
    }

    private mutating func take(_ frame: String) {
        let lines = frame.split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("id: ") }),
            let id = Int(line.dropFirst(4))
        else { return }
        let rest = lines.filter { !$0.hasPrefix("id: ") }
        events.append(SeenEvent(id: id, text: rest.joined(separator: " ")))
    }
}

/// `@unchecked`: its thread and the test take turns; what both touch is behind the mutex.
final class EventWatcher: @unchecked Sendable {
    /// What this round's connection saw.
    private let seen = Mutex<[SeenEvent]>([])
    /// Every event ever seen, by id.
    private var known: [Int: String] = [:]
    private(set) var count = 0
    private var lastID: Int?

    /// Follows the stream until the daemon closes it.
    func watch(port: UInt16) {
        seen.withLock { $0 = [] }
        let from = lastID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        var parser = EventParser()
        EventWatcher.read(port: port, "/v1/events?stats=0", from, patience: 60_000) { bytes in
            parser.feed(bytes)
            let events = parser.events
            seen.withLock { $0 = events }
            return true
        }
    }

    /// What is wrong with what was seen, told from the ring of the daemon that is there now.
    func breaches(port: UInt16) -> [String] {
        var parser = EventParser()
        let end = EventWatcher.read(
            port: port, "/v1/events?stats=0&since=0", "", patience: 5_000
        ) { bytes in
            parser.feed(bytes)
            guard let latest = parser.latest else { return true }
            return latest > (parser.events.last?.id ?? 0)
        }
        let ring = parser.events
        let live = seen.withLock { $0 }
        guard let oldest = ring.first?.id else {
            let answer = "\(parser.status), latest \(parser.latest ?? -1), \(end)"
            return live.isEmpty
                ? [] : ["E1 \(live.count) events were seen, none is kept: \(answer)"]
        }
        var found = EventWatcher.order(ring, "the ring") + EventWatcher.order(live, "the stream")
        let kept = Dictionary(ring.map { ($0.id, $0.text) }) { first, _ in first }
        for event in live where event.id >= oldest && kept[event.id] != event.text {
            found.append(
                "E1 \(event.id) was seen as \(event.text), kept is \(kept[event.id] ?? "-")")
        }
        for event in live + ring {
            guard let before = known[event.id], before != event.text else { continue }
            found.append("E2 id \(event.id) stood for \(before) and now for \(event.text)")
        }
        found += holes(live, ring)
        return found
    }

    /// Replay and live events together are the log: nothing is left out in between.
    private func holes(_ live: [SeenEvent], _ ring: [SeenEvent]) -> [String] {
        guard let first = live.first?.id, let last = live.last?.id else { return [] }
        let start = lastID.map { $0 + 1 } ?? first
        let expected = ring.map(\.id).filter { $0 >= start && $0 <= last }
        let got = live.map(\.id).filter { $0 >= ring[0].id }
        return expected == got ? [] : ["E3 the stream has \(got), the log \(expected)"]
    }

    private static func order(_ events: [SeenEvent], _ what: String) -> [String] {
        for (one, next) in zip(events, events.dropFirst()) where next.id <= one.id {
            return ["E2 in \(what) \(next.id) follows \(one.id)"]
        }
        return []
    }

    /// The round was right: its events are what is known from here on.
    func accept() {
        let live = seen.withLock { $0 }
        for event in live { known[event.id] = event.text }
        count += live.count
        lastID = live.last?.id ?? lastID
        seen.withLock { $0 = [] }
    }

    /// Reads a stream until `body` answers false, the daemon closes it or nothing comes any more;
    /// says which.
    @discardableResult
    private static func read(
        port: UInt16, _ target: String, _ more: String, patience: Double,
        _ body: (ArraySlice<UInt8>) -> Bool
    ) -> String {
        var address = cepoll_address()
        var descriptor: Int32 = -1
        // Pointers to locals, for the length of the calls.
        guard unsafe cepoll_address_parse(&address, "127.0.0.1", port) == 0 else {
            return "no port"
        }
        let result = unsafe cepoll_connect(&address, Int32(SOCK_STREAM.rawValue), &descriptor)
        guard descriptor >= 0 else { return "no connection: errno \(-result)" }
        defer { close(descriptor) }
        let request = "GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(more)\r\n"
        guard wait(descriptor, POLLOUT, patience) else { return "not connected: errno \(errno)" }
        let sent = unsafe request.withCString { unsafe cepoll_send(descriptor, $0, strlen($0)) }
        guard sent == request.utf8.count else { return "sent \(sent)" }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let end = milliseconds() + patience
        while milliseconds() < end, wait(descriptor, POLLIN, end - milliseconds()) {
            // The kernel writes at most the count given.
            let moved = unsafe Glibc.read(descriptor, &bytes, bytes.count)
            guard moved > 0 else { return moved == 0 ? "closed" : "read: errno \(errno)" }
            guard body(bytes[..<moved]) else { return "read" }
        }
        return "nothing came"
    }

    private static func wait(_ descriptor: Int32, _ what: Int32, _ patience: Double) -> Bool {
        var set = pollfd(fd: descriptor, events: Int16(what), revents: 0)
        // One entry, alive during the call.
        return unsafe poll(&set, 1, Int32(clamping: Int(patience))) == 1
    }
}
