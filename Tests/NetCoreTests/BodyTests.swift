// Request bodies: lengths, chunks, expectations, and what is refused because of them.

import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP bodies", .serialized)
struct BodyTests {
    @Test("a body of a declared length arrives whole, however large", arguments: [0, 1, 1 << 20])
    func declared(count: Int) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            peer.send(Array(post("/echo", "Content-Length: \(count)\r\n").utf8) + body)
            let answers = try stage.answers(1, from: peer)
            #expect(answers[0].status == 200)
            #expect(answers[0].body == body)
        }
    }

    @Test("a chunked body cut anywhere is the same body")
    func chunkedEveryCut() async throws {
        try await staged { stage in
            let body = "5\r\nhello\r\n1;x=\"y\"\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n"
            let bytes = Array(
                (post("/echo", "Transfer-Encoding: chunked\r\n", body) + get("/fixed")).utf8)
            let peer = try stage.connect()
            for cut in 1..<bytes.count {
                peer.send(Array(bytes[..<cut]))
                stage.settle(turns: 2)
                peer.send(Array(bytes[cut...]))
                let texts = try stage.answers(2, from: peer).map(\.text)
                #expect(texts == ["hello world", "/fixed"], "cut at \(cut)")
                peer.forgetReceived()
            }
        }
    }

    @Test("a chunked body that arrives byte by byte is the same body")
    func chunkedByteByByte() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            let request = post(
                "/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
            for byte in request.utf8 {
                #expect(peer.received.isEmpty)
                peer.send([byte])
                stage.settle(turns: 2)
            }
            #expect(try stage.answers(1, from: peer).map(\.text) == ["abcdefg"])
        }
    }

    @Test("100 Continue comes before the body is sent, and the answer behind it")
    func continues() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(post("/echo", "Content-Length: 5\r\nExpect: 100-continue\r\n"))
            #expect(try stage.answers(1, from: peer).map(\.status) == [100])
            peer.send("hello")
            #expect(try stage.answers(2, from: peer).map(\.text) == ["", "hello"])
            #expect(!peer.isOver)
        }
    }

    @Test("100 Continue is not sent when the body has begun to arrive")
    func continuesNotForPresentBody() async throws {
        try await staged { stage in
            for sent in ["h", "hello"] {
                let peer = try stage.connect()
                peer.send(post("/echo", "Content-Length: 5\r\nExpect: 100-continue\r\n", sent))
                stage.settle()
                peer.send(String("hello".dropFirst(sent.count)))
                #expect(try stage.answers(1, from: peer).map(\.status) == [200], "\(sent)")
            }
        }
    }

    @Test("100 Continue is not sent to HTTP/1.0")
    func continuesNotForHTTP10() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("POST /echo HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            stage.settle()
            #expect(peer.received.isEmpty)
            peer.send("hello")
            #expect(try stage.answers(1, from: peer).map(\.text) == ["hello"])
        }
    }

    @Test("a client that expects 100 Continue for a route that refuses gets the refusal only")
    func continuesNotForRefused() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(post("/none", "Content-Length: 5\r\nExpect: 100-continue\r\n"))
            let answers = try stage.answers(1, from: peer)
            #expect(answers.map(\.status) == [404])
            #expect(answers[0].headers["connection"] == "close")
        }
    }

    @Test("an unknown expectation is refused with 417")
    func unknownExpectation() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/fixed", "Expect: 200-ok\r\n"))
            #expect(try stage.answers(1, from: peer).map(\.status) == [417])
            #expect(stage.turn { peer.isAtEnd })
        }
    }

    @Test("a declared body above the limit is refused with 413 and the client sees it")
    func tooLargeDeclared() async throws {
        var options = HTTPServer.Options()
        options.bodyBytes = 1_000
        try await staged(options) { stage in
            let peer = try stage.connect()
            let body = String(repeating: "x", count: 1_001)
            peer.send(post("/echo", "Content-Length: 1001\r\n", body))
            try expectRefusal(413, stage, peer)
            #expect(stage.application.handled.isEmpty)
        }
    }

    @Test("a chunked body is refused with 413 as soon as it passes the limit")
    func tooLargeChunked() async throws {
        var options = HTTPServer.Options()
        options.bodyBytes = 1_000
        try await staged(options) { stage in
            let peer = try stage.connect()
            let chunk = "1f4\r\n" + String(repeating: "x", count: 500) + "\r\n"
            peer.send(post("/echo", "Transfer-Encoding: chunked\r\n", chunk + chunk))
            stage.settle()
            #expect(peer.received.isEmpty)
            peer.send("1\r\n" + String(repeating: "x", count: 100_000))
            try expectRefusal(413, stage, peer)
            #expect(stage.application.handled.isEmpty)
        }
    }

    @Test("a body at the limit is taken")
    func atTheLimit() async throws {
        var options = HTTPServer.Options()
        options.bodyBytes = 1_000
        try await staged(options) { stage in
            let peer = try stage.connect()
            let body = String(repeating: "x", count: 1_000)
            peer.send(post("/echo", "Content-Length: 1000\r\n", body))
            let chunks = "3e8\r\n\(body)\r\n0\r\n\r\n"
            peer.send(post("/echo", "Transfer-Encoding: chunked\r\n", chunks))
            #expect(try stage.answers(2, from: peer).map(\.text) == [body, body])
        }
    }

    @Test(
        "what cannot be parsed is refused, and the client sees it though it goes on sending",
        arguments: [
            ("GET /fixed HTTP/1.1\r\n\r\n", 400), ("GET  /fixed HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /fixed HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("G@T / HTTP/1.1\r\n", 400),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (post("/echo", "Content-Length: 1\r\nContent-Length: 1\r\n"), 400),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
            ("GET /fixed%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ])
    func refusals(request: String, status: Int) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            // Answers are read only when all is sent: a reset would have thrown them away.
            peer.mostPerRead = 0
            peer.send(get("/fixed") + request)
            for _ in 0..<4 {
                stage.settle(turns: 2)
                peer.send(String(repeating: "x", count: 50_000))
            }
            stage.settle()
            peer.mostPerRead = 1 << 16
            #expect(stage.turn { peer.isOver })
            #expect(peer.failure == 0)
            let answers = try peer.answers()
            #expect(answers.map(\.status) == [200, status])
            #expect(answers.last?.headers["connection"] == "close")
        }
    }

    @Test("a refusal before the body is seen though the client goes on sending the body")
    func refusalBeforeBody() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.mostPerRead = 0
            peer.send(post("/none", "Content-Length: 150000\r\n"))
            stage.settle()
            #expect(stage.server.connectionCount == 1)
            peer.send(String(repeating: "x", count: 150_000))
            stage.settle()
            try expectRefusal(404, stage, peer)
        }
    }

    @Test("a refused request whose body is there keeps the connection")
    func refusalWithBody() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(post("/none", "Content-Length: 5\r\n", "hello") + get("/fixed"))
            #expect(try stage.answers(2, from: peer).map(\.status) == [404, 200])
        }
    }

    @Test("a refused client that never stops sending is cut off")
    func endlessSender() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send("nonsense\r\n\r\n")
            for _ in 0..<40 where !peer.isOver || peer.isAtEnd {
                peer.send(String(repeating: "x", count: 20_000))
                stage.settle(turns: 2)
                if stage.server.connectionCount == 0 { break }
            }
            #expect(stage.server.connectionCount == 0)
        }
    }

    @ReactorActor
    private func expectRefusal(_ status: Int, _ stage: Stage, _ peer: HTTPPeer) throws {
        peer.mostPerRead = 1 << 16
        #expect(stage.turn { peer.isOver })
        #expect(peer.failure == 0)
        let answers = try peer.answers()
        #expect(answers.map(\.status) == [status])
        #expect(answers.last?.headers["connection"] == "close")
    }
}
