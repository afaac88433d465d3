// The deadlines of a connection, on a clock that only the test moves.

import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP deadlines", .serialized)
struct DeadlineTests {
    @Test("a head that is not complete in time is answered with 408")
    func slowHead() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("GET /fixed HT")
            stage.settle()
            // More bytes do not move the deadline.
            stage.advance(by: .seconds(9))
            peer.send("TP/1.1\r\n")
            stage.settle()
            #expect(peer.received.isEmpty)
            stage.advance(by: .milliseconds(1_001))
            #expect(stage.turn { peer.isAtEnd })
            #expect(try peer.answers().map(\.status) == [408])
            // The client does not close: the server does, after the time to linger.
            #expect(stage.server.connectionCount == 1)
            let writes = stage.reactor.statistics.writes
            stage.advance(by: .milliseconds(2_001))
            #expect(stage.server.connectionCount == 0)
            #expect(stage.reactor.statistics.writes == writes)
        }
    }

    @Test("a body that is not complete in time is answered with 408")
    func slowBody() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(post("/echo", "Content-Length: 5\r\n", "hell"))
            stage.settle()
            stage.advance(by: .milliseconds(29_999))
            #expect(peer.received.isEmpty)
            stage.advance(by: .milliseconds(2))
            #expect(stage.turn { peer.isAtEnd })
            #expect(try peer.answers().map(\.status) == [408])
            stage.advance(by: .milliseconds(2_001))
            #expect(stage.server.connectionCount == 0)
        }
    }

    @Test("a head in time clears its deadline")
    func headInTime() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("GET /fixed HT")
            stage.settle()
            stage.advance(by: .seconds(9))
            peer.send("TP/1.1\r\nHost: a\r\n\r\n")
            _ = try stage.answers(1, from: peer)
            stage.advance(by: .seconds(60))
            peer.send(get("/fixed"))
            #expect(try stage.answers(2, from: peer).count == 2)
        }
    }

    @Test("an idle connection is closed without a word, and each request starts the time anew")
    func idle() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            stage.settle()
            for round in 1...3 {
                stage.advance(by: .seconds(74))
                #expect(!peer.isOver)
                peer.send(get("/fixed"))
                _ = try stage.answers(round, from: peer)
            }
            stage.advance(by: .milliseconds(75_001))
            #expect(stage.turn { peer.isAtEnd })
            #expect(try peer.answers().count == 3)
            #expect(stage.server.connectionCount == 0)
        }
    }

    @Test("a later answer may take any time")
    func laterHasNoDeadline() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/later/x"))
            stage.settle()
            for _ in 0..<10 { stage.advance(by: .seconds(1_000)) }
            #expect(!peer.isOver)
            stage.application.answerLater()
            #expect(try stage.answers(1, from: peer).map(\.text) == ["/later/x"])
            stage.advance(by: .milliseconds(75_001))
            #expect(stage.turn { peer.isAtEnd })
        }
    }

    @Test("a client that takes no answer is closed, one that makes progress is not")
    func writeTimeout() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send(get("/large"))
            stage.settle()
            for _ in 0..<4 {
                stage.advance(by: .seconds(29))
                peer.mostPerRead = 100_000
                stage.turn()
                peer.mostPerRead = 0
                stage.settle()
                #expect(stage.server.connectionCount == 1)
            }
            stage.advance(by: .milliseconds(30_001))
            #expect(stage.server.connectionCount == 0)
        }
    }

    @Test("the next request is due a full head's time after answers that blocked")
    func headAfterBlockedAnswers() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send(get("/large") + "GET /fix")
            stage.settle()
            stage.advance(by: .seconds(20))
            peer.mostPerRead = 1 << 21
            stage.settle(turns: 100)
            #expect(try peer.answers().count == 1)
            stage.advance(by: .seconds(9))
            peer.send("ed HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try stage.answers(2, from: peer).last?.text == "/fixed")
            peer.send("GET")
            stage.settle()
            stage.advance(by: .milliseconds(10_001))
            #expect(try stage.answers(3, from: peer).last?.status == 408)
        }
    }

    @Test("a closed connection leaves no timer")
    func noTimerLeft() async throws {
        try await staged { stage in
            let half = post("/echo", "Content-Length: 9\r\n")
            let starts = ["", "GET", get("/later/x"), half, "\u{1}"]
            for start in starts {
                let peer = try stage.connect()
                peer.send(start)
                stage.settle()
                peer.reset()
                stage.settle()
            }
            #expect(stage.server.connectionCount == 0)
            #expect(stage.reactor.timers.count == 0)
        }
    }
}
