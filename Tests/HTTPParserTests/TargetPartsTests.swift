// Path segments, query items, list members and percent-decoding.
//
// The iterators are run to their end; each must end by itself.

import Testing

@testable import HTTPParser

@Suite("Parts of a target")
struct TargetPartsTests {
    @Test(
        "a path is stepped through by segment",
        arguments: [
            ("", []), ("/", [""]), ("/a", ["a"]), ("/a/b", ["a", "b"]), ("/a/", ["a", ""]),
            ("//", ["", ""]), ("/a//b", ["a", "", "b"]), ("/%2F/c", ["%2F", "c"]), ("a", []),
        ] as [(String, [String])])
    func segments(_ path: String, _ expected: [String]) {
        let bytes = Array("xx\(path)yy/z".utf8)
        var segments = PathSegments(ByteRange(from: 2, to: 2 + path.utf8.count))
        var found: [String] = []
        while let segment = segments.next(bytes.span) { found.append(text(bytes, segment)) }
        #expect(found == expected)
    }

    @Test(
        "a query is stepped through by item",
        arguments: [
            ("", []), ("a", ["a"]), ("a=", ["a="]), ("a=b", ["a=b"]), ("=b", ["=b"]), ("=", ["="]),
            ("a=b&c=d", ["a=b", "c=d"]), ("&&a&", ["a"]), ("a=b=c", ["a=b=c"]),
            ("a+b=c+d", ["a+b=c+d"]), ("a&a=1&a=2", ["a", "a=1", "a=2"]),
        ] as [(String, [String])])
    func items(_ query: String, _ expected: [String]) {
        let bytes = Array("/?\(query)&z=1".utf8)
        var items = QueryItems(ByteRange(from: 2, to: 2 + query.utf8.count))
        var found: [String] = []
        while let item = items.next(bytes.span) {
            found.append(
                text(bytes, item.name) + (item.hasValue ? "=" : "") + text(bytes, item.value))
        }
        #expect(found == expected)
    }

    @Test(
        "a list is stepped through by member, empty ones left out",
        arguments: [
            ("", []), ("a", ["a"]), ("a,b", ["a", "b"]), (" a , b\t,", ["a", "b"]),
            (",,", []), (", ,a b", ["a b"]),
        ] as [(String, [String])])
    func members(_ list: String, _ expected: [String]) {
        let bytes = Array(list.utf8)
        var members = ListElements(ByteRange(from: 0, to: bytes.count))
        var found: [String] = []
        while let member = members.next(bytes.span) { found.append(text(bytes, member)) }
        #expect(found == expected)
    }

    /// The decoded bytes, nil when refused.
    private func decode(_ text: String, capacity: Int = 100) -> [UInt8]? {
        let bytes = Array(text.utf8)
        var isFine = false
        let decoded = [UInt8](capacity: capacity) { output in
            isFine = percentDecode(bytes.span, ByteRange(from: 0, to: bytes.count), into: &output)
        }
        return isFine ? decoded : nil
    }

    @Test("percent-encodings are decoded once, everything else stays")
    func decodes() {
        #expect(decode("") == [])
        #expect(decode("abc") == Array("abc".utf8))
        #expect(decode("a+b") == Array("a+b".utf8))
        #expect(decode("%41%6a%6A") == Array("Ajj".utf8))
        #expect(decode("%2541") == Array("%41".utf8))
        #expect(decode("%00%ff%80") == [0, 255, 128])
        #expect(decode("%C3%A9") == [0xC3, 0xA9])
        for byte in UInt8.min...UInt8.max {
            let hex = String(byte, radix: 16)
            let encoded = "%" + (hex.count == 1 ? "0" + hex : hex)
            #expect(decode(encoded) == [byte])
            #expect(decode(encoded.uppercased()) == [byte])
        }
    }

    @Test(
        "broken percent-encodings are refused",
        arguments: ["%", "%4", "a%", "%g0", "%0g", "% 1", "%-1", "%%4"])
    func refuses(_ text: String) {
        #expect(decode(text) == nil)
    }

    @Test("the output's room bounds the decoding")
    func room() {
        #expect(decode("abc", capacity: 3) == Array("abc".utf8))
        #expect(decode("abcd", capacity: 3) == nil)
        #expect(decode("%41%42", capacity: 2) == Array("AB".utf8))
        #expect(decode("%41%42", capacity: 1) == nil)
        #expect(decode("a", capacity: 0) == nil)
    }
}
