// Answers that go on: what the client gets, byte for byte, and what becomes of streams whose client
// leaves, does not read, or talks; and sockets that leave HTTP altogether.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("Event streams", .serialized)
struct EventStreamTests {
    private static let head =
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:01 GMT\r\nConnection: close\r\n"
        + "Content-Type: text/event-stream\r\nX-Test: 1\r\nServer: test\r\n\r\n"

    @Test("the head goes out at once, and what is sent follows it raw", arguments: ["1.0", "1.1"])
    func rawBytes(version: String) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("GET /stream HTTP/\(version)\r\nHost: a\r\n\r\n")
            let stream = try stage.stream(1)
            stage.settle()
            #expect(peer.text == Self.head)
            stream.send(ByteChunk(Array("one\n\n".utf8)))
            stage.settle()
            #expect(peer.text == Self.head + "one\n\n")
            stream.append(ByteChunk(Array("two\n".utf8)))
            stream.append(ByteChunk(Array("three\n".utf8)))
            let writes = stage.reactor.statistics.writes
            stream.flush()
            #expect(stage.reactor.statistics.writes == writes + 1)
            stage.settle()
            #expect(peer.text == Self.head + "one\n\ntwo\nthree\n")
            #expect(!peer.isOver)
            stream.end()
            #expect(stage.turn { peer.isAtEnd })
            #expect(stage.server.connectionCount == 0)
            #expect(stage.application.streams[0].closes == 0)
        }
    }

    @Test("HEAD gets the head of a stream, and the connection ends")
    func headOnly() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(stage.turn { peer.isAtEnd })
            #expect(peer.text == Self.head)
            #expect(stage.application.streams.isEmpty)
        }
    }

    @Test("what is pipelined in front of a stream is answered, what is behind it dropped")
    func pipelined() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/fixed/a") + get("/fixed/b") + get("/stream") + get("/fixed/c"))
            let stream = try stage.stream(1)
            stream.send(ByteChunk(Array("x".utf8)))
            stage.settle()
            #expect(stage.application.handled == ["/fixed/a", "/fixed/b", "/stream"])
            #expect(peer.text.hasSuffix(Self.head + "x"))
            #expect(peer.text.contains("/fixed/b"))
            stream.end()
        }
    }

    @Test("a stream behind an answer the client has not taken opens when it has")
    func behindUnsentAnswer() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send(get("/large") + get("/stream"))
            stage.settle()
            #expect(stage.application.streams.isEmpty)
            peer.mostPerRead = 1 << 20
            let stream = try stage.stream(1)
            stage.settle()
            #expect(peer.text.hasSuffix(Self.head))
            stream.end()
        }
    }

    @Test("head and chunks arrive whole, whatever the socket takes at a time")
    func shortWrites() async throws {
        try await staged { stage in
            let text = Array("event: a\nid: 1\ndata: {}\n\n".utf8)
            let chunk = ByteChunk(text)
            let length = Self.head.utf8.count + 3 * text.count
            try every("writes of", in: 1...length) { count in
                let peer = try stage.connect()
                let opened = stage.application.streams.count
                try withShort(CEPOLL_CALL_SEND, count: count) {
                    peer.send(get("/stream"))
                    let stream = try stage.stream(opened + 1)
                    for _ in 0..<3 { stream.send(chunk) }
                    #expect(stage.turn { peer.received.count == length }, "\(count)")
                    #expect(stream.isDrained)
                    stream.end()
                }
                #expect(
                    peer.text == Self.head
                        + String(repeating: String(decoding: text, as: UTF8.self), count: 3))
                peer.close()
                stage.forget(peer)
            }
        }
    }

    @Test("one short write at any byte is made up for, by one write of all that waits")
    func oneShortWrite() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/stream"))
            let stream = try stage.stream(1)
            stage.settle()
            let log = stage.application.streams[0]
            let chunk = ByteChunk(Array("0123456789".utf8))
            try every("write of", in: 1...9) { count in
                peer.forgetReceived()
                let drains = log.drains
                withShort(CEPOLL_CALL_SEND, count: count, times: 1) { stream.send(chunk) }
                #expect(!stream.isDrained)
                stream.append(chunk)
                stream.append(chunk)
                let writes = stage.reactor.statistics.writes
                stage.settle()
                #expect(stage.reactor.statistics.writes == writes + 1)
                #expect(peer.text == String(repeating: "0123456789", count: 3))
                #expect(log.drains == drains + 1)
            }
            #expect(stage.reactor.timers.count == 0)
            stream.end()
        }
    }

    @Test("a client that leaves is noticed at once, however it leaves", arguments: 0..<3)
    func leaves(how: Int) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/stream"))
            let stream = try stage.stream(1)
            stage.settle()
            switch how {
            case 0: peer.close()
            case 1: peer.reset()
            default: peer.endSending()
            }
            #expect(stage.turn { !stream.isOpen })
            #expect(stage.application.streams[0].closes == 1)
            #expect(stage.server.connectionCount == 0)
            // Nothing happens any more, whatever the owner tries.
            stream.send(ByteChunk([1]))
            stream.append(ByteChunk([1]))
            stream.flush()
            stream.end()
            stage.settle()
            #expect(stage.application.streams[0].closes == 1)
        }
    }

    @Test("a client that leaves before the head is sent never gets a stream")
    func leavesBeforeTheHead() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send(get("/large") + get("/stream"))
            stage.settle()
            peer.close()
            #expect(stage.turn { stage.server.connectionCount == 0 })
            #expect(stage.application.streams.isEmpty)
            #expect(stage.server.leaving.isEmpty)
        }
    }

    @Test("an error of the socket ends the stream and is told once")
    func socketError() async throws {
        try await staged { stage in
            for error in [EPIPE, ECONNRESET, ENOBUFS, EIO] {
                let peer = try stage.connect()
                let opened = stage.application.streams.count
                peer.send(get("/stream"))
                let stream = try stage.stream(opened + 1)
                withFault(CEPOLL_CALL_SEND, error: error, times: 1) {
                    stream.send(ByteChunk([1, 2, 3]))
                }
                #expect(!stream.isOpen)
                #expect(stage.application.streams[opened].closes == 1)
                #expect(stage.turn { peer.isOver })
            }
        }
    }

    @Test("a stream that cannot be registered is closed")
    func noRegistration() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            stage.turn { stage.server.connectionCount == 1 }
            peer.send(get("/stream"))
            // Readable now; the next registration is the stream's.
            withFault(CEPOLL_CALL_ADD, error: ENOMEM) {
                #expect(stage.turn { peer.isOver })
            }
            #expect(stage.application.streams.isEmpty)
            #expect(stage.server.connectionCount == 0)
        }
    }

    @Test("what a listening client sends is dropped, and too much of it ends the stream")
    func talks() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/stream"))
            let stream = try stage.stream(1)
            peer.send([UInt8](repeating: 0x61, count: Limits.streamInputBytes))
            #expect(stage.turn { peer.hasSentAll })
            stage.settle()
            #expect(stream.isOpen)
            peer.send([0x61])
            #expect(stage.turn { !stream.isOpen })
        }
    }

    @Test(
        "a client that never reads is closed after the write timeout, one that reads a little not")
    func neverReads() async throws {
        try await staged { stage in
            let lazy = try stage.connectPair()
            let slow = try stage.connectPair()
            lazy.send(get("/stream"))
            slow.send(get("/stream"))
            let streams = [try stage.stream(1), try stage.stream(2)]
            stage.settle()
            lazy.mostPerRead = 0
            slow.mostPerRead = 0
            let chunk = ByteChunk([UInt8](repeating: 0x78, count: 2 << 20))
            for stream in streams { stream.send(chunk) }
            stage.settle()
            #expect(streams.allSatisfy { $0.unsentBytes > 0 && $0.unsentBytes < chunk.count })
            for _ in 0..<3 {
                slow.mostPerRead = 40_000
                stage.advance(by: .seconds(20))
                slow.mostPerRead = 0
            }
            #expect(!streams[0].isOpen)
            #expect(streams[1].isOpen)
            #expect(stage.application.streams[0].closes == 1)
            stage.advance(by: .seconds(31))
            #expect(!streams[1].isOpen)
        }
    }

    @Test("a silent stream is kept for as long as both want, without a timer")
    func silent() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/stream"))
            let stream = try stage.stream(1)
            stage.settle()
            #expect(stage.reactor.timers.count == 0)
            for _ in 0..<10 { stage.advance(by: .seconds(3_600)) }
            #expect(stream.isOpen)
            stream.end()
        }
    }

    @Test("a shutdown ends all streams, some in each turn, without waiting for slow clients")
    func drains() async throws {
        try await staged { stage in
            var peers: [HTTPPeer] = []
            for _ in 0..<200 {
                let peer = try stage.connect()
                peer.send(get("/stream"))
                peers.append(peer)
            }
            #expect(stage.turn { stage.application.streams.count == 200 })
            let lazy = try stage.connectPair()
            lazy.send(get("/stream"))
            let stream = try stage.stream(201)
            stage.settle()
            lazy.mostPerRead = 0
            stream.send(ByteChunk([UInt8](repeating: 0x78, count: 2 << 20)))
            var isDrained = false
            stage.server.drain { isDrained = true }
            stage.turn()
            #expect(!isDrained)
            stage.settle(turns: 5)
            #expect(isDrained)
            #expect(stage.application.streams.allSatisfy { $0.closes == 1 })
            #expect(stage.turn { peers.allSatisfy(\.isAtEnd) })
        }
    }

    @Test("an upgrade gives the socket away, with what came behind the request")
    func upgrades() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/upgrade", "Upgrade: test\r\nConnection: Upgrade\r\n") + "hello")
            #expect(stage.turn { !stage.application.taken.isEmpty })
            let socket = stage.application.taken[0]
            #expect(socket.rest?.withSpan { $0.count } == 5)
            stage.settle()
            #expect(
                peer.text == "HTTP/1.1 101 Switching Protocols\r\n"
                    + "Date: Thu, 01 Jan 2026 00:00:01 GMT\r\nUpgrade: test\r\n"
                    + "Connection: Upgrade\r\nServer: test\r\n\r\n")
            // Ours alone: not in epoll, and still a connection of the server.
            #expect(stage.server.connectionCount == 1)
            let registered = stage.reactor.registrationCount
            let sent = unsafe cepoll_send(socket.descriptor, "raw", 3)
            #expect(sent == 3)
            #expect(stage.turn { peer.text.hasSuffix("raw") })
            #expect(registered == 2)
            socket.close()
            socket.close()
            #expect(stage.turn { peer.isAtEnd })
            #expect(stage.server.connectionCount == 0)
        }
    }
}

extension HTTPPeer {
    fileprivate var text: String { String(decoding: received, as: UTF8.self) }
}

extension Stage {
    /// Turns until there are `count` streams; the last one.
    fileprivate func stream(
        _ count: Int, at location: SourceLocation = #_sourceLocation
    ) throws -> EventStream {
        turn { application.streams.count >= count }
        try #require(application.streams.count >= count, sourceLocation: location)
        return application.streams[count - 1].stream
    }
}
