// The request line over a real socket: its syntax, versions and methods (RFC 9112 2.2, 3; RFC 9110
// 9). Each table entry is one connection to one daemon of the suite's test.

import TestSupport
import Testing

@Suite struct HTTPRequestLineTests {
    let daemon: DaemonProcess

    init() throws { daemon = try DaemonProcess() }

    @Test func aRequestLineIsReadStrictly() throws {
        let bad: [(String, String)] = [
            ("two spaces", "GET  /health HTTP/1.1"),
            ("two spaces before the version", "GET /health  HTTP/1.1"),
            ("trailing space", "GET /health HTTP/1.1 "),
            ("leading space", " GET /health HTTP/1.1"),
            ("tabs", "GET\t/health\tHTTP/1.1"),
            ("no method", " /health HTTP/1.1"),
            ("no target", "GET HTTP/1.1"),
            ("no version", "GET /health"),
            ("method only", "GET"),
            ("delimiter in the method", "GE(T /health HTTP/1.1"),
            ("colon in the method", "GET: /health HTTP/1.1"),
            ("control byte in the method", "GE\u{1}T /health HTTP/1.1"),
            ("NUL in the method", "GE\0T /health HTTP/1.1"),
            ("letter beyond ASCII in the method", "GÉT /health HTTP/1.1"),
            ("carriage return inside", "GET /health\rHTTP/1.1"),
            ("words after the version", "GET /health HTTP/1.1 x"),
            ("vertical tab", "GET\u{B}/health HTTP/1.1"),
        ]
        try daemon.judge(bad.map { WireCase($0.0, request($0.1), 400) })
        try daemon.judge([
            WireCase("bare line feed", "GET /health HTTP/1.1\nHost: localhost\r\n\r\n", 400),
            WireCase("only line feeds", "GET /health HTTP/1.1\nHost: localhost\n\n", 400),
            WireCase("one empty line before", "\r\n" + get("/health"), 200),
            WireCase("a TLS hello", "\u{16}\u{3}\u{1}\0\u{1}\0\r\n\r\n", 400),
            WireCase("an answer", "HTTP/1.1 200 OK\r\nHost: localhost\r\n\r\n", 400),
        ])
    }

    @Test func onlyHTTP1IsSpoken() throws {
        try daemon.judge([
            WireCase("1.1", get("/health"), 200),
            WireCase("1.0", request("GET /health HTTP/1.0"), 200),
            WireCase("1.2", request("GET /health HTTP/1.2"), 200, 505),
            WireCase("1.9", request("GET /health HTTP/1.9"), 200, 505),
            WireCase("2.0", request("GET /health HTTP/2.0"), 505),
            WireCase("3.0", request("GET /health HTTP/3.0"), 505),
            WireCase("0.9", request("GET /health HTTP/0.9"), 505),
            WireCase("9.9", request("GET /health HTTP/9.9"), 505),
            WireCase("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 400, 501),
        ])
        let bad = [
            "HTTP/1.10", "HTTP/01.1", "HTTP/1.", "HTTP/.1", "HTTP/1", "HTTP/", "http/1.1",
            "HTTP/1,1", "HTTP/1.1.1", "HTTP/A.B", "HTTPS/1.1", "HTTP-1.1", "HTTP/1.1\u{1}", "H",
            "Http/1.1", "HTTP/-1.1", "HTTP/1. 1", "XTTP/1.1",
        ]
        try daemon.judge(bad.map { WireCase($0, request("GET /health \($0)"), 400, 505) })
    }

    @Test func methodsAreKnownKnownElsewhereOrUnknown() throws {
        let unknown = ["FOO", "get", "Get", "GETX", "PROPFIND", "M-SEARCH", "LINK", "A", "QUERY"]
        for method in unknown {
            try daemon.judge([
                WireCase(method, request("\(method) /health HTTP/1.1"), 501),
                WireCase("\(method), path", request("\(method) /no HTTP/1.1"), 501),
            ])
        }
        let long = String(repeating: "M", count: 200)
        try daemon.judge([WireCase("long", request("\(long) /health HTTP/1.1"), 501, 400)])
        let refused: [(String, String)] = [
            ("POST", "/health"), ("PUT", "/health"), ("DELETE", "/health"), ("PATCH", "/health"),
            ("PUT", "/v1/services"), ("DELETE", "/v1/services"), ("PATCH", "/v1/services"),
            ("POST", "/v1/services/a"), ("PUT", "/v1/services/a"), ("PATCH", "/v1/services/a"),
            ("GET", "/v1/services/a/start"), ("PUT", "/v1/services/a/start"),
            ("DELETE", "/v1/services/a/stop"), ("GET", "/v1/services/a/stop"),
            ("POST", "/v1/resolve/a"), ("DELETE", "/v1/resolve/a"),
        ]
        for (method, target) in refused {
            let answer = try daemon.ask(method, target, method == "GET" ? nil : "{}")
            #expect(answer.status == 405, "\(method) \(target)")
            let allowed = (answer.value("Allow") ?? "").split(separator: ",").map(\.trimmed)
            #expect(!allowed.contains(method), "\(method) \(target): \(allowed)")
            #expect(!allowed.isEmpty, "\(method) \(target)")
        }
        try daemon.judge([
            WireCase("TRACE", request("TRACE /health HTTP/1.1"), 405, 501),
            WireCase("CONNECT", request("CONNECT localhost:80 HTTP/1.1"), 405, 501, 400),
            WireCase("CONNECT with a path", request("CONNECT /health HTTP/1.1"), 400, 405, 501),
        ])
    }

    @Test func optionsSaysWhatIsAllowed() throws {
        let expected: [(String, Set<String>)] = [
            ("/health", ["GET", "HEAD", "OPTIONS"]),
            ("/v1/services", ["GET", "HEAD", "POST", "OPTIONS"]),
            ("/v1/services/a", ["GET", "HEAD", "DELETE", "OPTIONS"]),
            ("/v1/services/a/start", ["POST", "OPTIONS"]),
            ("/v1/services/a/stop", ["POST", "OPTIONS"]),
            ("/v1/resolve/a", ["GET", "HEAD", "OPTIONS"]),
        ]
        for (target, methods) in expected {
            let answer = try daemon.ask("OPTIONS", target)
            #expect(answer.status / 100 == 2, "\(target)")
            let allowed = (answer.value("Allow") ?? "").split(separator: ",").map(\.trimmed)
            #expect(Set(allowed) == methods, "\(target)")
        }
        let all = try daemon.ask("OPTIONS", "*")
        #expect(all.status / 100 == 2)
        #expect(try daemon.ask("OPTIONS", "/nothing").status == 404)
    }

    @Test func headIsGetWithoutTheBody() throws {
        _ = try daemon.ask("POST", "/v1/services", #"{"name":"a","port":7000}"#)
        let targets = [
            "/health", "/v1/services", "/v1/services/a", "/v1/resolve/a", "/v1/services/none",
            "/v1/resolve/none", "/nothing", "/v1/services?status=running",
        ]
        for target in targets {
            let body = try daemon.ask("GET", target)
            let bare = try daemon.ask("HEAD", target)
            #expect(bare.status == body.status, "\(target)")
            let (some, other) = (
                body.fields.filter { $0.name != "Date" }, bare.fields.filter { $0.name != "Date" }
            )
            #expect(some.map(\.name) == other.map(\.name), "\(target)")
            #expect(some.map(\.value) == other.map(\.value), "\(target)")
            #expect(body.value("Content-Length") == "\(body.body.count)", "\(target)")
        }
        try daemon.judge([
            WireCase("HEAD", request("HEAD /health HTTP/1.1"), 200),
            WireCase("HEAD of a POST", request("HEAD /v1/services/a/start HTTP/1.1"), 405),
            WireCase("HEAD refused", request("HEAD /health HTTP/1.1", host: "evil.example"), 403),
        ])
    }
}
