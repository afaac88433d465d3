// A server with prepared answers on a loopback port, and a run of `gr` against it with captured
// output. Used by the command line's tests; it reads one request per connection and keeps it.

import Glibc
import Synchronization
import Testing

@testable import Gretl

/// Answers by method and path; anything else is 404 unknown_service.
final class CannedServer: Sendable {
    struct Request: Sendable {
        var line: String
        var headers: [String]
        var body: String
    }

    private struct State {
        var requests: [Request] = []
        var isOver = false
    }

    private let answers: [String: [UInt8]]
    private let state = Mutex(State())
    private let listener: Int32
    let port: UInt16
    /// The most connections one test makes.
    private static let connectionsMost = 50

    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { state.withLock { $0.requests } }

    /// `answers` maps `GET /path` to `STATUS body`, or to a raw answer that starts with `HTTP/`.
    /// An empty answer closes the connection; `wait` holds it open.
    init(_ answers: [String: String] = [:]) {
        self.answers = answers.mapValues { Array(Self.rendered($0).utf8) }
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        // The kernel reads and fills the one structure, whose size it is told.
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                unsafe bind(listener, raw, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, raw, &length) == 0
            }
        }
        precondition(bound, "no loopback port")
        port = UInt16(bigEndian: address.sin_port)
        // A thread of its own: the tests block the pool's threads while they wait for it.
        let box = ThreadBody { [self] in serve() }
        var thread = pthread_t()
        // The box is retained until the thread has taken it over.
        let started = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(box).toOpaque())
        precondition(started == 0, "no thread")
        pthread_detach(thread)
    }

    /// Ends the thread; call it when the test is over.
    func stop() { state.withLock { $0.isOver = true } }

    private static func rendered(_ answer: String) -> String {
        if answer.isEmpty || answer == "wait" || answer.hasPrefix("HTTP/") { return answer }
        let body = answer.dropFirst(4)
        return "HTTP/1.1 \(answer.prefix(3)) Canned\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private func serve() {
        var held: [Int32] = []
        for _ in 0..<1_000 {
            if state.withLock({ $0.isOver || $0.requests.count > Self.connectionsMost }) { break }
            var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&entry, 1, 20) > 0 else { continue }
            let peer = accept(listener, nil, nil)
            guard peer >= 0 else { continue }
            guard let request = Self.read(peer) else {
                close(peer)
                continue
            }
            state.withLock { $0.requests.append(request) }
            let key = request.line.split(separator: " ").prefix(2).joined(separator: " ")
            let path = key.split(separator: "?").first.map(String.init) ?? key
            let answer =
                answers[key] ?? answers[path]
                ?? Array(Self.rendered(Self.unknown).utf8)
            if answer == Array("wait".utf8) {
                held.append(peer)
                continue
            }
            Terminal.write(answer, to: peer)
            close(peer)
        }
        for peer in held { close(peer) }
        close(listener)
    }

    static let unknown =
        #"404 {"code":"unknown_service","message":"no service is called so","hint":"see gr ls"}"#

    private static func read(_ peer: Int32) -> Request? {
        var bytes: [UInt8] = []
        for _ in 0..<1_000 {
            var chunk = [UInt8](repeating: 0, count: 4_096)
            let count = unsafe chunk.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(peer, buffer.baseAddress, buffer.count)
            }
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
            let text = String(decoding: bytes, as: UTF8.self)
            let parts = text.split(
                separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let lines = parts[0].split(separator: "\r\n").map(String.init)
            let length =
                lines.first { $0.hasPrefix("Content-Length: ") }
                .flatMap { Int($0.dropFirst(16)) } ?? 0
            guard parts[1].utf8.count >= length else { continue }
            return Request(
                line: lines.first ?? "", headers: Array(lines.dropFirst()), body: String(parts[1]))
        }
        return nil
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// What one run of gr left behind.
struct CommandRun: Sendable {
    var code: Int32
    var output: String
    var errors: String

    /// Runs `gr` in this process.
    static func gr(
        _ words: [String], server: CannedServer? = nil, environment: [String: String] = [:],
        isTerminal: Bool = false, columns: Int? = nil,
        serve: @escaping @Sendable ([String]) -> Int32 = { _ in 99 }
    ) -> CommandRun {
        let captured = Captured()
        var io = CommandIO(
            writeOutput: { bytes in captured.output.withLock { $0 += bytes } },
            writeErrors: { bytes in captured.errors.withLock { $0 += bytes } },
            wallSeconds: { CommandRun.noon }, serve: serve)
        io.outputIsTerminal = isTerminal
        io.errorsAreTerminal = isTerminal
        io.columns = columns
        io.directory = "/srv/here"
        var environment = environment
        if let server { environment["GRETL_DAEMON"] = server.url }
        let code = Gretl.CommandLine.run(words, environment: environment, io: io)
        return CommandRun(
            code: code, output: String(decoding: captured.output.withLock { $0 }, as: UTF8.self),
            errors: String(decoding: captured.errors.withLock { $0 }, as: UTF8.self))
    }

    /// 2026-04-30T12:00:00Z
    static let noon: Int64 = 1_777_550_400
}

private final class Captured: Sendable {
    let output = Mutex<[UInt8]>([])
    let errors = Mutex<[UInt8]>([])
}

/// A home folder of one test.
struct TemporaryHome {
    let path: String

    init() throws {
        var template = Array("/tmp/gr-home-XXXXXX".utf8CString)
        // mkdtemp writes the name into the array it is given.
        let isMade = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe mkdtemp(buffer.baseAddress!) != nil
        }
        try #require(isMade)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Replaces the address file.
    func write(_ text: String) {
        let file = unsafe open(path + "/address", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        Terminal.write(Array(text.utf8), to: file)
        close(file)
    }

    func remove() {
        unsafe unlink(path + "/address")
        unsafe rmdir(path)
    }
}
