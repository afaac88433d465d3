// The vector and the word scanner give the same answers for all bytes.
//
// Random bytes with a fixed seed, drawn so that every class and every position occurs.

import TestSupport
import Testing

@testable import HTTPParser

/// A small generator with a seed, so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite("Byte scanners")
struct ScannerTests {
    @Test("both find the same ends in random bytes", arguments: [1, 2, 3, 4] as [UInt64])
    func ends(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        for _ in 0..<2000 {
            let bytes = randomBytes(&random)
            guard let guarded = GuardedBytes(bytes) else {
                Issue.record("no guarded memory")
                return
            }
            guarded.withSpan { span in
                for start in 0...bytes.count {
                    for (name, native, word) in [
                        (
                            "name", NativeScanner.nameEnd(span, start, span.count),
                            WordScanner.nameEnd(span, start, span.count)
                        ),
                        (
                            "target", NativeScanner.targetEnd(span, start, span.count),
                            WordScanner.targetEnd(span, start, span.count)
                        ),
                        (
                            "plain", NativeScanner.plainEnd(span, start, span.count),
                            WordScanner.plainEnd(span, start, span.count)
                        ),
                        (
                            "path", NativeScanner.pathEnd(span, start, span.count),
                            WordScanner.pathEnd(span, start, span.count)
                        ),
                    ] where native != word {
                        Issue.record("\(name) from \(start) in \(bytes): \(native), \(word)")
                    }
                }
            }
        }
    }

    @Test("each class is found by both as the plain definition says")
    func classes() {
        for byte in UInt8.min...UInt8.max {
            for padding in 0..<40 {
                let bytes = Array(repeating: UInt8(0x61), count: padding) + [byte, 0x61]
                let isName = ASCII.token.contains(byte)
                let isGraphic = byte > 0x20 && byte < 0x7F
                let isPlain =
                    isName && (byte | 0x20 >= 0x61 || (byte >= 0x30 && byte <= 0x39))
                    && byte != 0x5E && byte != 0x5F && byte != 0x60 && byte != 0x7C && byte != 0x7E
                    || byte == 0x2D || byte == 0x2E
                let isPath = isPlain || byte == 0x2F || byte == 0x3A || byte == 0x5F
                for (found, fine) in [
                    (NativeScanner.pathEnd(bytes.span, 0, bytes.count), isPath),
                    (WordScanner.pathEnd(bytes.span, 0, bytes.count), isPath),
                    (NativeScanner.nameEnd(bytes.span, 0, bytes.count), isName),
                    (WordScanner.nameEnd(bytes.span, 0, bytes.count), isName),
                    (NativeScanner.targetEnd(bytes.span, 0, bytes.count), isGraphic),
                    (WordScanner.targetEnd(bytes.span, 0, bytes.count), isGraphic),
                    (NativeScanner.plainEnd(bytes.span, 0, bytes.count), isPlain),
                    (WordScanner.plainEnd(bytes.span, 0, bytes.count), isPlain),
                ] where found != (fine ? bytes.count : padding) {
                    Issue.record("byte \(byte) behind \(padding): \(found)")
                }
            }
        }
    }

    @Test("both step through the same control bytes", arguments: [5, 6, 7] as [UInt64])
    func controls(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        for _ in 0..<2000 {
            let bytes = randomBytes(&random)
            let expected = bytes.indices.filter { bytes[$0] < 0x20 || bytes[$0] == 0x7F }
            guard let guarded = GuardedBytes(bytes) else {
                Issue.record("no guarded memory")
                return
            }
            guarded.withSpan { span in
                #expect(positions(span, NativeScanner.self) == expected)
                #expect(positions(span, WordScanner.self) == expected)
            }
        }
    }

    @Test("both parse random heads alike, whole and in pieces", arguments: [8, 9] as [UInt64])
    func heads(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let base = Array(
            ("POST /a?b HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n"
                + "Connection: close\r\nX-Y:\tz\r\n\r\n").utf8)
        for _ in 0..<4000 {
            var bytes = base
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] =
                    Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : [0x0A, 0x0D, 0x09, 0x20, 0x3A].randomElement(using: &random) ?? 0
            }
            let whole = parseRequest(bytes)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            #expect(parseRequest(bytes, cuts: [cut]) == whole)
            #expect(whole.summary != "400 scannersDisagree")
        }
    }

    private func positions<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, _: Scanner.Type
    ) -> [Int] {
        var cursor = ControlCursor<Scanner>(from: 0)
        var found: [Int] = []
        while true {
            let at = cursor.advance(bytes)
            if at >= bytes.count { return found }
            found.append(at)
        }
    }

    private func randomBytes(_ random: inout SeededGenerator) -> [UInt8] {
        let count = Int.random(in: 0...140, using: &random)
        let rare = Int.random(in: 1...60, using: &random)
        return (0..<count).map { _ in
            Int.random(in: 0..<rare, using: &random) == 0
                ? UInt8.random(in: 0...255, using: &random)
                : UInt8.random(in: 0x61...0x7A, using: &random)
        }
    }
}
