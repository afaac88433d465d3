// The client of ResolveBench: one connected Unix socket and one buffer. It checks as little as
// makes sure that every answer came, because its instructions are counted with the server's.

import Glibc
import NetCore

/// A connection to a server in this process.
@safe  // owns its buffer; the kernel is told its size
@ReactorActor
final class UnixClient {
    private let descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer
    private static let status = Array("HTTP/1.1 200 OK\r\n".utf8)

    struct Failure: Error { let call: String }

    /// Has `server` listen on a path of its own and connects to it.
    init(to server: HTTPServer) throws {
        var folder = Array("/tmp/gr-bench-XXXXXX".utf8CString)
        // mkdtemp writes within the terminated template.
        guard
            unsafe folder.withUnsafeMutableBufferPointer({ unsafe mkdtemp($0.baseAddress!) }) != nil
        else { throw Failure(call: "mkdtemp") }
        let name = String(decoding: folder.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = name + "/socket"
        defer {
            // Both strings live during their call.
            _ = unsafe unlink(path)
            _ = unsafe rmdir(name)
        }
        guard let address = SocketAddress(path: path) else { throw Failure(call: "address") }
        try server.listen(address)
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        unsafe buffer = .allocate(byteCount: 256 << 10, alignment: 64)
        var raw = sockaddr_un()
        raw.sun_family = sa_family_t(AF_UNIX)
        // The template above is shorter than sun_path.
        unsafe withUnsafeMutableBytes(of: &raw.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let connected = unsafe withUnsafePointer(to: &raw) { raw in
            unsafe raw.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw Failure(call: "connect") }
    }

    /// Sends all of `bytes` in one call.
    func send(_ bytes: [UInt8]) {
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
        }
        precondition(sent == bytes.count, "the request does not fit into the socket")
    }

    /// Takes what has arrived, which must be so many answers of equal head; a sum over them.
    func receive(answers: Int) -> Int {
        let count = unsafe recv(
            descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        precondition(count > 0, "no answer")
        var sum = count
        var at = 0
        for _ in 0..<answers {
            at = answerEnd(at, count)
            unsafe sum &+= at &* Int(buffer[at - 2])
        }
        precondition(at == count, "more or less than the answers came")
        return sum
    }

    /// The end of the answer at `start`, whose head all answers share but for the length.
    private func answerEnd(_ start: Int, _ end: Int) -> Int {
        precondition(end - start > Self.status.count, "an answer is cut off")
        let isOK = unsafe memcmp(buffer.baseAddress! + start, Self.status, Self.status.count) == 0
        precondition(isOK, "an answer is not a 200")
        // The body is one JSON object, and no header holds a brace.
        let from = start + Self.status.count
        guard
            let brace = unsafe memchr(
                buffer.baseAddress! + from, Int32(UInt8(ascii: "}")), end - from)
        else { preconditionFailure("an answer has no body") }
        return unsafe UnsafeRawPointer(brace) - UnsafeRawPointer(buffer.baseAddress!) + 1
    }
}
