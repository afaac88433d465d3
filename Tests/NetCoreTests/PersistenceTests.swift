// Requests on one connection: keep-alive, pipelining, cuts, HEAD, HTTP/1.0 and Connection.

import HTTPParser
import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP persistence", .serialized)
struct PersistenceTests {
    @Test("a connection stays open for further requests")
    func keepAlive() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            for round in 1...5 {
                peer.send(get("/fixed/\(round)"))
                let answers = try stage.answers(round, from: peer)
                #expect(answers.last?.status == 200)
                #expect(answers.last?.text == "/fixed/\(round)")
                #expect(answers.last?.headers["connection"] == nil)
                #expect(answers.last?.headers["date"] == "Thu, 01 Jan 2026 00:00:01 GMT")
                #expect(answers.last?.headers["server"] == "test")
            }
            #expect(stage.server.connectionCount == 1)
        }
    }

    @Test("pipelined requests are answered in order", arguments: [1, 2, 16, 127, 128, 129, 500])
    func pipelining(count: Int) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send((0..<count).map { get("/fixed/\($0)") }.joined())
            let answers = try stage.answers(count, from: peer)
            #expect(answers.map(\.text) == (0..<count).map { "/fixed/\($0)" })
            #expect(stage.reactor.statistics.requests == UInt64(count))
        }
    }

    @Test("a request that arrives byte by byte is answered once, after its last byte")
    func byteByByte() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            let request = Array(get("/fixed/slow", "Accept: */*\r\n").utf8)
            for byte in request {
                #expect(peer.received.isEmpty)
                peer.send([byte])
                stage.settle(turns: 2)
            }
            #expect(try stage.answers(1, from: peer).map(\.text) == ["/fixed/slow"])
        }
    }

    @Test("two requests cut anywhere are two answers")
    func everyCut() async throws {
        try await staged { stage in
            let body = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
            let bytes = Array((body + get("/fixed/x")).utf8)
            let peer = try stage.connect()
            for cut in 1..<bytes.count {
                peer.send(Array(bytes[..<cut]))
                stage.settle(turns: 2)
                peer.send(Array(bytes[cut...]))
                let texts = try stage.answers(2, from: peer).map(\.text)
                peer.forgetReceived()
                #expect(texts == ["hello", "/fixed/x"], "cut at \(cut)")
            }
        }
    }

    @Test("HEAD gets the head of GET, and the connection goes on behind it")
    func head() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("HEAD /fixed HTTP/1.1\r\nHost: a\r\n\r\n" + get("/fixed"))
            let answers = try stage.answers(2, from: peer, to: [.head, .get])
            #expect(answers[0].headers == answers[1].headers)
            #expect(answers[0].headers["content-length"] == "6")
            #expect(answers[0].body.isEmpty)
            #expect(answers[1].text == "/fixed")
        }
    }

    @Test("an HTTP/1.0 connection closes after its answer")
    func http10() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("GET /fixed HTTP/1.0\r\n\r\n")
            let answers = try stage.answers(1, from: peer)
            #expect(answers[0].headers["connection"] == "close")
            #expect(stage.turn { peer.isAtEnd })
        }
    }

    @Test("an HTTP/1.0 connection with keep-alive stays open and is told so")
    func http10KeepAlive() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            for round in 1...3 {
                peer.send("GET /fixed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                let answers = try stage.answers(round, from: peer)
                #expect(answers.last?.headers["connection"] == "keep-alive")
            }
            stage.settle()
            #expect(!peer.isOver)
        }
    }

    @Test("Connection: close ends the connection behind that answer and not before")
    func connectionClose() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(
                get("/fixed/1") + get("/fixed/2", "Connection: close\r\n")
                    + get("/fixed/3"))
            let answers = try stage.answers(2, from: peer)
            #expect(answers.map { $0.headers["connection"] } == [nil, "close"])
            #expect(stage.turn { peer.isAtEnd })
            #expect(try peer.answers().count == 2)
            #expect(stage.application.handled == ["/fixed/1", "/fixed/2"])
        }
    }

    @Test("a client that pipelines on behind Connection: close still sees the answer")
    func pipelinesBehindClose() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            // More than one read: what the server leaves unread would make its close a reset.
            let more = (0..<3_000).map { get("/fixed/\($0)") }.joined()
            peer.mostPerRead = 0
            peer.send(get("/fixed/last", "Connection: close\r\n") + more)
            stage.settle(turns: 40)
            peer.mostPerRead = 1 << 16
            #expect(stage.turn { peer.isOver })
            #expect(peer.failure == 0)
            #expect(try peer.answers().map(\.text) == ["/fixed/last"])
        }
    }

    @Test("a client that ends its half after its requests gets every answer")
    func halfClose() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send((0..<300).map { get("/fixed/\($0)") }.joined())
            peer.endSending()
            #expect(try stage.answers(300, from: peer).count == 300)
            #expect(stage.turn { peer.isAtEnd })
        }
    }

    @Test("one read and one write serve one request or sixteen pipelined", arguments: [1, 16])
    func callsPerRequest(depth: Int) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/fixed"))
            _ = try stage.answers(1, from: peer)
            let before = stage.reactor.statistics
            for round in 1...10 {
                peer.send((0..<depth).map { _ in get("/fixed") }.joined())
                _ = try stage.answers(1 + round * depth, from: peer)
            }
            let after = stage.reactor.statistics
            #expect(after.reads - before.reads == 10)
            #expect(after.writes - before.writes == 10)
            #expect(after.requests - before.requests == UInt64(10 * depth))
            #expect(after.interestChanges == before.interestChanges)
            #expect(after.timersFired == before.timersFired)
        }
    }
}
