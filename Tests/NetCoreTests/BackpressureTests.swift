// Clients that do not read, or ask for more than their share, and sockets that take little.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP backpressure", .serialized)
struct BackpressureTests {
    @Test("a client that pipelines and never reads is held to a bounded output")
    func neverReads() async throws {
        try await staged { stage in
            let greedy = try stage.connectPair()
            let honest = try stage.connect()
            greedy.mostPerRead = 0
            greedy.send((0..<12_000).map { get("/fixed/\($0)") }.joined())
            for round in 1...20 {
                honest.send(get("/fixed"))
                _ = try stage.answers(round, from: honest)
            }
            stage.settle(turns: 100)
            let most = stage.connections.map(\.unsentBytes).max() ?? 0
            #expect(most > 0)
            #expect(most <= 2 * Limits.answerBytesPerTurn)
            #expect(!greedy.hasSentAll)
            let requests = stage.reactor.statistics.requests
            stage.settle(turns: 100)
            #expect(stage.reactor.statistics.requests == requests)
            greedy.mostPerRead = 1 << 16
            #expect(stage.turn { greedy.received.suffix(12) == Array("/fixed/11999".utf8) })
            #expect(try greedy.answers().count == 12_000)
        }
    }

    @Test("a client that asks for large answers without reading has one of them in memory")
    func neverReadsLarge() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send((0..<20).map { _ in get("/large") }.joined())
            stage.settle(turns: 100)
            #expect(stage.application.handled.count == 1)
            #expect(stage.connections[0].unsentBytes <= TestApplication.large.count + 1_024)
            peer.mostPerRead = 1 << 21
            #expect(stage.turn { peer.received.count > 20 * TestApplication.large.count })
            #expect(try peer.answers().map(\.body.count) == Array(repeating: 1 << 20, count: 20))
        }
    }

    @Test("a pipelining client does not starve another one")
    func interleaves() async throws {
        try await staged { stage in
            let greedy = try stage.connect()
            let honest = try stage.connect()
            greedy.send((0..<2_000).map { get("/fixed/\($0)") }.joined())
            honest.send(get("/fixed/honest"))
            #expect(try stage.answers(1, from: honest).count == 1)
            #expect(stage.application.handled.count < 500)
            // And while it is under way: each answer within a bounded number of the other's.
            for _ in 0..<5 {
                let before = stage.application.handled.count
                honest.forgetReceived()
                honest.send(get("/fixed/honest"))
                _ = try stage.answers(1, from: honest)
                #expect(stage.application.handled.count - before <= 3 * Limits.requestsPerTurn)
            }
            #expect(try stage.answers(2_000, from: greedy).last?.text == "/fixed/1999")
        }
    }

    @Test("an answer that is sent in short pieces of any length arrives whole")
    func shortWrites() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/fixed/0123456789"))
            let whole = try stage.answers(1, from: peer)
            let length = peer.received.count
            try every("write of", in: 1...length) { count in
                peer.forgetReceived()
                peer.send(get("/fixed/0123456789"))
                let answers = try withShort(CEPOLL_CALL_SEND, count: count) {
                    try stage.answers(1, from: peer)
                }
                #expect(answers == whole, "\(count) bytes at a time")
                #expect(peer.received.count == length)
                #expect(stage.connections[0].unsentBytes == 0)
            }
            // Cut once, at every byte; the rest goes at once.
            try every("first write of", in: 1..<length) { count in
                peer.forgetReceived()
                peer.send(get("/fixed/0123456789"))
                let answers = try withShort(CEPOLL_CALL_SEND, count: count, times: 1) {
                    try stage.answers(1, from: peer)
                }
                #expect(answers == whole, "\(count) bytes first")
            }
        }
    }

    @Test("a socket that is full at the first write gets the answer when it is not")
    func wouldBlock() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            try every("errno", in: [EAGAIN, EINTR]) { error in
                peer.forgetReceived()
                peer.send(get("/fixed/x") + get("/fixed/y"))
                let answers = try withFault(CEPOLL_CALL_SEND, error: error, times: 2) {
                    try stage.answers(2, from: peer)
                }
                #expect(answers.map(\.text) == ["/fixed/x", "/fixed/y"])
            }
        }
    }

    @Test("a read that has nothing after all does no harm")
    func spuriousRead() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            try every("errno", in: [EAGAIN, EINTR]) { error in
                peer.forgetReceived()
                peer.send(get("/fixed"))
                let answers = try withFault(CEPOLL_CALL_READ, error: error, times: 2) {
                    try stage.answers(1, from: peer)
                }
                #expect(answers.count == 1)
            }
        }
    }

    @Test(
        "a connection whose socket fails is closed, whatever the call",
        arguments: [ECONNRESET, EPIPE, ETIMEDOUT, EIO, ENOMEM])
    func failures(error: Int32) async throws {
        try await staged { stage in
            for call in [CEPOLL_CALL_READ, CEPOLL_CALL_SEND] {
                let peer = try stage.connect()
                peer.send(get("/fixed"))
                withFault(call, error: error, times: 1) { stage.settle() }
                #expect(stage.server.connectionCount == 0, "call \(call.rawValue)")
                #expect(peer.isOver)
            }
        }
    }

    @Test("a connection that cannot change its interest is closed")
    func interestFails() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send(get("/large"))
            withFault(CEPOLL_CALL_MODIFY, error: ENOMEM) { stage.settle() }
            #expect(stage.server.connectionCount == 0)
        }
    }

    @Test("a connection that cannot be registered is closed and not counted")
    func registrationFails() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            withFault(CEPOLL_CALL_ADD, error: ENOSPC) { stage.settle() }
            #expect(stage.server.connectionCount == 0)
            #expect(peer.isOver)
            let second = try stage.connect()
            second.send(get("/fixed"))
            #expect(try stage.answers(1, from: second).count == 1)
        }
    }

    @Test("connections above the limit are closed at once")
    func connectionLimit() async throws {
        var options = HTTPServer.Options()
        options.connections = 2
        try await staged(options) { stage in
            let peers = try (0..<3).map { _ in try stage.connect() }
            stage.settle()
            #expect(peers.map(\.isOver) == [false, false, true])
            #expect(stage.reactor.statistics.shedConnections == 1)
            peers[0].close()
            stage.settle()
            let next = try stage.connect()
            next.send(get("/fixed"))
            #expect(try stage.answers(1, from: next).count == 1)
        }
    }
}
