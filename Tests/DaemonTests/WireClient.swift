// A plain blocking client on a raw socket: sends exactly the bytes a test gives it and reads one
// answer after the other. Every wait has a limit. Never repairs, never retries.

import CEpoll
import Glibc
import TestSupport

enum WireError: Error {
    case noConnection(Int32)
    /// Nothing complete came in time; what had come.
    case silent(String)
    /// The connection ended first.
    case ended(String)
    case malformed(String)
}

/// One connection.
final class WireClient {
    enum Ending { case closed, reset, open, talking }

    private(set) var descriptor: Int32
    private var received: [UInt8] = []

    convenience init(port: UInt16, host: String = "127.0.0.1") throws {
        var address = cepoll_address()
        guard unsafe cepoll_address_parse(&address, host, port) == 0 else {
            throw WireError.noConnection(EINVAL)
        }
        try self.init(&address)
    }

    /// To a Unix socket whose path is short.
    convenience init(path: String) throws {
        var address = cepoll_address()
        guard unsafe cepoll_address_unix(&address, path) == 0 else {
            throw WireError.noConnection(ENAMETOOLONG)
        }
        try self.init(&address)
    }

    private init(_ address: inout cepoll_address) throws {
        var made: Int32 = -1
        let result = unsafe cepoll_connect(&address, Int32(SOCK_STREAM.rawValue), &made)
        guard result == 0 || result == -EINPROGRESS else { throw WireError.noConnection(-result) }
        descriptor = made
        guard Self.wait(made, POLLOUT, 5_000), cepoll_socket_error(made) == 0 else {
            let error = cepoll_socket_error(made)
            close()
            throw WireError.noConnection(-error)
        }
    }

    convenience init(_ daemon: DaemonProcess) throws { try self.init(port: daemon.port) }

    deinit { close() }

    func close() {
        if descriptor >= 0 { _ = cepoll_close(descriptor) }
        descriptor = -1
    }

    /// Closes with a reset.
    func reset() {
        _ = cepoll_set_reset_on_close(descriptor)
        close()
    }

    /// Ends our half.
    func endSending() { _ = cepoll_shutdown(descriptor, 0) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends it all, or as much as the daemon took before it closed or 10 s passed.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        let deadline = cepoll_monotonic() + 10_000_000_000
        while sent < bytes.count, cepoll_monotonic() < deadline {
            let moved = sendNow(bytes, from: sent)
            if moved > 0 {
                sent += moved
            } else if moved == -Int(EAGAIN) {
                _ = Self.wait(descriptor, POLLOUT, 1_000)
            } else {
                return
            }
        }
    }

    /// One send without waiting: bytes taken or a negative errno.
    func sendNow(_ bytes: [UInt8], from: Int = 0) -> Int {
        // The pointer stays within the array, which outlives the call.
        unsafe bytes.withUnsafeBytes {
            unsafe cepoll_send(descriptor, $0.baseAddress.map { unsafe $0 + from }, $0.count - from)
        }
    }

    /// One read without waiting: bytes, empty at the end, nil when nothing is there or it failed.
    func readNow(_ most: Int = 65_536) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: most)
        // The buffer lives for the call, which takes its true size.
        let count = unsafe cepoll_read(descriptor, &bytes, bytes.count)
        return count < 0 ? nil : Array(bytes[..<count])
    }

    /// The next complete answer; `method` decides whether it has a body.
    func answer(
        to method: String = "GET", within milliseconds: Int64 = 8_000
    ) throws
        -> WireAnswer
    {
        let deadline = cepoll_monotonic() + milliseconds * 1_000_000
        while true {
            if let answer = try take(method) { return answer }
            let left = (deadline - cepoll_monotonic()) / 1_000_000
            guard left > 0 else { throw WireError.silent(preview) }
            guard Self.wait(descriptor, POLLIN, Int32(left)) else { continue }
            guard let bytes = readNow(), !bytes.isEmpty else { throw WireError.ended(preview) }
            received += bytes
        }
    }

    /// Whether something more comes within the time.
    func isSilent(for milliseconds: Int32) -> Bool {
        received.isEmpty && !Self.wait(descriptor, POLLIN, milliseconds)
    }

    /// How the connection stands after at most the time.
    func ending(within milliseconds: Int32 = 3_000) -> Ending {
        guard received.isEmpty else { return .talking }
        guard Self.wait(descriptor, POLLIN, milliseconds) else { return .open }
        var byte: UInt8 = 0
        // One byte, as the count says.
        let count = unsafe cepoll_read(descriptor, &byte, 1)
        return count == 0 ? .closed : count < 0 ? .reset : .talking
    }

    private var preview: String { String(decoding: received.prefix(200), as: UTF8.self) }

    /// Cuts one answer off what was received; nil when it is not complete.
    private func take(_ method: String) throws -> WireAnswer? {
        guard let end = Self.find([13, 10, 13, 10], received) else {
            if received.count > 65_536 { throw WireError.malformed("head without end") }
            return nil
        }
        let lines = Self.lines(Array(received[..<end]))
        let first = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard first.count == 3, first[1].utf8.count == 3, let status = Int(first[1]) else {
            throw WireError.malformed(lines[0])
        }
        var fields: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex,
                line.first != " ", line.unicodeScalars.allSatisfy({ $0.value >= 32 })
            else { throw WireError.malformed(line) }
            fields.append(
                (String(line[..<colon]), line[line.index(after: colon)...].trimmed))
        }
        let declared = fields.first { $0.name.lowercased() == "content-length" }?.value
        let isBodiless = method == "HEAD" || status == 204 || status == 304 || status < 200
        guard isBodiless || declared.flatMap({ Int($0) }) != nil else {
            throw WireError.malformed("no Content-Length: \(lines)")
        }
        let length = isBodiless ? 0 : Int(declared ?? "") ?? 0
        guard received.count >= end + 4 + length else { return nil }
        let body = Array(received[(end + 4)..<(end + 4 + length)])
        received.removeFirst(end + 4 + length)
        return WireAnswer(
            status: status, version: String(first[0]), fields: fields, body: body)
    }

    private static func lines(_ head: [UInt8]) -> [String] {
        var lines: [String] = []
        var start = 0
        for index in head.indices where head[index] == 10 && index > 0 && head[index - 1] == 13 {
            lines.append(String(decoding: head[start..<(index - 1)], as: UTF8.self))
            start = index + 1
        }
        return lines + [String(decoding: head[start...], as: UTF8.self)]
    }

    private static func find(_ needle: [UInt8], _ bytes: [UInt8]) -> Int? {
        guard bytes.count >= needle.count else { return nil }
        for start in 0...(bytes.count - needle.count)
        where bytes[start] == needle[0] && bytes[start..<start + needle.count] == needle[...] {
            return start
        }
        return nil
    }

    private static func wait(_ descriptor: Int32, _ event: Int32, _ milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        // One entry, as the count says.
        return unsafe poll(&entry, 1, milliseconds) > 0
    }
}
