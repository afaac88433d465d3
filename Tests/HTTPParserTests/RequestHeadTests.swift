// The request line and the general shape of a head: what is taken and what is refused.
//
// Table cases: text and expected summary. Framing, Host and limits have files of their own.

import Testing

@testable import HTTPParser

@Suite("Request head")
struct RequestHeadTests {
    @Test("a request is taken apart")
    func takesApart() {
        let bytes = Array(
            ("POST /v1/services?dry=1 HTTP/1.1\r\nHost: localhost:3916\r\n"
                + "Content-Length: 12\r\nX-Gretl:  1 \t\r\nAccept:\r\n\r\nbody").utf8)
        let request = parseRequest(bytes)
        #expect(request.outcome == .complete(length: bytes.count - 4))
        #expect(request.method == .post)
        #expect(request.methodText == "POST")
        #expect(request.target == "/v1/services?dry=1")
        #expect(request.version == .http11)
        #expect(
            request.fields == [
                "Host:localhost:3916", "Content-Length:12", "X-Gretl:1", "Accept:",
            ])
        #expect(
            request.known == [
                .host: "localhost:3916", .contentLength: "12", .xGretl: "1", .accept: "",
            ])
        #expect(request.framing == .length(12))
        #expect(request.keepAlive)
    }
}
