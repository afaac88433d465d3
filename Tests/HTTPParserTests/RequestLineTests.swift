// The request line: methods, separators, target bytes, versions, empty lines before it.
//
// Each case is the request line without its line end; a Host header follows.

import Testing

@testable import HTTPParser

@Suite("Request line")
struct RequestLineTests {
    @Test(
        "the line is taken or refused by the grammar",
        arguments: ParseCase.table([
            ("GET / HTTP/1.1", "ok"), ("A / HTTP/1.0", "ok"), ("GET * HTTP/1.1", "ok"),
            ("get / HTTP/1.1", "ok"), ("M-SEARCH / HTTP/1.1", "ok"),
            ("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1", "ok"),
            ("GET http://a/ HTTP/1.1", "ok"), ("CONNECT a:443 HTTP/1.1", "ok"),
            ("GET /\u{7E}\u{21} HTTP/1.1", "ok"),
            (" GET / HTTP/1.1", "400 methodCharacter"),
            ("\tGET / HTTP/1.1", "400 methodCharacter"),
            ("G\u{0}T / HTTP/1.1", "400 methodCharacter"),
            ("G\u{E9}T / HTTP/1.1", "400 methodCharacter"),
            ("GET:/ / HTTP/1.1", "400 methodCharacter"),
            ("G(T / HTTP/1.1", "400 methodCharacter"),
            ("GET\t/ HTTP/1.1", "400 methodCharacter"),
            ("GET", "400 methodCharacter"),
            ("GET  / HTTP/1.1", "400 targetCharacter"),
            ("GET \t/ HTTP/1.1", "400 targetCharacter"),
            ("GET ", "400 targetCharacter"), ("GET /", "400 targetCharacter"),
            ("GET  HTTP/1.1", "400 targetCharacter"),
            ("GET /\t HTTP/1.1", "400 targetCharacter"),
            ("GET /\u{7F} HTTP/1.1", "400 targetCharacter"),
            ("GET /\u{1} HTTP/1.1", "400 targetCharacter"),
            ("GET /\u{E9} HTTP/1.1", "400 targetCharacter"),
            ("GET /  HTTP/1.1", "400 versionMalformed"),
            ("GET / x HTTP/1.1", "400 versionMalformed"),
            ("GET / ", "400 versionMalformed"), ("GET / HTTP", "400 versionMalformed"),
            ("GET / HTTP/1.1 ", "400 versionMalformed"),
            ("GET / HTTP/1.10", "400 versionMalformed"),
            ("GET / HTTP/1.", "400 versionMalformed"), ("GET / HTTP/1", "400 versionMalformed"),
            ("GET / HTTP/11", "400 versionMalformed"), ("GET / HTTP/.1", "400 versionMalformed"),
            ("GET / HTTP/a.1", "400 versionMalformed"),
            ("GET / HTTP/1.a", "400 versionMalformed"),
            ("GET / http/1.1", "400 versionMalformed"),
            ("GET / HTTP /1.1", "400 versionMalformed"),
            ("GET / HTTP/1,1", "400 versionMalformed"),
            ("GET / HTTPS/1.1", "400 versionMalformed"),
            ("GET / FTP/1.1", "400 versionMalformed"),
            ("GET / HTTP/01.1", "400 versionMalformed"),
            ("GET / HTTP/1.1\tx", "400 versionMalformed"),
            ("GET / HTTP/0.9", "505 versionUnsupported"),
            ("GET / HTTP/2.0", "505 versionUnsupported"),
            ("GET / HTTP/3.1", "505 versionUnsupported"),
            ("GET / HTTP/9.9", "505 versionUnsupported"),
            ("PRI * HTTP/2.0", "505 versionUnsupported"),
        ]))
    func grammar(_ row: ParseCase) {
        #expect(parseRequest(row.input + "\r\nHost: a\r\n\r\n").summary == row.expected)
    }

    @Test(
        "known methods are recognised, case counts",
        arguments: [
            ("GET", HTTPMethod.get), ("HEAD", .head), ("POST", .post), ("PUT", .put),
            ("PATCH", .patch), ("DELETE", .delete), ("OPTIONS", .options), ("TRACE", .trace),
            ("CONNECT", .connect), ("get", .other), ("Get", .other), ("G", .other),
            ("GETT", .other), ("GE", .other), ("POS", .other), ("POSTS", .other),
            ("PUTT", .other), ("HEAT", .other), ("PATCM", .other), ("TRACK", .other),
            ("DELETED", .other), ("DELETS", .other), ("OPTIONX", .other), ("CONNECX", .other),
            ("PROPFIND", .other), ("M-SEARCH", .other),
        ])
    func methods(_ token: String, _ method: HTTPMethod) {
        let request = parseRequest("\(token) / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(request.summary == "ok")
        #expect(request.method == method)
        #expect(request.methodText == token)
    }

    @Test(
        "minor versions from 1 up are 1.1, 0 is 1.0",
        arguments: [(0, HTTPVersion.http10), (1, .http11), (2, .http11), (9, .http11)])
    func versions(_ minor: Int, _ version: HTTPVersion) {
        let request = parseRequest("GET / HTTP/1.\(minor)\r\nHost: a\r\n\r\n")
        #expect(request.summary == "ok")
        #expect(request.version == version)
    }

    @Test(
        "two empty lines may stand before the request line, no other white space",
        arguments: ParseCase.table([
            ("\r\n", "ok"), ("\r\n\r\n", "ok"), ("\r\n\r\n\r\n", "400 leadingLines"),
            ("\n", "400 bareLineFeed"), ("\r\n\n", "400 bareLineFeed"),
            ("\r", "400 bareCarriageReturn"), ("\r\r\n", "400 bareCarriageReturn"),
            (" \r\n", "400 methodCharacter"), ("\u{16}\u{3}\u{1}", "400 methodCharacter"),
        ]))
    func leadingLines(_ row: ParseCase) {
        let text = row.input + "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let request = parseRequest(text)
        #expect(request.summary == row.expected)
        if row.expected == "ok" {
            #expect(request.outcome == .complete(length: text.utf8.count))
            #expect(request.methodText == "GET")
        }
    }

    @Test("a message may follow at once")
    func pipelined() {
        let one = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(parseRequest(one + one).outcome == .complete(length: one.utf8.count))
        #expect(parseRequest(one + "\0\0\0").outcome == .complete(length: one.utf8.count))
    }
}
