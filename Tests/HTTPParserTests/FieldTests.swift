// Header lines: names, values, white space, line ends, and finding known ones.
//
// Each case is what stands behind the request line and a Host header.

import Testing

@testable import HTTPParser

@Suite("Header lines")
struct FieldTests {
    @Test(
        "lines are taken or refused by the grammar",
        arguments: ParseCase.table([
            ("A: b\r\n\r\n", "ok"), ("A:b\r\n\r\n", "ok"), ("A:\r\n\r\n", "ok"),
            ("A:  \t \r\n\r\n", "ok"), ("A: \tb\t \r\n\r\n", "ok"), ("A: b\tc\r\n\r\n", "ok"),
            ("A: b:c\r\n\r\n", "ok"), ("A: \u{80}\u{FF}\r\n\r\n", "ok"), ("\r\n", "ok"),
            ("A::\r\n\r\n", "ok"), ("!#$%&'*+-.^_`|~0: x\r\n\r\n", "ok"),
            ("A: \"x\"\r\n\r\n", "ok"), ("A: b\r\nA: c\r\n\r\n", "ok"),
            (": b\r\n\r\n", "400 fieldName"), ("A b: c\r\n\r\n", "400 fieldNameSpace"),
            ("A : b\r\n\r\n", "400 fieldNameSpace"), ("A\t: b\r\n\r\n", "400 fieldNameSpace"),
            ("A\r\n\r\n", "400 fieldName"), ("A(b): c\r\n\r\n", "400 fieldName"),
            ("A/: c\r\n\r\n", "400 fieldName"), ("A\u{0}: c\r\n\r\n", "400 fieldName"),
            ("A\u{E9}: c\r\n\r\n", "400 fieldName"), ("A\"b\": c\r\n\r\n", "400 fieldName"),
            ("A;: c\r\n\r\n", "400 fieldName"), ("{A}: c\r\n\r\n", "400 fieldName"),
            ("A\u{7F}: c\r\n\r\n", "400 fieldName"), ("@: c\r\n\r\n", "400 fieldName"),
            (" A: b\r\n\r\n", "400 foldedField"), ("\tA: b\r\n\r\n", "400 foldedField"),
            ("A: b\r\n c\r\n\r\n", "400 foldedField"),
            ("A: b\r\n\tc\r\n\r\n", "400 foldedField"),
            ("A: b\r\n \r\n\r\n", "400 foldedField"),
            ("A: b\n\r\n", "400 bareLineFeed"), ("A: b\r\n\n", "400 bareLineFeed"),
            ("A: b\nC: d\r\n\r\n", "400 bareLineFeed"), ("A:\n\r\n", "400 bareLineFeed"),
            ("A: b\rc\r\n\r\n", "400 bareCarriageReturn"),
            ("A: b\r\r\n\r\n", "400 bareCarriageReturn"),
            ("A: b\r\n\rX", "400 bareCarriageReturn"), ("A:\rb\r\n\r\n", "400 bareCarriageReturn"),
            ("A\r: b\r\n\r\n", "400 fieldName"), ("A\n: b\r\n\r\n", "400 fieldName"),
            ("A: \u{0}\r\n\r\n", "400 fieldValueCharacter"),
            ("A: b\u{1}\r\n\r\n", "400 fieldValueCharacter"),
            ("A: b\u{1F}c\r\n\r\n", "400 fieldValueCharacter"),
            ("A: \u{7F}\r\n\r\n", "400 fieldValueCharacter"),
            ("A: \u{B}\r\n\r\n", "400 fieldValueCharacter"),
            ("A: \u{C}\r\n\r\n", "400 fieldValueCharacter"),
            ("A: b\r\n", "more"), ("A: b\r\n\r", "more"), ("A", "more"), ("A:", "more"),
            ("A: b", "more"), ("A: b\r", "more"), ("", "more"),
        ]))
    func grammar(_ row: ParseCase) {
        // Latin-1, so that \u{80} and up are single bytes of obs-text.
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8) + latin1(row.input)
        #expect(parseRequest(bytes).summary == row.expected)
    }

    @Test("every control byte but HTAB is refused in a value, every other byte is taken")
    func everyValueByte() {
        for byte in UInt8.min...UInt8.max where byte != 0x0A && byte != 0x0D {
            for padding in [0, 1, 7, 15, 16, 40] {
                let bytes =
                    Array("GET / HTTP/1.1\r\nHost: a\r\nA: ".utf8)
                    + Array(repeating: 0x78, count: padding) + [byte]
                    + Array("y\r\n\r\n".utf8)
                let isFine = (byte >= 0x20 && byte != 0x7F) || byte == 0x09
                #expect(
                    parseRequest(bytes).summary == (isFine ? "ok" : "400 fieldValueCharacter"))
            }
        }
    }

    @Test("every byte that is no token character is refused in a name")
    func everyNameByte() {
        let tokens = Set(
            "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for byte in UInt8.min...UInt8.max where byte != 0x3A {
            for padding in [0, 1, 7, 15, 16, 40] {
                let bytes =
                    Array("GET / HTTP/1.1\r\nHost: a\r\nA".utf8)
                    + Array(repeating: 0x78, count: padding) + [byte]
                    + Array("y: z\r\n\r\n".utf8)
                let isOK = parseRequest(bytes).summary == "ok"
                #expect(isOK == tokens.contains(byte), "byte \(byte) behind \(padding)")
            }
        }
    }

    @Test("values lose white space at their ends and keep it inside")
    func trimming() {
        let request = parseRequest(
            "GET / HTTP/1.1\r\nHost:a\r\nB: \t x \t y\t \r\nC:\t\r\nD:z \r\n\r\n")
        #expect(request.fields == ["Host:a", "B:x \t y", "C:", "D:z"])
    }

    @Test("known headers are found in any case", arguments: KnownHeader.allCases)
    func known(_ header: KnownHeader) {
        let name = header.name.description
        for spelling in [name, name.uppercased(), capitalized(name)] {
            let value = header == .contentLength ? "7" : "chunked"
            let host = header == .host ? "" : "Host: a\r\n"
            let request = parseRequest(
                "GET / HTTP/1.1\r\n\(host)\(spelling): \(value)\r\nX: 1\r\n\r\n")
            #expect(request.summary == "ok")
            #expect(request.known[header] == value)
            #expect(request.counts[header] == 1)
        }
    }

    @Test(
        "names that only resemble known ones are not taken for them",
        arguments: KnownHeader.allCases)
    func resembling(_ header: KnownHeader) {
        let name = Array(header.name.description.utf8)
        for i in name.indices {
            var other = name
            other[i] = other[i] == 0x78 ? 0x79 : 0x78
            let spelled = String(decoding: other, as: UTF8.self)
            for candidate in [spelled, spelled + "x", String(spelled.dropLast())]
            where !candidate.isEmpty {
                let request = parseRequest(
                    "GET / HTTP/1.1\r\nHost: a\r\n\(candidate): 1\r\n\r\n")
                #expect(request.known == [.host: "a"], "\(candidate)")
            }
        }
    }

    @Test("the first of repeated headers is given and all are counted")
    func repeated() {
        let request = parseRequest(
            "GET / HTTP/1.1\r\nHost: a\r\nCookie: 1\r\nX: 2\r\ncookie: 3\r\nCOOKIE: 4\r\n\r\n")
        #expect(request.known[.cookie] == "1")
        #expect(request.counts[.cookie] == 3)
        #expect(request.counts[.host] == 1)
        #expect(request.counts[.origin] == 0)
    }

    @Test("a head leaves nothing of the one before it")
    func reuse() {
        var head = RequestHead()
        let first = Array(
            ("POST /a HTTP/1.0\r\nContent-Length: 5\r\nCookie: 1\r\nCookie: 2\r\n"
                + "Connection: keep-alive\r\n\r\n").utf8)
        let second = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var scan = HeadScan()
        _ = head.parse(first.span, scan: &scan, limits: HeadLimits())
        scan = HeadScan()
        let outcome = head.parse(second.span, scan: &scan, limits: HeadLimits())
        #expect(ParsedRequest(outcome, head, second) == parseRequest(second))
    }

    private func capitalized(_ name: String) -> String {
        name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }
            .joined(separator: "-")
    }
}

/// Each character below U+0100 as one byte.
func latin1(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}
