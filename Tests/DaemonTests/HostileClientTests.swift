// Clients that mean harm or are broken, against one daemon each, while an honest client keeps
// asking on new connections: it must never see an error, and afterwards descriptors, memory and
// CPU time must be back. GR_FULL=1 raises the counts to what a machine with 20,000 descriptors
// can take.

import CEpoll
import Glibc
import TestSupport
import Testing

/// Work for a thread.
private final class Job: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func run() throws {
        var thread = pthread_t()
        let job = unsafe Unmanaged.passRetained(self).toOpaque()
        // The thread takes over the reference that was retained for it.
        let error = unsafe pthread_create(
            &thread, nil,
            { pointer in
                if let pointer = unsafe pointer {
                    unsafe Unmanaged<Job>.fromOpaque(pointer).takeRetainedValue().body()
                }
                return nil
            }, job)
        guard error == 0 else { throw WireError.noConnection(error) }
        pthread_detach(thread)
    }
}

/// Asks /health on a new connection every 10 ms on a thread of its own.
final class HonestClient: Sendable {
    private let flag: Int32
    private let result: Int32

    init(_ daemon: DaemonProcess) throws {
        var stop: [Int32] = [-1, -1]
        var done: [Int32] = [-1, -1]
        guard unsafe cepoll_pipe(&stop) == 0, unsafe cepoll_pipe(&done) == 0 else {
            throw WireError.noConnection(errno)
        }
        (flag, result) = (stop[1], done[0])
        let (port, ending, answer) = (daemon.port, stop[0], done[1])
        // A thread of its own: tests that wait keep the threads of tasks busy.
        let job = Job {
            var good = 0
            var bad = 0
            while !DaemonProcess.waitReadable(ending, 10) {
                if Self.asks(port) { good += 1 } else { bad += 1 }
            }
            let counts = Array("\(good) \(bad)".utf8)
            // The array outlives the call.
            _ = unsafe cepoll_write(answer, counts, counts.count)
            _ = cepoll_close(answer)
            _ = cepoll_close(ending)
        }
        try job.run()
    }

    private static func asks(_ port: UInt16) -> Bool {
        guard let client = try? WireClient(port: port) else { return false }
        client.send(get("/health"))
        return (try? client.answer(within: 5_000))?.status == 200
    }

    /// Ends it: requests that were answered, and those that were not.
    func finish() -> (good: Int, bad: Int) {
        _ = cepoll_close(flag)
        defer { _ = cepoll_close(result) }
        guard DaemonProcess.waitReadable(result, 8_000) else { return (0, 999) }
        var bytes = [UInt8](repeating: 0, count: 64)
        // The buffer lives for the call, which takes its true size.
        let count = unsafe cepoll_read(result, &bytes, bytes.count)
        let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            .split(separator: " ").compactMap { Int($0) }
        return words.count == 2 ? (words[0], words[1]) : (0, 999)
    }
}

@Suite(.serialized) struct HostileClientTests {
    static let isFull = unsafe getenv("GR_FULL") != nil
    /// The daemon runs under a sanitizer that pads its memory.
    static let isPadded = unsafe getenv("ASAN_OPTIONS") != nil
    let daemon: DaemonProcess

    init() throws {
        daemon = try DaemonProcess(
            configuration: "[limits]\nhead_timeout_ms = 3000\nbody_timeout_ms = 3000\n")
        for _ in 0..<20 { _ = try daemon.ask("GET", "/health") }
    }

    /// Runs an attack and judges how the daemon bore it.
    private func bears(
        growthKiB: Int = 32_768, _ location: SourceLocation = #_sourceLocation,
        _ attack: () throws -> Void
    ) throws {
        let descriptors = ProcessTable.descriptors(daemon.pid).count
        let memory = ProcessTable.residentKiB(daemon.pid)
        let honest = try HonestClient(daemon)
        let outcome = Result { try attack() }
        let peak = ProcessTable.residentKiB(daemon.pid)
        usleep(50_000)
        let (good, bad) = honest.finish()
        try outcome.get()
        #expect(
            bad == 0, "\(bad) of \(good + bad) honest requests failed", sourceLocation: location)
        #expect(good > 0, sourceLocation: location)
        // The address sanitizer keeps what was freed, to catch who uses it again.
        let allowed = growthKiB * (Self.isPadded ? 8 : 1)
        #expect(peak - memory < allowed, "\(memory) → \(peak) KiB", sourceLocation: location)
        #expect(daemon.isAlive, sourceLocation: location)
        #expect(
            eventually(within: 5_000) {
                ProcessTable.descriptors(daemon.pid).count <= descriptors
            }, "\(ProcessTable.descriptors(daemon.pid).count) of \(descriptors) descriptors",
            sourceLocation: location)
        isIdle(location)
    }

    /// The loop rests when nobody asks.
    private func isIdle(_ location: SourceLocation = #_sourceLocation) {
        usleep(50_000)
        let before = ProcessTable.ticks(daemon.pid)
        usleep(300_000)
        let used = ProcessTable.ticks(daemon.pid) - before
        #expect(used <= 2, "\(used) ticks of 30 while idle", sourceLocation: location)
    }

    private func connect(_ count: Int, _ text: String) throws -> [WireClient] {
        try (0..<count).map { _ in
            let client = try WireClient(daemon)
            client.send(text)
            return client
        }
    }

    @Test func slowHeads() throws {
        try bears {
            let clients = try connect(500, "GET /health HTTP/1.1\r\nHost: localhost\r\nA: ")
            for _ in 0..<10 {
                for client in clients { _ = client.sendNow([0x61]) }
                usleep(30_000)
            }
        }
    }

    @Test func slowBodies() throws {
        try bears {
            let head = request(
                "POST /v1/services HTTP/1.1",
                ["Content-Type: application/json", "Content-Length: 1000000"], body: "{")
            let clients = try connect(200, head)
            let piece = [UInt8](repeating: 0x20, count: 256)
            for _ in 0..<10 {
                for client in clients { _ = client.sendNow(piece) }
                usleep(30_000)
            }
        }
    }

    @Test func clientsThatPipelineAndNeverRead() throws {
        let many = Array(String(repeating: get("/v1/services"), count: 400).utf8)
        try bears(growthKiB: 65_536) {
            let clients = try connect(100, "")
            for _ in 0..<20 {
                for client in clients { _ = client.sendNow(many) }
                usleep(20_000)
            }
        }
    }

    @Test func twentyThousandPipelinedRequests() throws {
        try bears {
            let client = try WireClient(daemon)
            let batch = Array(String(repeating: get("/health"), count: 100).utf8)
            var answered = 0
            var sent = 0
            var at = 0
            let end = Array("{\"status\":\"ok\"".utf8)
            var tail: [UInt8] = []
            let deadline = cepoll_monotonic() + 30_000_000_000
            while answered < 20_000, cepoll_monotonic() < deadline {
                if sent < 200 {
                    let moved = client.sendNow(batch, from: at)
                    if moved > 0 { at += moved }
                    if at == batch.count { (sent, at) = (sent + 1, 0) }
                }
                guard let bytes = client.readNow() else {
                    if sent == 200 { usleep(500) }
                    continue
                }
                if bytes.isEmpty { break }
                let text = tail + bytes
                let found = count(end, text)
                answered += found.count
                tail = Array(text[max(found.after, text.count - end.count + 1)...])
            }
            #expect(answered == 20_000)
        }
    }

    /// How often `needle` is in `bytes`, and where the last one ends.
    private func count(_ needle: [UInt8], _ bytes: [UInt8]) -> (count: Int, after: Int) {
        var found = 0
        var at = 0
        var after = 0
        while at + needle.count <= bytes.count {
            if bytes[at] == needle[0], bytes[at..<at + needle.count] == needle[...] {
                (found, at) = (found + 1, at + needle.count)
                after = at
            } else {
                at += 1
            }
        }
        return (found, after)
    }

    @Test func tenThousandConnectsWithAReset() throws {
        try bears {
            for index in 0..<10_000 {
                let client = try WireClient(daemon)
                if index % 2 == 0 { client.send("GET /health HTTP/1.1\r\nHo") }
                client.reset()
            }
        }
    }

    @Test func aChunkedBodyWithoutEnd() throws {
        try bears {
            let head = request(
                "POST /v1/services HTTP/1.1",
                ["Content-Type: application/json", "Transfer-Encoding: chunked"])
            let clients = try connect(10, head)
            let chunk = Array(("1000\r\n" + String(repeating: " ", count: 4_096) + "\r\n").utf8)
            for client in clients {
                var sent = 0
                while sent < 64 << 20 {
                    let moved = client.sendNow(chunk)
                    if moved == -Int(EAGAIN) {
                        usleep(200)
                        if !client.isSilent(for: 0) { break }
                        continue
                    }
                    if moved <= 0 { break }
                    sent += moved
                    if moved < chunk.count { break }
                }
                #expect(sent < 16 << 20)
            }
        }
    }

    @Test func readersOfOneByte() throws {
        try bears {
            let clients = try connect(50, get("/v1/services") + get("/health"))
            for client in clients {
                var got: [UInt8] = []
                let deadline = cepoll_monotonic() + 5_000_000_000
                while !got.suffix(2).elementsEqual("\"}".utf8), got.count < 4_096,
                    cepoll_monotonic() < deadline
                {
                    if let byte = client.readNow(1) { got += byte } else { usleep(200) }
                }
                #expect(got.starts(with: Array("HTTP/1.1 200 OK\r\n".utf8)))
                #expect(got.suffix(2).elementsEqual("\"}".utf8))
            }
        }
    }

    @Test func idleConnections() throws {
        let count = Self.isFull ? 15_000 : 2_000
        try bears(growthKiB: count * 4 + 16_384) {
            var clients = try connect(count, "")
            for client in clients { client.send(get("/health")) }
            for client in clients { #expect(try client.answer().status == 200) }
            usleep(200_000)
            for client in clients.suffix(50) {
                client.send(get("/health"))
                #expect(try client.answer().status == 200)
            }
            clients.removeAll()
        }
    }

    @Test func outOfDescriptors() throws {
        let used = ProcessTable.descriptors(daemon.pid).count
        try limit(used + 20)
        let clients = try connect(60, get("/health"))
        var served = 0
        for client in clients.prefix(used + 10) where served < 5 {
            if (try? client.answer(within: 1_000))?.status == 200 { served += 1 }
        }
        #expect(served >= 5)
        let before = ProcessTable.ticks(daemon.pid)
        usleep(500_000)
        #expect(ProcessTable.ticks(daemon.pid) - before <= 15, "the loop spins at the limit")
        #expect(daemon.isAlive)
        try limit(4_096)
        for client in clients { client.close() }
        #expect(eventually { (try? daemon.ask("GET", "/health"))?.status == 200 })
        #expect(eventually { ProcessTable.descriptors(daemon.pid).count <= used + 1 })
        isIdle()
    }

    private func limit(_ descriptors: Int) throws {
        let (code, _) = try DaemonProcess.run(
            "/usr/bin/prlimit",
            ["prlimit", "--pid", "\(daemon.pid)", "--nofile=\(descriptors):20000"])
        try #require(code == 0)
    }

    @Test func requestsThatWaitWhileItSleeps() throws {
        daemon.signal(SIGSTOP)
        let clients = try connect(100, get("/health"))
        usleep(300_000)
        daemon.signal(SIGCONT)
        for client in clients { #expect(try client.answer().status == 200) }
    }

    @Test func nonsenseOfEveryKind() throws {
        try bears {
            var random = SeededGenerator(seed: 0x5EED)
            let valid = Array(post("/v1/services", #"{"name":"f","port":7}"#).utf8)
            for _ in 0..<1_500 {
                var bytes = valid
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    let at = Int.random(in: bytes.indices, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: at)
                    default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
                    }
                }
                let client = try WireClient(daemon)
                client.send(bytes)
                client.endSending()
                if let answer = try? client.answer(within: 3_000) {
                    #expect(answer.problems(answering: "POST").isEmpty)
                    #expect(answer.status != 500)
                } else {
                    #expect(client.ending() != .open)
                }
            }
        }
    }
}
