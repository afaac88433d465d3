// TLS over a socket: to a server that is not ours, from a client that is not ours, and among
// ourselves.

import CEpoll
import Glibc
import Gretl
import NetCore
import Synchronization
import TestSupport
import Testing

/// Reads and writes a stream by waiting, for tests.
@ReactorActor
private final class StreamUser: ForwardStreamOwner {
    let stream: TLSStream
    private var continuation: CheckedContinuation<Void, Never>?
    private var isReady = false
    private(set) var ended = false
    private(set) var failure: String?

    init(_ stream: TLSStream) {
        self.stream = stream
        stream.owner = self
    }

    func streamReady() {
        isReady = true
        continuation?.resume()
        continuation = nil
    }

    private func wait(read: Bool, write: Bool) async {
        isReady = false
        stream.want(read: read, write: write)
        guard !isReady else { return }
        await withCheckedContinuation { continuation = $0 }
    }

    func write(_ bytes: [UInt8]) async {
        var left = bytes[...]
        while !left.isEmpty, failure == nil {
            switch stream.write(Array(left).span) {
            case .taken(let count): left = left.dropFirst(count)
            case .failed(let why): failure = why
            }
            if !left.isEmpty { await wait(read: false, write: true) }
        }
    }

    /// The next bytes; empty at the end.
    func read(_ most: Int = 16_384) async -> [UInt8] {
        var memory = [UInt8](repeating: 0, count: most)
        while true {
            var came = ForwardRead.later
            var span = memory.mutableSpan
            came = stream.read(into: &span, from: 0)
            switch came {
            case .bytes(let count): return Array(memory[..<count])
            case .ended:
                ended = true
                return []
            case .failed(let why):
                failure = why
                return []
            case .later: await wait(read: true, write: false)
            }
        }
    }
}

@Suite struct TLSStreamTests {
    @ReactorActor
    private static func connect(
        _ port: Int, _ identity: TLSIdentity, name: String = "127.0.0.1"
    ) async throws -> TLSStream {
        let address = try #require(SocketAddress("127.0.0.1", port: UInt16(port)))
        let outcome: Connector.Outcome = await withCheckedContinuation { continuation in
            _ = Connector(to: address, timeout: .seconds(5), on: ReactorThread.reactor) {
                continuation.resume(returning: $0)
            }
        }
        guard case .connected(let socket) = outcome else { throw TLSFailure.timedOut }
        let stream = try TLSStream(
            socket, try TLSContext(identity), name: name, on: ReactorThread.reactor)
        try await stream.handshake(within: .seconds(5))
        return stream
    }

    private static func trust(_ server: TLSServerProgram) -> TLSIdentity {
        var identity = TLSIdentity()
        identity.authorities = server.text("ca.crt")
        return identity
    }

    private static func mine(_ server: TLSServerProgram) -> TLSIdentity {
        var identity = trust(server)
        identity.certificate = server.text("client.crt")
        identity.key = Secret(server.text("client.key"))
        return identity
    }

    @Test func `It talks to a server that is not ours, and says who it is`() async throws {
        let server = try TLSServerProgram()
        try await onReactor {
            let stream = try await TLSStreamTests.connect(
                server.strictPort, TLSStreamTests.mine(server))
            let user = StreamUser(stream)
            await user.write(
                Array("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
            var answer = ""
            while !user.ended, user.failure == nil {
                answer += String(decoding: await user.read(), as: UTF8.self)
            }
            #expect(answer.hasPrefix("HTTP/1.1 200"))
            #expect(answer.contains("\"peer\": [\"me\"]"))
            #expect(stream.subject("CN") == ["server"])
            stream.close()
        }
    }

    @Test func `Whom it does not trust it does not talk to`() async throws {
        let server = try TLSServerProgram()
        try await onReactor {
            func failure(_ port: Int, _ identity: TLSIdentity, _ name: String) async -> String {
                do {
                    try await TLSStreamTests.connect(port, identity, name: name).close()
                    return ""
                } catch { return (error as? TLSFailure)?.text ?? "\(error)" }
            }
            let good = TLSStreamTests.trust(server)
            var other = good
            other.authorities = server.text("other.crt")
            #expect(await failure(server.port, other, "127.0.0.1").contains("certificate"))
            other.authorities = nil
            #expect(await failure(server.port, other, "127.0.0.1").contains("certificate"))
            #expect(await failure(server.wrongPort, good, "127.0.0.1").contains("mismatch"))
            #expect(await failure(server.port, good, "elsewhere.test").contains("mismatch"))
            #expect(await failure(server.port, good, "api.test") == "")
            #expect(await failure(server.port, good, "127.0.0.2").contains("mismatch"))
            #expect(await failure(server.plainPort, good, "127.0.0.1") != "")
            var named = good
            named.serverName = "api.test"
            #expect(await failure(server.port, named, "127.0.0.9") == "")
            named.isUnverified = true
            #expect(await failure(server.wrongPort, named, "127.0.0.1") == "")
            other = good
            other.certificate = "nonsense"
            #expect(await failure(server.port, other, "127.0.0.1").contains("client certificate"))
            other.certificate = server.text("client.crt")
            other.key = Secret(server.text("server.key"))
            #expect(await failure(server.port, other, "127.0.0.1").contains("does not belong"))
        }
    }

    /// Both ends of one connection, ours.
    @ReactorActor
    private static func pair(
        _ files: TLSServerProgram, requires: Bool = false
    ) async throws -> (StreamUser, StreamUser) {
        var ends: [Int32] = [-1, -1]
        try #require(
            unsafe socketpair(
                AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        var identity = TLSStreamTests.trust(files)
        identity.certificate = files.text("server.crt")
        identity.key = Secret(files.text("server.key"))
        let reactor = ReactorThread.reactor
        let serving = try TLSStream(
            ends[0], try TLSContext(identity, role: .server(requiresCertificate: requires)),
            on: reactor)
        let asking = try TLSStream(
            ends[1], try TLSContext(TLSStreamTests.mine(files)), name: "localhost", on: reactor)
        let served = Task { @ReactorActor in try await serving.handshake(within: .seconds(5)) }
        try await asking.handshake(within: .seconds(5))
        try await served.value
        return (StreamUser(serving), StreamUser(asking))
    }

    @Test func `Fifty megabytes go both ways, whole and in order`() async throws {
        let files = try TLSServerProgram()
        try await onReactor {
            let (server, client) = try await TLSStreamTests.pair(files, requires: true)
            #expect(server.stream.subject("CN") == ["me"] && server.stream.subject("O") == ["team"])
            let total = 25 << 20
            let writing = Task { @ReactorActor in
                var random = SeededGenerator(seed: 5)
                var sent = 0
                while sent < total {
                    let count = min(total - sent, random.number(in: 1...100_000))
                    await client.write((0..<count).map { UInt8(truncatingIfNeeded: sent &+ $0) })
                    sent += count
                }
                client.stream.close()
            }
            var count = 0
            var wrong = 0
            while !server.ended, server.failure == nil {
                let bytes = await server.read(40_000)
                for byte in bytes {
                    if byte != UInt8(truncatingIfNeeded: count) { wrong += 1 }
                    count += 1
                }
            }
            await writing.value
            #expect(count == total && wrong == 0 && server.failure == nil)
            server.stream.close()
        }
    }

    @Test func `A connection that is cut is told from one that ends`() async throws {
        let files = try TLSServerProgram()
        try await onReactor {
            var ends: [Int32] = [-1, -1]
            try #require(
                unsafe socketpair(
                    AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
            let mute = try TLSStream(
                ends[0], try TLSContext(TLSStreamTests.trust(files)), name: "localhost",
                on: ReactorThread.reactor)
            await #expect(throws: TLSFailure.timedOut) {
                try await mute.handshake(within: .milliseconds(50))
            }
            close(ends[1])
            let (server, client) = try await TLSStreamTests.pair(files)
            await client.write([1, 2, 3])
            #expect(await server.read() == [1, 2, 3])
            client.stream.close()
            #expect(await server.read().isEmpty)
            #expect(server.ended && server.failure == nil)
            server.stream.close()
        }
    }

    @Test func `A later connection to the same server has a short handshake`() async throws {
        let server = try TLSServerProgram()
        let thread = try BackgroundThread(name: "gr-test")
        try await onReactor {
            let contexts = TLSContexts(background: thread)
            var resumed: [Bool] = []
            for _ in 0..<3 {
                let address = try #require(SocketAddress("127.0.0.1", port: UInt16(server.port)))
                let outcome: Connector.Outcome = await withCheckedContinuation { continuation in
                    _ = Connector(to: address, timeout: .seconds(5), on: ReactorThread.reactor) {
                        continuation.resume(returning: $0)
                    }
                }
                guard case .connected(let socket) = outcome else { return }
                let context = try await contexts.context(TLSStreamTests.trust(server))
                let stream = try TLSStream(
                    socket, context, name: "127.0.0.1", on: ReactorThread.reactor)
                try await stream.handshake(within: .seconds(5))
                let user = StreamUser(stream)
                await user.write(Array("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                #expect(!(await user.read()).isEmpty)
                resumed.append(stream.isResumed)
                stream.close()
            }
            #expect(resumed == [false, true, true])
        }
    }

    @Test func `A client that is not ours is served`() async throws {
        let files = try TLSServerProgram()
        var ends = (listener: Int32(-1), port: UInt16(0))
        ends.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Both calls read or fill the one address they are given.
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                _ = unsafe bind(ends.listener, raw, length)
                _ = listen(ends.listener, 1)
                _ = unsafe getsockname(ends.listener, raw, &length)
            }
        }
        ends.port = UInt16(bigEndian: address.sin_port)
        let (listener, port) = ends
        defer { close(listener) }
        let authority = TemporaryFolder()
        TemporaryFolder.write(files.text("ca.crt"), to: authority.file("ca.crt"))
        // On a thread of its own: a task would need one of the few that run the tests.
        let thread = try BackgroundThread(name: "gr-test")
        let said = Mutex("")
        try thread.submit {
            let result = try? Program.run([
                "sh", "-c",
                "(echo hello; sleep 1) | openssl s_client -quiet -verify_return_error -CAfile "
                    + "\(authority.file("ca.crt")) -verify_ip 127.0.0.1 "
                    + "-connect 127.0.0.1:\(port)",
            ])
            said.withLock { $0 = result?.output ?? "" }
        }
        try #require(DaemonProcess.waitReadable(listener, 10_000))
        let accepted = accept(listener, nil, nil)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        try #require(accepted >= 0)
        try await onReactor {
            var identity = TLSIdentity()
            identity.certificate = files.text("server.crt")
            identity.key = Secret(files.text("server.key"))
            let stream = try TLSStream(
                accepted, try TLSContext(identity, role: .server(requiresCertificate: false)),
                on: ReactorThread.reactor)
            try await stream.handshake(within: .seconds(5))
            let user = StreamUser(stream)
            #expect(String(decoding: await user.read(), as: UTF8.self) == "hello\n")
            await user.write(Array("world\n".utf8))
            stream.close()
        }
        thread.stop()
        #expect(said.withLock { $0 } == "world\n")
    }
}
