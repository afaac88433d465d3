// The orderly end of a server.

import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP drain", .serialized)
struct DrainTests {
    @Test("idle connections are closed at once and new ones are refused")
    func idle() async throws {
        try await staged { stage in
            let peers = try (0..<3).map { _ in try stage.connect() }
            for peer in peers { peer.send(get("/fixed")) }
            stage.settle()
            var isDone = false
            stage.server.drain { isDone = true }
            #expect(isDone)
            stage.settle()
            #expect(peers.allSatisfy { $0.isAtEnd && $0.failure == 0 })
            let late = try? stage.connect()
            stage.settle()
            #expect(late?.isOver ?? true)
        }
    }

    @Test("a request under way is answered with Connection: close, then the drain is done")
    func inFlight() async throws {
        try await staged { stage in
            let later = try stage.connect()
            let body = try stage.connect()
            let head = try stage.connect()
            later.send(get("/later/x"))
            body.send(post("/echo", "Content-Length: 5\r\n", "he"))
            head.send("GET /fix")
            stage.settle()
            var isDone = false
            stage.server.drain { isDone = true }
            stage.settle()
            #expect(!isDone)
            stage.application.answerLater()
            body.send("llo")
            head.send("ed HTTP/1.1\r\nHost: a\r\n\r\n")
            for (peer, text) in [(later, "/later/x"), (body, "hello"), (head, "/fixed")] {
                let answers = try stage.answers(1, from: peer)
                #expect(answers.map(\.text) == [text])
                #expect(answers[0].headers["connection"] == "close")
                #expect(stage.turn { peer.isAtEnd })
            }
            #expect(stage.turn { isDone })
        }
    }

    @Test("an answer that the client is still reading is finished, then the drain is done")
    func blockedOutput() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send(get("/large"))
            stage.settle()
            var isDone = false
            stage.server.drain { isDone = true }
            stage.settle()
            #expect(!isDone)
            peer.mostPerRead = 1 << 21
            #expect(try stage.answers(1, from: peer)[0].body == TestApplication.large)
            #expect(stage.turn { isDone })
        }
    }

    @Test("the request that starts the drain gets its answer, and those before it theirs")
    func drainByRequest() async throws {
        try await staged { stage in
            var isDone = false
            stage.application.onDrain = { stage.server.drain { isDone = true } }
            let peer = try stage.connect()
            peer.send(get("/fixed") + post("/drain", "Content-Length: 0\r\n"))
            #expect(stage.turn { peer.isOver })
            #expect(try peer.answers().map(\.status) == [200, 202])
            #expect(stage.turn { isDone })
            stage.application.onDrain = {}
        }
    }

    @Test("a drain leaves the connections of another server alone")
    func otherServer() async throws {
        try await staged { stage in
            let other = HTTPServer(
                on: stage.reactor, application: stage.application, commonHeaders: "")
            let address = try other.listen(try #require(SocketAddress("127.0.0.1", port: 0)))
            let peer = try stage.connect()
            stage.settle()
            #expect(address.port != 0)
            other.drain {}
            peer.send(get("/fixed"))
            #expect(try stage.answers(1, from: peer).map(\.text) == ["/fixed"])
        }
    }

    @Test("a client that has gone ends the drain")
    func clientGone() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/later/x"))
            stage.settle()
            var isDone = false
            stage.server.drain { isDone = true }
            peer.reset()
            #expect(stage.turn { isDone })
        }
    }
}
