// However the bytes arrive, the answer is the same: every cut, byte by byte, and early errors.
//
// The heads here are those of real clients and of the refusals that matter most.

import TestSupport
import Testing

@testable import HTTPParser

@Suite("Heads in pieces")
struct SplitTests {
    static let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET /v1/resolve/api HTTP/1.1\r\nHost: localhost:3916\r\nAccept: */*\r\n\r\n",
        "POST /v1/services HTTP/1.1\r\nHost: [::1]:3916\r\nContent-Length: 12\r\n"
            + "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n{\"name\":\"a\"}",
        "GET /events HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
            + "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + "Sec-WebSocket-Version: 13\r\nX:\t tab\t \r\nEmpty:\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\nBad Name: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}",
        "GET /\u{1} HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    ]

    @Test("every cut gives what the whole gives", arguments: heads)
    func everyCut(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = parseRequest(bytes)
        for cut in 0...bytes.count {
            #expect(parseRequest(bytes, cuts: [cut]) == whole, "cut at \(cut)")
        }
        #expect(parseRequest(bytes, cuts: Array(0...bytes.count)) == whole, "byte by byte")
    }

    @Test("every two cuts give what the whole gives", arguments: heads.prefix(3))
    func everyTwoCuts(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = parseRequest(bytes)
        for first in 0...bytes.count {
            for second in first...bytes.count where second % 3 == 0 {
                #expect(parseRequest(bytes, cuts: [first, second]) == whole)
            }
        }
    }

    @Test("a head is incomplete up to its last byte", arguments: heads.prefix(5))
    func incomplete(_ text: String) {
        let bytes = Array(text.utf8)
        guard case .complete(let length) = parseRequest(bytes).outcome else {
            Issue.record("not complete")
            return
        }
        for count in 0..<length {
            #expect(parseRequest(Array(bytes.prefix(count))).summary == "more")
        }
    }

    @Test("a syntax error is found at its byte, not at the end of the head")
    func earlyErrors() {
        let cases: [(String, String)] = [
            ("G T", ""), ("\u{16}", "400 methodCharacter"), ("\n", "400 bareLineFeed"),
            ("GET /\n", "400 targetCharacter"), ("GET / HTTP/2.0\r", "505 versionUnsupported"),
            ("GET / HTTX", "400 versionMalformed"),
            ("GET / HTTP/1.1\r\n ", "400 foldedField"),
            ("GET / HTTP/1.1\r\nHost ", "400 fieldNameSpace"),
            ("GET / HTTP/1.1\r\nHost: a\n", "400 bareLineFeed"),
            ("GET / HTTP/1.1\r\nHost: a\rb", "400 bareCarriageReturn"),
            ("GET / HTTP/1.1\r\nHost: \u{0}", "400 fieldValueCharacter"),
        ]
        for (text, expected) in cases.dropFirst() {
            let bytes = Array(text.utf8)
            let request = parseRequest(bytes)
            #expect(request.summary == expected)
            #expect(parseRequest(Array(bytes.dropLast())).summary == "more", "\(text)")
            if case .invalid(let failure) = request.outcome {
                #expect(failure.offset == bytes.count - 1)
            }
        }
    }

    @Test("an empty buffer is incomplete")
    func empty() {
        #expect(parseRequest([]).summary == "more")
    }

    @Test("nothing is read behind the last byte", arguments: heads)
    func guarded(_ text: String) {
        let bytes = Array(text.utf8)
        for count in 0...bytes.count {
            let part = Array(bytes.prefix(count))
            guard let guarded = GuardedBytes(part) else {
                Issue.record("no guarded memory")
                return
            }
            let outcome = guarded.withSpan { span in
                var head = RequestHead()
                var scan = HeadScan()
                return head.parse(span, scan: &scan, limits: HeadLimits())
            }
            #expect(outcome == parseRequest(part).outcome)
        }
    }

    @Test("the state kept between pieces is small")
    func size() {
        #expect(MemoryLayout<HeadScan>.size <= 8)
        #expect(MemoryLayout<ChunkedDecoder>.size <= 32)
    }

    @Test("a large head byte by byte takes time in proportion to its size")
    func notQuadratic() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
        let text = start + String(repeating: "v", count: 16000) + "\r\n\r\n"
        let bytes = Array(text.utf8)
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(parseRequest(bytes, cuts: Array(1..<bytes.count)).summary == "ok")
        }
        // 16,000 calls of one byte each; a scan of the whole at each would be 128 million bytes.
        #expect(time < .seconds(2))
    }
}
