// Framing, persistence, expectation and upgrade: what the headers of a request decide.
//
// The refusals here are the ones that keep request smuggling out.

import Testing

@testable import HTTPParser

@Suite("Request framing")
struct FramingTests {
    private func post(_ fields: String, version: String = "HTTP/1.1") -> ParsedRequest {
        parseRequest("POST / \(version)\r\nHost: a\r\n\(fields)\r\n")
    }

    @Test(
        "doubtful lengths and codings are refused",
        arguments: ParseCase.table([
            ("Content-Length: 0\r\n", "ok"), ("Content-Length: 007\r\n", "ok"),
            ("Content-Length:5 \r\n", "ok"), ("Content-Length: 9223372036854775807\r\n", "ok"),
            ("Content-Length: 9223372036854775808\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 18446744073709551616\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 99999999999999999999999\r\n", "400 contentLengthMalformed"),
            ("Content-Length:\r\n", "400 contentLengthMalformed"),
            ("Content-Length: +5\r\n", "400 contentLengthMalformed"),
            ("Content-Length: -1\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 0x5\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 5, 5\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 5,\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 5 5\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 5.0\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 5;\r\n", "400 contentLengthMalformed"),
            ("Content-Length: \"5\"\r\n", "400 contentLengthMalformed"),
            ("Content-Length: abc\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 1e3\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 1_0\r\n", "400 contentLengthMalformed"),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", "400 contentLengthRepeated"),
            ("Content-Length: 5\r\nX: y\r\ncontent-length: 6\r\n", "400 contentLengthRepeated"),
            ("Transfer-Encoding: chunked\r\n", "ok"), ("Transfer-Encoding: CHUNKED\r\n", "ok"),
            ("Transfer-Encoding:\tchunked \r\n", "ok"),
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "400 contentLengthWithTransferEncoding"
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
                "400 contentLengthWithTransferEncoding"
            ),
            (
                "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
                "400 contentLengthWithTransferEncoding"
            ),
            ("Transfer-Encoding:\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: chunked, chunked\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: chunked, gzip\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: chunked,\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: ,chunked\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: chunked;q=1\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: \"chunked\"\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: chunked chunked\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: \u{C0}chunked\r\n", "400 transferEncodingMalformed"),
            ("Transfer-Encoding: gzip, deflate\r\n", "400 transferEncodingMalformed"),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "400 transferEncodingMalformed"
            ),
            (
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                "400 transferEncodingMalformed"
            ),
            ("Transfer-Encoding: gzip\r\n", "501 transferEncodingUnknown"),
            ("Transfer-Encoding: identity\r\n", "501 transferEncodingUnknown"),
            ("Transfer-Encoding: xchunked\r\n", "501 transferEncodingUnknown"),
            ("Transfer-Encoding: chunkedx\r\n", "501 transferEncodingUnknown"),
            ("Transfer-Encoding: gzip, chunked\r\n", "501 transferEncodingUnknown"),
            ("Transfer-Encoding : chunked\r\n", "400 fieldNameSpace"),
            ("Transfer-Encoding: chunked\u{B}\r\n", "400 fieldValueCharacter"),
            (" Transfer-Encoding: chunked\r\n", "400 foldedField"),
            ("Transfer-Encoding:\r\n chunked\r\n", "400 foldedField"),
        ]))
    func refusals(_ row: ParseCase) {
        #expect(post(row.input).summary == row.expected)
    }

    @Test("Transfer-Encoding is refused in HTTP/1.0")
    func oldVersion() {
        let request = post("Transfer-Encoding: chunked\r\n", version: "HTTP/1.0")
        #expect(request.summary == "400 transferEncodingInHTTP10")
    }

    @Test("the framing is what the headers say, for every method")
    func framing() {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "BREW"] {
            let head = "\(method) / HTTP/1.1\r\nHost: a\r\n"
            #expect(parseRequest(head + "\r\n").framing == .none)
            #expect(parseRequest(head + "Content-Length: 0\r\n\r\n").framing == .length(0))
            #expect(parseRequest(head + "Content-Length: 42\r\n\r\n").framing == .length(42))
            #expect(parseRequest(head + "Transfer-Encoding: Chunked\r\n\r\n").framing == .chunked)
        }
    }

    @Test(
        "the connection lives on by version and Connection",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: CLOSE\r\n", false), ("1.1", "Connection: x, close\r\n", false),
            ("1.1", "Connection: x\r\nConnection: y,Close ,z\r\n", false),
            ("1.1", "Connection: keep-alive\r\n", true),
            ("1.1", "Connection: keep-alive, close\r\n", false),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.1", "Connection: closed\r\n", true), ("1.1", "Connection: ,,\r\n", true),
            ("1.1", "Connection:\r\n", true), ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", true),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: KEEP-ALIVE \r\n", true),
            ("1.0", "Connection: x,keep-alive\r\n", true),
            ("1.0", "Connection: keep-alivf\r\n", false),
            ("1.0", "Connection: keep alive\r\n", false),
            ("1.0", "Connection: keep-alive, close\r\n", false),
            ("1.0", "Connection: close\r\n", false),
        ])
    func persistence(_ version: String, _ fields: String, _ keepAlive: Bool) {
        #expect(post(fields, version: "HTTP/\(version)").keepAlive == keepAlive)
    }

    @Test(
        "only 100-continue is known as an expectation",
        arguments: [
            ("1.1", "", ClientExpectation.none), ("1.1", "Expect: 100-continue\r\n", .continue),
            ("1.1", "Expect: 100-Continue \r\n", .continue),
            ("1.1", "Expect: 200-ok\r\n", .unknown),
            ("1.1", "Expect:\r\n", .unknown), ("1.1", "Expect: 100-continue, x\r\n", .unknown),
            ("1.1", "Expect: 100-continue\r\nExpect: 100-continue\r\n", .unknown),
            ("1.0", "Expect: 100-continue\r\n", .none), ("1.0", "Expect: x\r\n", .none),
        ])
    func expectations(_ version: String, _ fields: String, _ expectation: ClientExpectation) {
        #expect(post(fields, version: "HTTP/\(version)").expectation == expectation)
    }

    @Test(
        "an upgrade takes both headers and HTTP/1.1",
        arguments: [
            ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true, true),
            ("1.1", "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n", true, true),
            ("1.1", "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n", true, true),
            ("1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n", true, false),
            ("1.1", "Upgrade: websocket\r\n", false, false),
            ("1.1", "Connection: upgrade\r\n", false, false),
            ("1.1", "Connection: close\r\nUpgrade: websocket\r\n", false, false),
            ("1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n", false, false),
        ])
    func upgrades(_ version: String, _ fields: String, _ upgrade: Bool, _ webSocket: Bool) {
        let request = post(fields, version: "HTTP/\(version)")
        #expect(request.wantsUpgrade == upgrade)
        #expect(request.wantsWebSocket == webSocket)
    }
}
