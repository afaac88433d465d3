// Response heads: status lines, framing by status and method, cuts and refusals.
//
// The grammar of header lines is shared with requests and tested there.

import Testing

@testable import HTTPParser

@Suite("Response head")
struct ResponseHeadTests {
    struct Parsed: Equatable {
        var outcome: HeadOutcome
        var status = 0
        var reason = ""
        var framing = ResponseFraming.none
        var headFraming = ResponseFraming.none
        var connectFraming = ResponseFraming.none
        var keepAlive = false
        var location: String?
        var fields: [String] = []
    }

    private func parse(_ bytes: [UInt8], cuts: [Int] = []) -> Parsed {
        var head = ResponseHead()
        var scan = HeadScan()
        var outcome = HeadOutcome.incomplete
        for cut in cuts + [bytes.count] where outcome == .incomplete {
            outcome = head.parse(
                bytes.span.extracting(0..<cut), scan: &scan, limits: HeadLimits())
        }
        guard case .complete = outcome else { return Parsed(outcome: outcome) }
        var parsed = Parsed(
            outcome: outcome, status: head.status, reason: text(bytes, head.reason),
            framing: head.framing, headFraming: head.framing(answering: .head),
            connectFraming: head.framing(answering: .connect), keepAlive: head.keepAlive,
            location: head.value(of: .location).map { text(bytes, $0) })
        for i in 0..<head.fieldCount {
            parsed.fields.append(
                text(bytes, head.field(i).name) + ":" + text(bytes, head.field(i).value))
        }
        return parsed
    }

    private func parse(_ string: String) -> Parsed {
        let bytes = latin1(string)
        let whole = parse(bytes)
        #expect(parse(bytes, cuts: Array(0..<bytes.count)) == whole)
        for cut in bytes.indices { #expect(parse(bytes, cuts: [cut]) == whole) }
        return whole
    }

    @Test("a response is taken apart")
    func takesApart() {
        let head =
            "HTTP/1.1 302 Moved  somewhere\r\nLocation: /a\r\nContent-Length: 3\r\n\r\n"
        let parsed = parse(head + "abc")
        #expect(parsed.outcome == .complete(length: head.utf8.count))
        #expect(parsed.status == 302)
        #expect(parsed.reason == "Moved  somewhere")
        #expect(parsed.framing == .length(3))
        #expect(parsed.keepAlive)
        #expect(parsed.location == "/a")
        #expect(parsed.fields == ["Location:/a", "Content-Length:3"])
    }

    @Test(
        "the status line is taken or refused by the grammar",
        arguments: ParseCase.table([
            ("HTTP/1.1 200 OK", "ok"), ("HTTP/1.1 200 ", "ok"), ("HTTP/1.1 200", "ok"),
            ("HTTP/1.0 404 Not Found", "ok"), ("HTTP/1.9 999 x", "ok"), ("HTTP/1.1 100 x", "ok"),
            ("HTTP/1.1 200 \u{E9}\u{80}\t!", "ok"), ("HTTP/1.1 200 \tx", "ok"),
            ("HTTP/2.0 200 OK", "505 versionUnsupported"),
            ("HTTP/1.1 099 x", "400 statusLine"), ("HTTP/1.1 20 x", "400 statusLine"),
            ("HTTP/1.1 2000 x", "400 statusLine"), ("HTTP/1.1 2x0 x", "400 statusLine"),
            ("HTTP/1.1 200x", "400 statusLine"), ("HTTP/1.1 200\tx", "400 statusLine"),
            ("HTTP/1.1  200 x", "400 statusLine"), ("HTTP/1.1\t200 x", "400 versionMalformed"),
            ("HTTP/1.1", "400 versionMalformed"), ("HTTP/1 200 x", "400 versionMalformed"),
            ("http/1.1 200 x", "400 versionMalformed"), (" HTTP/1.1 200 x", "400 versionMalformed"),
            ("ICY 200 OK", "400 versionMalformed"), ("", "400 versionMalformed"),
            ("HTTP/1.1 200 \u{0}", "400 reasonCharacter"),
            ("HTTP/1.1 200 a\u{7F}", "400 reasonCharacter"),
            ("HTTP/1.1 200 a\nb", "400 bareLineFeed"),
            ("HTTP/1.1 200 a\rb", "400 bareCarriageReturn"),
        ]))
    func statusLine(_ row: ParseCase) {
        #expect(parse(row.input + "\r\nX: y\r\n\r\n").outcome.summary == row.expected)
    }

    @Test(
        "the body is delimited by status, method and headers",
        arguments: [
            (200, "", ResponseFraming.untilClose), (200, "Content-Length: 0\r\n", .length(0)),
            (200, "Content-Length: 7\r\n", .length(7)),
            (200, "Transfer-Encoding: chunked\r\n", .chunked), (500, "", .untilClose),
            (204, "Content-Length: 7\r\n", .none), (304, "Content-Length: 7\r\n", .none),
            (100, "", .none), (101, "", .none), (199, "", .none), (205, "", .untilClose),
        ] as [(Int, String, ResponseFraming)])
    func framing(_ status: Int, _ fields: String, _ framing: ResponseFraming) {
        let parsed = parse("HTTP/1.1 \(status) x\r\n\(fields)\r\n")
        #expect(parsed.framing == framing)
        #expect(parsed.headFraming == .none)
        #expect(parsed.connectFraming == (status < 300 ? .none : framing))
    }

    @Test(
        "doubtful framing is refused",
        arguments: ParseCase.table([
            ("Content-Length: 1\r\nContent-Length: 1\r\n", "400 contentLengthRepeated"),
            ("Content-Length: +1\r\n", "400 contentLengthMalformed"),
            (
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                "400 contentLengthWithTransferEncoding"
            ),
            ("Transfer-Encoding: gzip\r\n", "501 transferEncodingUnknown"),
            ("Transfer-Encoding: chunked, gzip\r\n", "400 transferEncodingMalformed"),
            (" X: y\r\n", "400 foldedField"), ("X : y\r\n", "400 fieldNameSpace"),
            ("X: y\n", "400 bareLineFeed"),
        ]))
    func refusals(_ row: ParseCase) {
        #expect(parse("HTTP/1.1 200 x\r\n\(row.input)\r\n").outcome.summary == row.expected)
    }

    @Test("a response needs no Host and two of them are no error")
    func host() {
        #expect(parse("HTTP/1.1 200 x\r\nHost: a\r\nHost: /\r\n\r\n").outcome.summary == "ok")
    }

    @Test("the connection lives on by version and Connection")
    func keepAlive() {
        #expect(parse("HTTP/1.1 200 x\r\nX: yyyy\r\n\r\n").keepAlive)
        #expect(!parse("HTTP/1.1 200 x\r\nConnection: close\r\n\r\n").keepAlive)
        #expect(!parse("HTTP/1.0 200 x\r\nX: yyyy\r\n\r\n").keepAlive)
        #expect(parse("HTTP/1.0 200 x\r\nConnection: keep-alive\r\n\r\n").keepAlive)
    }
}
