// Output made harmless: what may reach a terminal, a JSON string or an event of a stream.

@testable import Gretl
import TestSupport
import Testing

@Suite struct LogTextTests {
    private func clean(_ bytes: [UInt8], colors: Bool = true) -> String {
        LogText.clean(bytes[...], colors: colors)
    }

    private func clean(_ text: String, colors: Bool = true) -> String {
        clean(Array(text.utf8), colors: colors)
    }

    @Test func everyByteAloneBecomesPrintableText() throws {
        try every("byte", in: UInt8.min...UInt8.max) { byte in
            let text = clean([byte])
            let isPlain = (0x20..<0x7F).contains(byte) || byte == 0x09
            let digits = String(byte, radix: 16)
            let spelled = "\\x" + (byte < 16 ? "0" : "") + digits
            let expected =
                isPlain ? String(UnicodeScalar(byte)) : byte == 0x0D ? "" : spelled
            #expect(text == expected, "byte \(byte)")
        }
    }

    @Test func everyPairOfBytesStaysHarmless() throws {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let text = clean([first, second])
                guard LogTextTests.isHarmless(text) else {
                    Issue.record("bytes \(first) \(second): \(text.debugDescription)")
                    return
                }
            }
        }
    }

    @Test func randomBytesStayHarmlessInEveryMixture() {
        var generator = SeededGenerator(seed: 7_401)
        let likely: [UInt8] = [0x1B, 0x5B, 0x6D, 0x30, 0x38, 0x3B, 0x0D, 0xC2, 0x9B, 0xE2, 0x80]
        for _ in 0..<5_000 {
            let bytes = (0..<generator.number(in: 0...40)).map { _ in
                generator.oneIn(2)
                    ? generator.pick(likely) : UInt8(generator.number(in: 0...255))
            }
            let colored = clean(bytes)
            #expect(LogTextTests.isHarmless(colored), "\(bytes)")
            let plain = clean(bytes, colors: false)
            #expect(!plain.utf8.contains(0x1B), "\(bytes)")
        }
    }

    @Test func colorsPassAndAreResetAtTheEnd() {
        #expect(clean("\u{1B}[31mred\u{1B}[0m") == "\u{1B}[31mred\u{1B}[0m")
        #expect(clean("\u{1B}[31mred\u{1B}[m") == "\u{1B}[31mred\u{1B}[m")
        #expect(clean("\u{1B}[1;38;5;208mx") == "\u{1B}[1;38;5;208mx\u{1B}[0m")
        #expect(clean("\u{1B}[38:2::1:2:3mx\u{1B}[0m") == "\u{1B}[38:2::1:2:3mx\u{1B}[0m")
        #expect(clean("\u{1B}[31mred\u{1B}[0m", colors: false) == "red")
    }

    @Test(arguments: [
        // Clears the screen, moves the cursor, sets the title, asks the terminal for an answer.
        "\u{1B}[2J", "\u{1B}[10;10H", "\u{1B}]0;title\u{07}", "\u{1B}[6n", "\u{1B}c",
        "\u{1B}P+q\u{1B}\\", "\u{1B}[?25l", "\u{1B}[>31m", "\u{9B}31m", "\u{1B}[31", "\u{1B}",
        // Conceals.
        "\u{1B}[8m", "\u{1B}[0;8m", "\u{1B}[38;5;8;8m",
        "\u{1B}[99999m", "\u{1B}[0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0m",
    ])
    func everyOtherEscapeIsSpelledOut(sequence: String) {
        for colors in [true, false] {
            let text = clean("a\(sequence)b", colors: colors)
            #expect(!text.utf8.contains(0x1B))
            #expect(text.hasPrefix("a\\x1b") || text.hasPrefix("a\\x9b"))
            #expect(text.hasSuffix("b"))
        }
    }

    @Test func aColorNumberedEightIsNotTakenForConcealing() {
        #expect(clean("\u{1B}[38;5;8mx\u{1B}[0m") == "\u{1B}[38;5;8mx\u{1B}[0m")
        #expect(clean("\u{1B}[48;2;8;8;8mx\u{1B}[0m") == "\u{1B}[48;2;8;8;8mx\u{1B}[0m")
    }

    @Test func textOfAllLanguagesStays() {
        for text in ["Grüße", "日本語", "🦆 quack", "e\u{301}", "a\tb"] {
            #expect(clean(text) == text)
        }
    }

    @Test func whatTurnsOrEndsLinesIsSpelledOut() {
        #expect(clean("a\u{2028}b") == "a\\u{2028}b")
        #expect(clean("a\u{202E}b") == "a\\u{202e}b")
        #expect(clean("a\u{85}b") == "a\\x85b")
        #expect(clean("a\u{2066}b") == "a\\u{2066}b")
    }

    @Test func badUTF8IsShownByteForByte() {
        #expect(clean([0x53, 0xDF, 0x65]) == "S\\xdfe")
        #expect(clean([0xE2, 0x82]) == "\\xe2\\x82")
        #expect(clean([0xED, 0xA0, 0x80]) == "\\xed\\xa0\\x80")
        #expect(clean([0xC0, 0xAF]) == "\\xc0\\xaf")
        #expect(clean([0xF4, 0x90, 0x80, 0x80]) == "\\xf4\\x90\\x80\\x80")
    }

    @Test func ofAnOverwrittenLineTheLastStateIsKept() {
        #expect(clean("10%\r20%\r100%") == "100%")
        #expect(clean("10%\r100%\r") == "100%")
        #expect(clean("windows\r") == "windows")
        #expect(clean("a\r\u{1B}[Kb\r\u{1B}[2Kc") == "c")
        #expect(clean("\r") == "")
    }

    /// Valid text without controls but tabs and well-formed colours that are reset in the end.
    static func isHarmless(_ text: String) -> Bool {
        var rest = Array(text.unicodeScalars)[...]
        var last = "0"
        while let scalar = rest.popFirst() {
            if scalar.value == 0x1B {
                guard rest.popFirst() == "[" else { return false }
                last = ""
                while let next = rest.popFirst(), next != "m" {
                    guard ("0"..."9").contains(next) || next == ";" || next == ":" else {
                        return false
                    }
                    last.unicodeScalars.append(next)
                }
                if last.isEmpty { last = "0" }
                continue
            }
            switch scalar.value {
            case 0x09: break
            case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: return false
            default: break
            }
        }
        return last == "0"
    }
}
