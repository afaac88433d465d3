// The life of a connection over a real socket (RFC 9112 9, RFC 9110 10.1.1): keep-alive and close,
// HTTP/1.0, pipelining, Expect, half-closed clients and the time limits.

import CEpoll
import TestSupport
import Testing

@Suite struct HTTPConnectionTests {
    let daemon: DaemonProcess

    init() throws { daemon = try DaemonProcess() }

    @Test func aConnectionStaysOrEndsAsAgreed() throws {
        let new = "GET /health HTTP/1.1"
        let old = "GET /health HTTP/1.0"
        let table: [(String, String, [String], Bool)] = [
            ("1.1", new, [], true), ("1.1 keep-alive", new, ["Connection: keep-alive"], true),
            ("1.1 close", new, ["Connection: close"], false),
            ("1.1 Close", new, ["connection: CLOSE"], false),
            ("1.1 x, close", new, ["Connection: x, close"], false),
            ("1.1 close, x", new, ["Connection: close,x"], false),
            ("1.1 two fields", new, ["Connection: x", "Connection: close"], false),
            ("1.1 both", new, ["Connection: keep-alive, close"], false),
            ("1.1 closed is no close", new, ["Connection: closed"], true),
            ("1.1 quoted", new, ["Connection: \"close\""], true),
            ("1.0", old, [], false), ("1.0 close", old, ["Connection: close"], false),
            ("1.0 keep-alive", old, ["Connection: keep-alive"], true),
            ("1.0 Keep-Alive", old, ["Connection: Keep-Alive"], true),
            ("1.0 both", old, ["Connection: keep-alive, close"], false),
        ]
        for (name, line, fields, stays) in table {
            let client = try WireClient(daemon)
            client.send(request(line, fields))
            let answer = try client.answer()
            #expect(answer.status == 200, "\(name)")
            if stays {
                #expect(!answer.connection("close"), "\(name)")
                if line == old { #expect(answer.connection("keep-alive"), "\(name)") }
                client.send(get("/health"))
                #expect(try client.answer().status == 200, "\(name)")
            } else {
                #expect(answer.connection("close"), "\(name)")
                #expect(client.ending() == .closed, "\(name)")
            }
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        var text = ""
        var expected: [Int] = []
        for index in 0..<60 {
            switch index % 4 {
            case 0: (text, expected) = (text + get("/health"), expected + [200])
            case 1: (text, expected) = (text + get("/v1/resolve/n\(index)"), expected + [404])
            case 2:
                let body = "{\"name\":\"p\(index)\",\"port\":\(7_100 + index)}"
                (text, expected) = (text + post("/v1/services", body), expected + [201])
            default: (text, expected) = (text + get("/v1/services/p\(index - 1)"), expected + [200])
            }
        }
        let client = try WireClient(daemon)
        client.send(text)
        for (index, status) in expected.enumerated() {
            let answer = try client.answer()
            #expect(answer.status == status, "answer \(index)")
            if index % 4 == 1 { #expect(answer.message.contains("n\(index)"), "answer \(index)") }
            if index % 4 == 3 { #expect(answer.json["name"] == .string("p\(index - 1)")) }
        }
        #expect(client.isSilent(for: 50))
    }

    @Test func nothingBehindTheLastRequestIsAnswered() throws {
        let tails = [
            get("/health", ["Connection: close"]), "GET /bad\r\n\r\n",
            get("/health", host: nil), request("POST /health HTTP/1.1", ["Content-Length: x"]),
        ]
        for tail in tails {
            let client = try WireClient(daemon)
            client.send(get("/health") + tail + get("/health"))
            #expect(try client.answer().status == 200)
            let last = try client.answer()
            #expect(last.connection("close"), "\(tail)")
            #expect(client.ending() == .closed, "\(tail)")
        }
    }

    @Test func expectIsAnsweredBeforeTheBodyIsRead() throws {
        let body = #"{"name":"expected","port":7003}"#
        let fields = ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
        let client = try WireClient(daemon)
        let line = "POST /v1/services HTTP/1.1"
        client.send(request(line, fields + ["Expect: 100-Continue"]))
        let interim = try client.answer(within: 2_000)
        #expect(interim.status == 100)
        #expect(interim.body.isEmpty)
        client.send(body)
        let made = try client.answer()
        #expect(made.status == 201)
        client.keepsPromise(made, "after 100")

        // The body is there already: 100 may be left out.
        let eager = try WireClient(daemon)
        eager.send(request(line, fields + ["Expect: 100-continue"], body: body))
        var answer = try eager.answer()
        if answer.status == 100 { answer = try eager.answer() }
        #expect(answer.status == 201)

        let chunked = try WireClient(daemon)
        chunked.send(
            request(
                line, [fields[0], "Transfer-Encoding: chunked", "Expect: 100-continue"]))
        #expect(try chunked.answer(within: 2_000).status == 100)
        chunked.send("1f\r\n\(body)\r\n0\r\n\r\n")
        #expect(try chunked.answer().status == 201)
    }

    @Test func aRefusedRequestGetsNo100() throws {
        let table: [(String, [String], Int)] = [
            ("POST /v1/services HTTP/1.1", ["Content-Length: 2000000"], 413),
            ("POST /v1/services HTTP/1.1", ["Content-Length: 5", "Origin: http://a.b"], 403),
            ("POST /nothing HTTP/1.1", ["Content-Length: 5"], 404),
            ("PUT /health HTTP/1.1", ["Content-Length: 5"], 405),
            ("FOO /health HTTP/1.1", ["Content-Length: 5"], 501),
        ]
        for (line, fields, status) in table {
            let client = try WireClient(daemon)
            let type = "Content-Type: application/json"
            client.send(request(line, fields + [type, "Expect: 100-continue"]))
            let answer = try client.answer(within: 2_000)
            #expect(answer.status == status, "\(line)")
            #expect(answer.problems(answering: "POST").isEmpty, "\(line)")
        }
        let type = try WireClient(daemon)
        type.send(
            request(
                "POST /v1/services HTTP/1.1",
                ["Content-Type: text/plain", "Content-Length: 5", "Expect: 100-continue"]))
        #expect(try type.answer(within: 2_000).status == 415)
        try daemon.judge([
            WireCase("other", get("/health", ["Expect: 200-ok"]), 417),
            WireCase("two", get("/health", ["Expect: 100-continue, x"]), 417),
            WireCase("empty", get("/health", ["Expect: "]), 417, 200),
            WireCase("no body", get("/health", ["Expect: 100-continue"]), 200),
            WireCase("1.0", request("GET /health HTTP/1.0", ["Expect: 100-continue"]), 200),
        ])
        let old = try WireClient(daemon)
        let body = #"{"name":"old","port":7004}"#
        old.send(
            request(
                "POST /v1/services HTTP/1.0",
                [
                    "Content-Type: application/json", "Content-Length: \(body.utf8.count)",
                    "Expect: 100-continue",
                ]))
        #expect(old.isSilent(for: 200))
        old.send(body)
        #expect(try old.answer().status == 201)
    }

    @Test func aHalfClosedClientIsAnswered() throws {
        let client = try WireClient(daemon)
        client.send(get("/health") + get("/v1/services"))
        client.endSending()
        #expect(try client.answer().status == 200)
        #expect(try client.answer().status == 200)
        #expect(client.ending() == .closed)
        let cut = try WireClient(daemon)
        cut.send("GET /health HTTP/1.1\r\nHo")
        cut.endSending()
        if let answer = try? cut.answer() { #expect(answer.status == 400) }
        #expect(cut.ending() != .open)
    }

    @Test func slowClientsAreToldSoAndIdleOnesAreClosed() throws {
        let quick = try DaemonProcess(
            configuration: """
                [limits]
                head_timeout_ms = 300
                body_timeout_ms = 300
                idle_timeout_ms = 1000
                """)
        let (head, body, none, kept) = (
            try WireClient(quick), try WireClient(quick), try WireClient(quick),
            try WireClient(quick)
        )
        head.send("GET /health HTTP/1.1\r\nHost: loc")
        body.send(
            request(
                "POST /v1/services HTTP/1.1",
                ["Content-Type: application/json", "Content-Length: 9"], body: "{"))
        kept.send(get("/health"))
        #expect(try kept.answer().status == 200)
        for client in [head, body] {
            let answer = try client.answer(within: 3_000)
            #expect(answer.status == 408)
            #expect(answer.connection("close"))
            #expect(answer.problems(answering: "GET").isEmpty)
            #expect(client.ending() == .closed)
        }
        #expect(kept.ending(within: 3_000) == .closed)
        // A connection that never said a word may be told or just closed.
        if none.ending(within: 3_000) == .talking { #expect(none.ending() != .open) }
    }

    /// A head that trickles in byte by byte is cut at the limit although it never rests.
    @Test func aTricklingHeadDoesNotMoveItsDeadline() throws {
        let quick = try DaemonProcess(configuration: "[limits]\nhead_timeout_ms = 400\n")
        let client = try WireClient(quick)
        client.send("GET /health HTTP/1.1\r\nHost: localhost\r\nA: ")
        let start = cepoll_monotonic()
        while client.isSilent(for: 50), cepoll_monotonic() - start < 3_000_000_000 {
            client.send("a")
        }
        #expect(try client.answer(within: 100).status == 408)
        #expect(cepoll_monotonic() - start < 1_500_000_000)
    }
}
