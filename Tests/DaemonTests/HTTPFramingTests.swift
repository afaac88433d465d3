// Where a body ends, over a real socket (RFC 9112 6 and 7): Content-Length, Transfer-Encoding,
// both, and chunked bodies. A case that is not refused must leave the connection in step: the judge
// sends one more request behind it.

import TestSupport
import Testing

@Suite struct HTTPFramingTests {
    let daemon: DaemonProcess
    static let body = #"{"name":"framed","port":7002}"#

    init() throws { daemon = try DaemonProcess() }

    private func post(_ fields: [String], _ body: String = Self.body) -> String {
        request(
            "POST /v1/services HTTP/1.1", ["Content-Type: application/json"] + fields, body: body)
    }

    @Test func contentLengthIsOnePlainNumber() throws {
        let count = Self.body.utf8.count
        let bad = [
            "+\(count)", "-\(count)", "0x1d", "\(count), \(count + 1)", "", "\(count) \(count)",
            "\(count).0", "1e1", "a", "\(count)a", "\(count);x", "\"\(count)\"", "_\(count)", "-0",
            ",", "\(count),", "\(count)\u{B}", "２９", "1_0",
        ]
        try daemon.judge(
            bad.map { WireCase("length '\($0)'", post(["Content-Length: \($0)"]), 400) })
        let huge = ["99999999999999999999", "18446744073709551645", "9223372036854775808"]
        try daemon.judge(huge.map { WireCase($0, post(["Content-Length: \($0)"]), 400, 413) })
        let length = "Content-Length: \(count)"
        try daemon.judge([
            WireCase("exact", post([length]), 201),
            WireCase("blanks around", post(["Content-Length: \t \(count) \t"]), 201),
            WireCase("leading zeros", post(["Content-Length: 000\(count)"]), 201, 400),
            WireCase("list of the same", post(["Content-Length: \(count), \(count)"]), 400, 201),
            WireCase("twice the same", post([length, length]), 400, 201),
            WireCase("twice different", post([length, "Content-Length: 3"]), 400),
            WireCase("blank before the colon", post(["Content-Length : \(count)"]), 400),
            WireCase("missing", post([], ""), 400, 411),
            WireCase("zero", post(["Content-Length: 0"], ""), 400),
            WireCase("body of a GET", get("/health", ["Content-Length: 5"]) + "hello", 200),
            WireCase(
                "body of a DELETE",
                request("DELETE /v1/services/no HTTP/1.1", ["Content-Length: 2"], body: "{}"), 404,
                415),
            WireCase(
                "body of OPTIONS",
                request("OPTIONS /health HTTP/1.1", ["Content-Length: 2"], body: "{}"), 200, 204),
            WireCase(
                "body of HEAD", request("HEAD /health HTTP/1.1", ["Content-Length: 2"], body: "{}"),
                200),
            WireCase(
                "body to nowhere", request("POST /no HTTP/1.1", ["Content-Length: 2"], body: "{}"),
                404, 415),
            WireCase(
                "body of an unknown method",
                request("FOO /health HTTP/1.1", ["Content-Length: 2"], body: "{}"), 501, 415),
        ])
    }

    @Test func transferEncodingIsChunkedOrNothing() throws {
        let chunks = "1d\r\n\(Self.body)\r\n0\r\n\r\n"
        let refused = [
            "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked",
            "chunkedx", "chunked;q=1", "chunked, identity", "\"chunked\"", "", ",",
            "chunked\u{B}", "\u{B}chunked", "chunk ed", "cow", "identity, chunked",
        ]
        try daemon.judge(
            refused.map {
                WireCase("coding '\($0)'", post(["Transfer-Encoding: \($0)"], chunks), 400, 501)
            })
        let coding = "Transfer-Encoding: chunked"
        try daemon.judge([
            WireCase("chunked", post([coding], chunks), 201),
            WireCase("capitals", post(["TRANSFER-ENCODING: CHUNKED"], chunks), 201),
            WireCase("blanks", post(["Transfer-Encoding: \t chunked \t"], chunks), 201),
            WireCase(
                "empty list members", post(["Transfer-Encoding: , chunked ,"], chunks), 201, 400),
            WireCase("twice", post([coding, coding], chunks), 400, 501),
            WireCase(
                "split over two", post(["Transfer-Encoding: gzip", coding], chunks), 400, 501),
            WireCase("with a length", post([coding, "Content-Length: 4"], chunks), 400),
            WireCase("after a length", post(["Content-Length: 4", coding], chunks), 400),
            WireCase("with length 0", post([coding, "Content-Length: 0"], chunks), 400),
            WireCase(
                "unknown, with a length",
                post(["Transfer-Encoding: x", "Content-Length: 4"], chunks), 400, 501),
            WireCase("blank before the colon", post(["Transfer-Encoding : chunked"], chunks), 400),
            WireCase("folded", post(["Transfer-Encoding:\r\n chunked"], chunks), 400),
            WireCase("on a GET", get("/health", [coding]) + "0\r\n\r\n", 200),
            WireCase(
                "on HTTP/1.0",
                request(
                    "POST /v1/services HTTP/1.0", ["Content-Type: application/json", coding],
                    body: chunks), 400),
        ])
    }

    @Test func chunkedBodiesAreReadStrictly() throws {
        let text = Self.body
        let single = text.utf8.map { "1\r\n\(Character(UnicodeScalar($0)))\r\n" }.joined()
        let good: [(String, String)] = [
            ("one chunk", "1d\r\n\(text)\r\n0\r\n\r\n"), ("capitals", "1D\r\n\(text)\r\n0\r\n\r\n"),
            ("leading zeros", "0001d\r\n\(text)\r\n000\r\n\r\n"),
            ("one byte each", "\(single)0\r\n\r\n"),
            ("extension", "1d;a=b\r\n\(text)\r\n0;c\r\n\r\n"),
            ("quoted extension", "1d;a=\"b;\\\"c\"\r\n\(text)\r\n0\r\n\r\n"),
            ("trailers", "1d\r\n\(text)\r\n0\r\nA: b\r\nC: d\r\n\r\n"),
            ("forbidden trailer", "1d\r\n\(text)\r\n0\r\nContent-Length: 7\r\n\r\n"),
        ]
        let coding = ["Transfer-Encoding: chunked"]
        try daemon.judge(good.map { WireCase($0.0, post(coding, $0.1), 201) })
        let bad: [(String, String)] = [
            ("no number", "xyz\r\n"), ("empty size", "\r\n\(text)\r\n0\r\n\r\n"),
            ("negative", "-1\r\n"), ("plus", "+1d\r\n\(text)\r\n0\r\n\r\n"),
            ("0x", "0x1d\r\n\(text)\r\n0\r\n\r\n"), ("blank before", " 1d\r\n\(text)\r\n0\r\n\r\n"),
            ("bare LF after the size", "1d\n\(text)\r\n0\r\n\r\n"),
            ("bare LF after the data", "1d\r\n\(text)\n0\r\n\r\n"),
            ("bare LF at the end", "1d\r\n\(text)\r\n0\n\n"),
            ("bare CR after the size", "1d\rX\(text)\r\n0\r\n\r\n"),
            ("data too long", "1d\r\n\(text)x\r\n0\r\n\r\n"),
            ("data too short", "1f\r\n\(text)\r\n0\r\n\r\n"),
            ("no CRLF after the data", "1d\r\n\(text)0\r\n\r\n"),
            ("size of 17 digits", "10000000000000000\r\n"),
            ("size of 16 F", "FFFFFFFFFFFFFFFF\r\n"),
            ("size just over 64 bits", "1000000000000001D\r\n\(text)\r\n0\r\n\r\n"),
            ("size of 8 F and 0", "FFFFFFFF0\r\n"), ("size suffix", "1dg\r\n\(text)\r\n0\r\n\r\n"),
            ("comma", "1d,1d\r\n\(text)\r\n0\r\n\r\n"),
            ("blank inside", "1 d\r\n\(text)\r\n0\r\n\r\n"),
            ("line feed in an extension", "1d;a\nb\r\n\(text)\r\n0\r\n\r\n"),
            ("carriage return in an extension", "1d;a\rb\r\n\(text)\r\n0\r\n\r\n"),
            ("NUL in an extension", "1d;a\0b\r\n\(text)\r\n0\r\n\r\n"),
            ("trailer without a colon", "1d\r\n\(text)\r\n0\r\nabc\r\n\r\n"),
            ("trailer with a blank name", "1d\r\n\(text)\r\n0\r\nA : b\r\n\r\n"),
            ("folded trailer", "1d\r\n\(text)\r\n0\r\nA: b\r\n c\r\n\r\n"),
            ("trailer with a bare LF", "1d\r\n\(text)\r\n0\r\nA: b\n\r\n"),
            ("trailer with NUL", "1d\r\n\(text)\r\n0\r\nA: \0\r\n\r\n"),
            ("trailer with a control byte", "1d\r\n\(text)\r\n0\r\nA: \u{1}\r\n\r\n"),
        ]
        try daemon.judge(bad.map { WireCase($0.0, post(coding, $0.1), 400, 413) })
        let long = String(repeating: "a", count: 40_000)
        let many = (0..<2_000).map { "A\($0): b\r\n" }.joined()
        let mega = "100000\r\n" + String(repeating: " ", count: 1 << 20) + "\r\n"
        try daemon.judge([
            WireCase(
                "extension of 40 KB", post(coding, "1d;\(long)\r\n\(text)\r\n0\r\n\r\n"), 400, 413,
                431),
            WireCase(
                "trailer of 40 KB", post(coding, "1d\r\n\(text)\r\n0\r\nA: \(long)\r\n\r\n"), 400,
                413, 431),
            WireCase(
                "2,000 trailers", post(coding, "1d\r\n\(text)\r\n0\r\n\(many)\r\n"), 400, 413, 431),
            WireCase(
                "blank after the size", post(coding, "1d ;a\r\n\(text)\r\n0\r\n\r\n"), 201, 400),
            WireCase("1 MiB and a byte", post(coding, mega + "1\r\n \r\n0\r\n\r\n"), 413),
            WireCase("a chunk of 2 GB announced", post(coding, "80000000\r\n"), 413),
            WireCase(
                "zeros without end", post(coding, String(repeating: "0", count: 20_000)), 400, 413,
                431),
        ])
    }

    @Test func aBodyMayHaveOneMebibyte() throws {
        let pad = String(repeating: " ", count: (1 << 20) - Self.body.utf8.count)
        let whole = Self.body + pad
        try daemon.judge([
            WireCase("1 MiB", post(["Content-Length: \(whole.utf8.count)"], whole), 201),
            WireCase(
                "1 MiB + 1", post(["Content-Length: \(whole.utf8.count + 1)"], whole + " "), 413),
            WireCase(
                "1 MiB chunked",
                post(["Transfer-Encoding: chunked"], "100000\r\n\(whole)\r\n0\r\n\r\n"), 201),
            WireCase("1 GB announced", post(["Content-Length: 1000000000"], ""), 413),
        ])
        let answer = try daemon.ask("POST", "/v1/services", whole + " ")
        #expect(answer.code == "body_too_large")
        #expect(answer.connection("close"))
    }

    /// The head already decides, so nobody waits for a body that will be refused.
    @Test func aBodyThatWillBeRefusedIsNotWaitedFor() throws {
        let early: [(String, [String], Int)] = [
            ("POST /v1/services HTTP/1.1", ["Content-Length: 1048577"], 413),
            ("POST /v1/services HTTP/1.1", ["Content-Length: x"], 400),
            (
                "POST /v1/services HTTP/1.1", ["Origin: http://evil.example", "Content-Length: 9"],
                403
            ),
            ("POST /v1/services HTTP/1.1", ["Transfer-Encoding: gzip", "Content-Length: 9"], 400),
        ]
        for (line, fields, status) in early {
            let client = try WireClient(daemon)
            client.send(request(line, ["Content-Type: application/json"] + fields))
            let answer = try client.answer(within: 2_000)
            #expect(answer.status == status, "\(fields)")
            #expect(answer.connection("close"), "\(fields)")
        }
    }

    @Test func requestsArriveInAnyPieces() throws {
        let whole = Array(
            post(["Transfer-Encoding: chunked"], "1d\r\n\(Self.body)\r\n0\r\nA: b\r\n\r\n").utf8)
        for cut in stride(from: 1, to: whole.count, by: 7) {
            let client = try WireClient(daemon)
            client.send(Array(whole[..<cut]))
            client.send(Array(whole[cut...]))
            #expect(try client.answer().status == 201, "cut at \(cut)")
        }
        let client = try WireClient(daemon)
        for byte in whole { client.send([byte]) }
        #expect(try client.answer().status == 201)
    }
}
