// Targets and Host over a real socket (RFC 9112 3.2, RFC 9110 4.2 and 7.2) with the gate's rules
// for what a Host may name.

import TestSupport
import Testing

@Suite struct HTTPTargetTests {
    let daemon: DaemonProcess

    init() throws { daemon = try DaemonProcess() }

    @Test func everyFormOfTargetIsReadAsTheRFCSays() throws {
        try daemon.judge([
            WireCase("origin", get("/health"), 200),
            WireCase("query", get("/health?x=1&y"), 200),
            WireCase("empty query", get("/health?"), 200),
            WireCase("question mark in the query", get("/health?a=b?c/d"), 200),
            WireCase("escaped letter", get("/hea%6cth"), 200, 404),
            WireCase("absolute", get("http://localhost/health"), 200),
            WireCase("absolute with port", get("http://localhost:80/health"), 200),
            WireCase("absolute, capitals", get("HTTP://LOCALHOST/health"), 200),
            WireCase("absolute, no path", get("http://localhost"), 404),
            WireCase("absolute, query only", get("http://localhost?x"), 404, 400),
            WireCase("absolute foreign", get("http://evil.example/health"), 403),
            WireCase("absolute, no authority", get("http:///health"), 400),
            WireCase("absolute, user", get("http://me@localhost/health"), 400),
            WireCase("absolute, bad port", get("http://localhost:99999/health"), 400),
            WireCase("absolute, other scheme", get("ftp://localhost/health"), 400),
            WireCase("absolute, no slashes", get("http:localhost/health"), 400),
            WireCase(
                "absolute, Host foreign", get("http://localhost/health", host: "b.c"), 200, 403),
            WireCase("absolute, Host missing", get("http://localhost/health", host: nil), 400),
            WireCase("authority with GET", get("localhost:80"), 400),
            WireCase("asterisk with GET", get("*"), 400),
            WireCase("relative", get("health"), 400),
            WireCase("fragment", get("/health#part"), 400),
            WireCase("percent alone", get("/health%"), 400),
            WireCase("half an escape", get("/health%2"), 400),
            WireCase("no hex", get("/health%zz"), 400),
            WireCase("escape in a name, half", get("/v1/services/a%"), 400),
            WireCase("escape in a query, half", get("/v1/services?group=%"), 400),
            WireCase("bytes beyond ASCII", get("/hälth"), 400),
            WireCase("DEL", get("/health\u{7F}"), 400),
            WireCase("NUL", get("/health\0"), 400),
            WireCase("escaped NUL", get("/health%00"), 400, 404),
            WireCase("invalid UTF-8 in a query", get("/v1/services?group=%ff"), 400),
            WireCase("no hex in a query", get("/v1/logs?grep=100%"), 400),
            WireCase("invalid UTF-8 in a name", get("/v1/services/%ff%fe"), 400, 404),
            WireCase("overlong UTF-8 in a name", get("/v1/services/%c0%af"), 400, 404),
            WireCase("backslash", get("\\health"), 400),
            WireCase("backslash in the path", get("/v1\\services"), 400, 404),
            WireCase("quote", get("/health\""), 400, 404),
            WireCase("angle", get("/<health>"), 400, 404),
            WireCase("double slash", get("//health"), 404),
            WireCase("trailing slash", get("/health/"), 404),
            WireCase("dots", get("/v1/../health"), 404),
            WireCase("dot", get("/./health"), 404),
            WireCase("escaped slash between segments", get("/v1%2Fservices"), 404),
            WireCase("capitals", get("/HEALTH"), 404),
            WireCase("root", get("/"), 404),
            WireCase("deep", get("/" + String(repeating: "a/", count: 2_000)), 404, 414),
        ])
    }

    @Test func aSlashInANameStaysInItsSegment() throws {
        let made = try daemon.ask("POST", "/v1/services", #"{"name":"a/b c%","port":7001}"#)
        #expect(made.status == 201)
        #expect(made.value("Location") == "/v1/services/a%2Fb%20c%25")
        #expect(try daemon.ask("GET", "/v1/services/a%2Fb%20c%25").status == 200)
        #expect(try daemon.ask("GET", "/v1/services/a%2fb%20c%25").status == 200)
        #expect(try daemon.ask("GET", "/v1/resolve/%61%2Fb%20c%25").status == 200)
        #expect(try daemon.ask("GET", "/v1/services/a/b%20c%25").status == 404)
        #expect(try daemon.ask("GET", "/v1/services/a%252Fb%20c%25").status == 404)
        #expect(try daemon.ask("DELETE", "/v1/services/a%2Fb%20c%25").status == 200)
        #expect(try daemon.ask("GET", "/v1/services/a%2Fb%20c%25").status == 404)
    }

    @Test func hostMustBeThereOnceAndWellFormed() throws {
        let bad = [
            "a/b", "u@localhost", "a:b:c", "[::1", "::1", "[::1]x", "[zz]", "localhost:99999",
            "localhost:65536", "localhost:x", "localhost:-1", "local host", "localhost, localhost",
            "http://localhost", "%zz", "locálhost", "localhost\u{1}", "localhost?x", "localhost#",
            "[]", "[1:2]", "[::1]:x", "localhost:80:80", "\"localhost\"", "<a>", "localhost\\",
            "localhost:+80", "localhost:8 0", "[::g]", "[127.0.0.1]",
        ]
        try daemon.judge(bad.map { WireCase("Host \($0)", get("/health", host: $0), 400) })
        let long = String(repeating: "a", count: 8_000)
        let line = "GET /health HTTP/1.1"
        try daemon.judge([
            WireCase("missing", get("/health", host: nil), 400),
            WireCase("empty", get("/health", host: ""), 400, 403),
            WireCase("port only", get("/health", host: ":80"), 400, 403),
            WireCase("twice the same", request(line, ["Host: localhost"]), 400),
            WireCase("twice different", request(line, ["Host: evil.example"]), 400),
            WireCase("second first", request(line, ["host: localhost"], host: "evil.a"), 400),
            WireCase("8 KB", get("/health", host: long), 400, 403, 431),
            WireCase("1.0 without", request("GET /health HTTP/1.0", host: nil), 200, 400),
            WireCase("1.0 twice", request("GET /health HTTP/1.0", ["Host: localhost"]), 400),
            WireCase("1.0 foreign", request("GET /health HTTP/1.0", host: "evil.example"), 403),
            WireCase("folded", "\(line)\r\nHost:\r\n localhost\r\n\r\n", 400),
        ])
    }

    @Test func aForeignHostIsRefused() throws {
        let foreign = [
            "evil.example", "evil.example:11611", "localhost.evil.example",
            "127.0.0.1.evil.example", "localhost6", "0.0.0.0", "10.0.0.1", "[::2]", "[::]",
            "128.0.0.1", "126.255.255.255", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1",
            "localhost.localdomain", "ip6-localhost", "localhost..", "127.0.0.256", "127.0.0",
            "127.0.0.1.1", "a.localhost", "xn--localhost", "127.0.0.01", "localhost%2e",
            "[fe80::1]", "[::1:1]", "local", "localhos", "localhostt",
        ]
        for host in foreign {
            let answer = try daemon.ask("GET", "/health", host: host)
            #expect([400, 403].contains(answer.status), "\(host)")
            if answer.status == 403 {
                #expect(answer.code == "forbidden_host", "\(host)")
                #expect((answer.message + answer.hint).contains("hosts"), "\(host)")
            }
        }
    }

    @Test func everyLoopbackNameIsAcceptedWithAnyPort() throws {
        let own = [
            "localhost", "LOCALHOST", "LocalHost:1", "localhost.", "localhost.:80", "127.0.0.1",
            "127.0.0.1:1", "127.9.9.9:65535", "127.255.255.255", "[::1]", "[::1]:9", "localhost:",
            "[0:0:0:0:0:0:0:1]", "localhost:\(daemon.port)",
        ]
        try daemon.judge(own.map { WireCase("Host \($0)", get("/health", host: $0), 200) })
        try daemon.judge([
            WireCase("blanks", "GET /health HTTP/1.1\r\nhOsT: \t localhost \t\r\n\r\n", 200)
        ])
    }
}
