// The bounds of a head: one below, at, and one above each, whole and byte by byte.
//
// A head that cannot fit any more is refused before it is complete.

import Testing

@testable import HTTPParser

@Suite("Head limits")
struct LimitTests {
    private func summaries(_ text: String, _ limits: HeadLimits) -> [String] {
        let bytes = Array(text.utf8)
        let whole = parseRequest(bytes, limits: limits)
        let slow = parseRequest(bytes, cuts: Array(1..<max(2, bytes.count)), limits: limits)
        #expect(whole == slow)
        return [whole.summary]
    }

    @Test("the target may have as many bytes as the limit", arguments: [1, 2, 20, 8192])
    func target(_ most: Int) {
        let limits = HeadLimits(targetMost: most)
        for (count, expected) in [
            (most - 1, most == 1 ? "400 targetCharacter" : "ok"), (most, "ok"),
            (most + 1, "414 targetTooLong"), (most + 100, "414 targetTooLong"),
        ] {
            let target = String(repeating: "/", count: count)
            #expect(
                summaries("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", limits) == [expected])
        }
    }

    @Test("a target too long is refused before its end")
    func targetEarly() {
        let text = "GET /" + String(repeating: "a", count: 20)
        #expect(summaries(text, HeadLimits(targetMost: 20)) == ["414 targetTooLong"])
        #expect(summaries(text, HeadLimits(targetMost: 21)) == ["more"])
    }

    @Test("the head may have as many bytes as the limit", arguments: [64, 100, 4096, 16384])
    func head(_ most: Int) {
        let limits = HeadLimits(headMost: most)
        for (count, expected) in [
            (most - 1, "ok"), (most, "ok"), (most + 1, "431 headTooLarge"),
            (most + 2, "431 headTooLarge"), (most + 3, "431 headTooLarge"),
            (most + 500, "431 headTooLarge"),
        ] {
            let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
            let value = String(repeating: "v", count: count - start.utf8.count - 4)
            #expect(summaries(start + value + "\r\n\r\n", limits) == [expected])
            #expect(
                summaries(start + value + "\r\n\r\nPOST", limits) == [expected], "with more behind")
        }
    }

    @Test("a head without end is refused at the limit")
    func headEarly() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        for tail in ["X: y", "X", "", "X: y\r", "X: y\r\n"] {
            let count = (start + tail).utf8.count
            #expect(summaries(start + tail, HeadLimits(headMost: count + 1)) == ["more"])
            #expect(
                summaries(start + tail, HeadLimits(headMost: count)) == ["431 headTooLarge"])
        }
    }

    @Test("a target that fills the head is a target too long")
    func targetFillsHead() {
        let text = "GET /" + String(repeating: "a", count: 100)
        #expect(summaries(text, HeadLimits(headMost: 60)) == ["414 targetTooLong"])
    }

    @Test("there may be as many header lines as the limit", arguments: [1, 2, 99, 100])
    func fields(_ most: Int) {
        let limits = HeadLimits(fieldsMost: most)
        for (count, expected) in [
            (most - 1, most == 1 ? "400 hostMissing" : "ok"), (most, "ok"),
            (most + 1, "431 tooManyFields"), (most + 50, "431 tooManyFields"),
        ] {
            let host = count > 0 ? "Host: a\r\n" : ""
            let rest = String(repeating: "X: y\r\n", count: max(0, count - 1))
            #expect(
                summaries("GET / HTTP/1.1\r\n\(host)\(rest)\r\n", limits) == [expected])
        }
    }

    @Test("one header line too many is refused at its first byte")
    func fieldsEarly() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n"
        #expect(summaries(text, HeadLimits(fieldsMost: 2)) == ["more"])
        #expect(summaries(text + "Y", HeadLimits(fieldsMost: 2)) == ["431 tooManyFields"])
    }

    @Test("a method longer than any known one is refused at its 33rd byte")
    func method() {
        let method = String(repeating: "M", count: 32)
        #expect(parseRequest(method + " / HTTP/1.1\r\nHost: a\r\n\r\n").summary == "ok")
        #expect(summaries(method, HeadLimits()) == ["more"])
        #expect(summaries(method + "M", HeadLimits()) == ["501 methodTooLong"])
    }

    @Test("limits beyond what the parser holds are cut")
    func cut() {
        let limits = HeadLimits(targetMost: 1 << 40, headMost: 1 << 40, fieldsMost: 1 << 40)
        #expect(limits.headMost == 0xFFFF)
        #expect(limits.fieldsMost == 100)
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
        let value = String(repeating: "v", count: 0xFFFF - start.utf8.count - 4)
        let bytes = Array((start + value + "\r\n\r\n").utf8)
        #expect(parseRequest(bytes, limits: limits).outcome == .complete(length: 0xFFFF))
        #expect(parseRequest(bytes, limits: limits).fields.last == "X:\(value)")
        #expect(
            parseRequest(Array((start + value + "v\r\n\r\n").utf8), limits: limits).summary
                == "431 headTooLarge")
    }

    @Test("negative and zero limits refuse, they do not trap")
    func nonsense() {
        let limits = HeadLimits(targetMost: -1, headMost: .min, fieldsMost: -5)
        #expect(parseRequest("GET / HTTP/1.1\r\n\r\n", limits: limits).summary.hasPrefix("4"))
    }
}
