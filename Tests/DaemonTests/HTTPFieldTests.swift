// Header fields over a real socket (RFC 9112 5, RFC 9110 5): what is refused, what is let through,
// and where the limits of a head stand.

import TestSupport
import Testing

@Suite struct HTTPFieldTests {
    let daemon: DaemonProcess

    init() throws { daemon = try DaemonProcess() }

    private func head(_ lines: String) -> String {
        "GET /health HTTP/1.1\r\nHost: localhost\r\n\(lines)\r\n"
    }

    @Test func malformedFieldsAreRefused() throws {
        let bad: [(String, String)] = [
            ("bare line feed", "A: b\n"), ("bare line feed inside", "A: b\nC: d\r\n"),
            ("folded with a blank", "A: b\r\n c\r\n"), ("folded with a tab", "A: b\r\n\tc\r\n"),
            ("blank before the colon", "A : b\r\n"), ("tab before the colon", "A\t: b\r\n"),
            ("no colon", "abc\r\n"), ("empty name", ": b\r\n"), ("only a colon", ":\r\n"),
            ("NUL in the value", "A: b\0c\r\n"), ("NUL in the name", "A\0: b\r\n"),
            ("bare carriage return", "A: b\rc\r\n"), ("control byte", "A: b\u{1}c\r\n"),
            ("backspace", "A: b\u{8}\r\n"), ("escape", "A: \u{1B}[0m\r\n"),
            ("DEL", "A: b\u{7F}\r\n"), ("vertical tab", "A: b\u{B}\r\n"),
            ("form feed", "A: b\u{C}\r\n"), ("blank in the name", "A B: c\r\n"),
            ("parenthesis in the name", "A(B: c\r\n"), ("slash in the name", "A/B: c\r\n"),
            ("quote in the name", "A\"B: c\r\n"), ("at sign in the name", "A@B: c\r\n"),
            ("bracket in the name", "A[B: c\r\n"), ("letter beyond ASCII in a name", "Nämé: c\r\n"),
            ("comma in the name", "A,B: c\r\n"), ("semicolon in the name", "A;B: c\r\n"),
            ("equals in the name", "A=B: c\r\n"), ("brace in the name", "A{B: c\r\n"),
            ("blank only", " \r\n"),
        ]
        try daemon.judge(bad.map { WireCase($0.0, head($0.1), 400) })
        let first = "GET /health HTTP/1.1\r\n"
        try daemon.judge([
            WireCase("blank before the first", "\(first) A: b\r\nHost: localhost\r\n\r\n", 400),
            WireCase("folded first", "\(first) \r\nHost: localhost\r\n\r\n", 400),
            WireCase("bare line feed at the end", "\(first)Host: localhost\r\n\n", 400),
            WireCase("bare CR CR LF", "\(first)Host: localhost\r\r\n\r\n", 400),
        ])
    }

    @Test func oddButValidFieldsAreAccepted() throws {
        let good: [(String, String)] = [
            ("empty value", "A:\r\n"), ("blank value", "A:   \r\n"), ("no blank", "A:b\r\n"),
            ("tabs around", "A:\tb\t\r\n"), ("tab inside", "A: b\tc\r\n"),
            ("bytes beyond ASCII", "A: bäd\r\n"),
            ("every token byte", "!#$%&'*+-.^_`|~09aZ: x\r\n"),
            ("colons in the value", "A: b:c:d\r\n"), ("quotes in the value", "A: \"b\r\n"),
            ("repeated", "A: b\r\nA: c\r\n"), ("digits as a name", "1: 2\r\n"),
            ("unknown", "X-Whatever: 1\r\n"), ("upgrade to HTTP/2", "Upgrade: h2c\r\n"),
            ("upgrade listed", "Connection: upgrade\r\nUpgrade: foo\r\n"),
            ("cookies", "Cookie: a=b\r\nCookie: c=d\r\n"), ("range", "Range: bytes=0-1\r\n"),
            ("accept something else", "Accept: image/png\r\n"),
            ("if-none-match", "If-None-Match: *\r\n"), ("TE", "TE: trailers\r\n"),
            ("max forwards", "Max-Forwards: 0\r\n"),
        ]
        try daemon.judge(good.map { WireCase($0.0, head($0.1), 200) })
    }

    @Test func aHeadHasLimits() throws {
        let path = String(repeating: "a", count: 8_185)
        let many = (0..<99).map { "A\($0): b\r\n" }.joined()
        try daemon.judge([
            WireCase("target at the limit", get("/" + path), 404),
            WireCase("target over the limit", get("/aaaaaaaaa" + path), 414),
            WireCase("target of 15 KB", get("/" + path + path.prefix(7_000)), 414),
            WireCase("target of 100 KB", get("/" + String(repeating: "a", count: 100_000)), 414),
            WireCase("100 fields", head(many), 200),
            WireCase("101 fields", head(many + "B: c\r\n"), 431),
            WireCase("5,000 fields", head((0..<5_000).map { "A\($0): b\r\n" }.joined()), 431),
            WireCase(
                "a value of 15 KB", head("A: \(String(repeating: "b", count: 15_000))\r\n"), 200),
            WireCase(
                "a value of 17 KB", head("A: \(String(repeating: "b", count: 17_000))\r\n"), 431),
            WireCase(
                "a name of 17 KB", head("\(String(repeating: "b", count: 17_000)): c\r\n"), 431),
            WireCase(
                "a value of 1 MB", head("A: \(String(repeating: "b", count: 1 << 20))\r\n"), 431),
            WireCase(
                "a method of 20 KB",
                request("\(String(repeating: "M", count: 20_000)) / HTTP/1.1"), 400, 414, 431, 501),
        ])
    }

    /// What is wrong already is answered although the head never ends.
    @Test func aHeadThatIsWrongIsAnsweredBeforeItsEnd() throws {
        let starts: [(String, String, [Int])] = [
            ("method", "GE(T /", [400]), ("TLS", "\u{16}\u{3}\u{1}", [400]),
            ("version", "GET /health HTTP/3.0\r\n", [505]),
            ("bare line feed", "GET /health HTTP/1.1\nHo", [400]),
            ("field name", "GET /health HTTP/1.1\r\nA b", [400]),
            ("field value", "GET /health HTTP/1.1\r\nA: b\u{1}", [400]),
            ("folding", "GET /health HTTP/1.1\r\nA: b\r\n c", [400]),
            ("no colon", "GET /health HTTP/1.1\r\nabc\r\n", [400]),
            ("target", "GET /" + String(repeating: "a", count: 9_000), [414]),
            ("head", "GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 17_000), [431]),
        ]
        for (name, start, statuses) in starts {
            let client = try WireClient(daemon)
            client.send(start)
            let answer = try client.answer(within: 2_000)
            #expect(statuses.contains(answer.status), "\(name): \(answer.status)")
            #expect(answer.connection("close"), "\(name)")
            #expect(answer.problems(answering: "GET").isEmpty, "\(name)")
            #expect(client.ending() == .closed, "\(name)")
        }
    }
}
