// Host: in a request head, and the value by itself.
//
// Both ways of judging a value (the head's quick check and HostValue.parse) see every case.

import Testing

@testable import HTTPParser

@Suite("Host")
struct HostTests {
    @Test(
        "Host is needed once in HTTP/1.1 and never twice",
        arguments: ParseCase.table([
            ("HTTP/1.1\r\n", "400 hostMissing"), ("HTTP/1.0\r\n", "ok"),
            ("HTTP/1.9\r\n", "400 hostMissing"), ("HTTP/1.1\r\nHost: a\r\n", "ok"),
            ("HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "400 hostRepeated"),
            ("HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: b\r\n", "400 hostRepeated"),
            ("HTTP/1.0\r\nHost: a\r\nHost: a\r\n", "400 hostRepeated"),
            ("HTTP/1.0\r\nHost: a b\r\n", "400 hostMalformed"),
            ("HTTP/1.1\r\nHost:\r\n", "400 hostMalformed"),
            ("HTTP/1.1\r\nHosts: a\r\n", "400 hostMissing"),
        ]))
    func presence(_ row: ParseCase) {
        #expect(parseRequest("GET / \(row.input)\r\n").summary == row.expected)
    }

    static let fine: [(String, String, Int?, HostValue.Kind)] = [
        ("a", "a", nil, .name), ("localhost:3916", "localhost", 3916, .name),
        ("a.b-c.d", "a.b-c.d", nil, .name), ("a:", "a", nil, .name), ("a:0", "a", 0, .name),
        ("a:65535", "a", 65535, .name), ("a:00080", "a", 80, .name), ("a:80", "a", 80, .name),
        ("localhost.", "localhost.", nil, .name), ("LOCALHOST", "LOCALHOST", nil, .name),
        ("a_b", "a_b", nil, .name), ("a~!$&'()*+,;=b", "a~!$&'()*+,;=b", nil, .name),
        ("%41b", "%41b", nil, .name), ("127.0.0.1", "127.0.0.1", nil, .ipv4),
        ("127.0.0.1:80", "127.0.0.1", 80, .ipv4), ("0.0.0.0", "0.0.0.0", nil, .ipv4),
        ("255.255.255.255", "255.255.255.255", nil, .ipv4),
        ("256.0.0.1", "256.0.0.1", nil, .name), ("1.2.3", "1.2.3", nil, .name),
        ("01.2.3.4", "01.2.3.4", nil, .name), ("1.2.3.4.5", "1.2.3.4.5", nil, .name),
        ("[::1]", "::1", nil, .ipv6), ("[::1]:8080", "::1", 8080, .ipv6),
        ("[::]", "::", nil, .ipv6), ("[1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8", nil, .ipv6),
        ("[fe80::1]", "fe80::1", nil, .ipv6), ("[::ffff:1.2.3.4]", "::ffff:1.2.3.4", nil, .ipv6),
        ("[1:2:3:4:5:6:1.2.3.4]", "1:2:3:4:5:6:1.2.3.4", nil, .ipv6),
        ("[1::]", "1::", nil, .ipv6), ("[A::f]:", "A::f", nil, .ipv6),
        ("[1:2:3:4:5:6:7::]", "1:2:3:4:5:6:7::", nil, .ipv6),
        ("[::2:3:4:5:6:7:8]", "::2:3:4:5:6:7:8", nil, .ipv6),
    ]

    static let bad = [
        "", ":", ":80", "a/b", "u@a", "u:p@a", "a:b", "a:b:c", "a:80:80", "a:-1", "a:+1", "a: 1",
        "a:65536", "a:99999", "a:100000", "a:999999999999999999999", "a:8a", "a:0x1", "a b",
        "a,\tb",
        "a\tb", "a?b", "a#b", "a\\b", "a\"b", "a<b", "a[b", "[", "[]", "[::1", "::1", "[::1]x",
        "[::1]:x", "[::1]80", "[:::1]", "[1]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]",
        "[1::2::3]", "[12345::]", "[::g]", "[fe80::1%eth0]", "[fe80::1%25eth0]", "[v1.a]",
        "[1.2.3.4]", "[::1.2.3]", "[::1.2.3.256]", "[1:2:3:4:5:6:7:1.2.3.4]", "[:1:2:3:4:5:6:7]",
        "[1:2:3:4:5:6:7:]", "[1:]", "[1:2:3:4:5:6:7:8::]", "[::1.2.3.4:5]", "%4", "%", "a%zz",
        "http://a", "a^b", "a|b", "a`b", "a{b}", "\u{E9}", "a\u{80}", "[::1]\u{FF}",
    ]

    @Test("well-formed values are taken apart", arguments: fine)
    func takesApart(_ text0: String, _ host: String, _ port: Int?, _ kind: HostValue.Kind) {
        let bytes = latin1(text0)
        let value = HostValue.parse(bytes.span, ByteRange(from: 0, to: bytes.count))
        #expect(value.map { text(bytes, $0.host) } == host)
        #expect(value?.port == port)
        #expect(value?.kind == kind)
        #expect(head(text0, followed: "") == "ok")
        #expect(head(text0, followed: "X: something longer\r\n") == "ok")
    }

    @Test("malformed values are refused", arguments: bad)
    func refuses(_ text: String) {
        let bytes = latin1(text)
        #expect(HostValue.parse(bytes.span, ByteRange(from: 0, to: bytes.count)) == nil)
        #expect(head(text, followed: "") == "400 hostMalformed")
        #expect(head(text, followed: "X: something longer\r\n") == "400 hostMalformed")
    }

    @Test("every byte of a host is judged as the grammar says")
    func everyByte() {
        let allowed = Set(
            "!$&'()*+,;=-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max where byte != 0x3A {
            for bytes in [[0x61, byte, 0x62], Array("aaaaaaaaaaaaaaaa".utf8) + [byte, 0x62]] {
                let value = HostValue.parse(bytes.span, ByteRange(from: 0, to: bytes.count))
                #expect((value != nil) == allowed.contains(byte), "byte \(byte)")
            }
        }
    }

    private func head(_ host: String, followed: String) -> String {
        parseRequest(
            Array("GET / HTTP/1.1\r\nHost: ".utf8) + latin1(host)
                + Array("\r\n\(followed)\r\n".utf8)
        ).summary
    }
}
