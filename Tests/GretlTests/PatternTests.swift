// Patterns and globs: what is supported, what is refused, that none takes long, and thousands of
// random ones beside the C library's matcher.

import Glibc
import Gretl
import NetCore
import TestSupport
import Testing

@Suite struct PatternTests {
    private func matches(
        _ pattern: String, _ line: String, ignoresCase: Bool = false
    ) throws -> Bool {
        var matcher = try LineMatcher(regularExpression: pattern, ignoresCase: ignoresCase)
        return matcher.matches(Array(line.utf8))
    }

    @Test(arguments: [
        ("abc", "xabcx", true), ("a.c", "a\u{E9}c", true), ("^a..$", "a\u{E9}c", true),
        ("^a...$", "a\u{E9}c", false), ("a|b", "xb", true), ("^(a|b)+$", "abba", true),
        ("^(a|b)+$", "abca", false), ("a{2}", "aa", true), ("^a{2,3}$", "aaaa", false),
        ("^a{,2}$", "aaa", false), ("^a{2,}$", "aaaa", true), ("a{x", "a{x", true),
        (#"\d+\.\d"#, "v1.2", true), (#"\bfoo\b"#, "a foo b", true),
        (#"\bfoo\b"#, "afoo", false), (#"\Bfoo"#, "afoo", true), (#"[^\w]"#, "abc", false),
        ("[a-c-]+$", "b-", true), ("[]x]", "]", true), ("[^]x]", "]", false),
        ("(?:ab)+?c", "ababc", true), ("(?i)ABC", "abc", true), ("(?P<n>a)b", "ab", true),
        ("[[:digit:]]x", "1x", true), ("^$", "", true), ("a*", "", true), ("(a*)*b", "aab", true),
        (#"\x41\u0042"#, "AB", true), ("[\u{E4}\u{F6}]", "\u{F6}", true), (#"a\tb"#, "a\tb", true),
        (#"def \w+\(self"#, "    def run_it(self, x):", true), ("()", "", true),
        (#"\w+"#, "\u{E9}", true), ("a||b", "", true), (#"\."#, "a", false),
        (#"[\]\\]"#, "\\", true), ("x{0}y", "y", true), ("[^a]", "\u{E9}", true),
    ])
    func patternsMatchAsInOtherPrograms(pattern: String, line: String, isMatch: Bool) throws {
        #expect(try matches(pattern, line) == isMatch)
    }

    @Test func caseIsIgnoredWhenAsked() throws {
        #expect(try matches("straSSe", "STRASSE", ignoresCase: true))
        #expect(try matches("[a-f]+X", "DEADx", ignoresCase: true))
        #expect(try matches("\u{C4}rger", "\u{E4}RGER", ignoresCase: true))
        #expect(try !matches("a", "A"))
    }

    @Test(arguments: [
        "(", ")", "a)", "[a", "*a", "+", "(?=a)", "(?<!a)", #"\1"#, #"(a)\1"#, "a\\", "a++",
        "[b-a]", "a{2,1}", "a{2000}", "((a{100}){100}){100}", "(?#x)", #"\p{L}"#, #"\xZZ"#, "(?P<n",
        "[[:nope:]]", "(?", "[\u{E4}-\u{F6}]", "[^\u{E4}]",
    ])
    func whatIsNotSupportedIsRefusedInWords(pattern: String) {
        #expect(throws: PatternError.self) { try matches(pattern, "a") }
    }

    @Test func deepAndLongPatternsAreRefused() {
        let deep = String(repeating: "(", count: 400) + "a" + String(repeating: ")", count: 400)
        #expect(throws: PatternError.self) { try matches(deep, "a") }
        let long = String(repeating: "a", count: 2_000)
        #expect(throws: PatternError.self) { try matches(long, "a") }
        let braces = String(repeating: "{a,", count: 300)
        #expect(throws: PatternError.self) { try Glob(braces) }
    }

    @Test func noPatternTakesLong() throws {
        let line = Array(String(repeating: "a", count: 5_000).utf8)
        let begun = SystemTime.shared.now()
        for pattern in [
            "(a*)*b", "(a+)+$b", "(a|a)*b", "(a|aa)+$c", "(.*)(.*)(.*)(.*)(.*)[xyz]",
            "(x+x+)+y", "a{0,900}b", "([a-z]+)*[0-9]", "(a?){500}b",
        ] {
            var matcher = try LineMatcher(regularExpression: pattern, ignoresCase: true)
            let isFound = matcher.matches(line)
            #expect(!isFound, "\(pattern)")
        }
        #expect(SystemTime.shared.now() - begun < .seconds(120))
    }

    @Test func aPatternMadeToNeedManyStatesIsGivenUp() throws {
        // Each of the last 12 characters may be the one: 4,096 sets of states.
        var matcher = try LineMatcher(
            regularExpression: "(.*a.{100}b|(a|b)*a.{12}c)", ignoresCase: false)
        var random = SeededGenerator(seed: 3)
        var text: [UInt8] = []
        for _ in 0..<400_000 { text.append(random.oneIn(2) ? 0x61 : 0x64) }
        let begun = SystemTime.shared.now()
        _ = matcher.matchingLine(in: text, from: 0)
        #expect(matcher.isExhausted)
        #expect(SystemTime.shared.now() - begun < .seconds(120))
    }

    @Test func linesAreFoundWithTheirEnds() throws {
        let bytes = Array("one\ntwo\r\nthree\n\nlast".utf8)
        func lines(_ pattern: String) throws -> [String] {
            var matcher = try LineMatcher(regularExpression: pattern, ignoresCase: false)
            var found: [String] = []
            var at = 0
            while let line = matcher.matchingLine(in: bytes, from: at) {
                found.append(String(decoding: bytes[line], as: UTF8.self))
                at = line.upperBound
                while at < bytes.count, bytes[at] != 0x0A { at += 1 }
                at += 1
            }
            return found
        }
        #expect(try lines("o$") == ["two"])
        #expect(try lines("^t") == ["two", "three"])
        #expect(try lines("") == ["one", "two", "three", "", "last"])
        #expect(try lines("t$") == ["last"])
    }

    @Test func randomPatternsAgreeWithTheCLibrary() throws {
        var random = SeededGenerator(seed: 21)
        func pattern(_ depth: Int) -> String {
            switch random.number(in: 0...(depth > 3 ? 3 : 8)) {
            case 0, 1: return random.pick(["a", "b", "ab"])
            case 2: return random.pick([".", "[ab]", "[^a]", "[b-d]"])
            case 3: return random.pick(["c", "a"])
            case 4: return "(\(pattern(depth + 1)))" + random.pick(["*", "+", "?", "{2}", "{0,2}"])
            case 5: return "(\(pattern(depth + 1))|\(pattern(depth + 1)))"
            default: return pattern(depth + 1) + pattern(depth + 1)
            }
        }
        for round in 0..<1_500 {
            // Anchors at the ends alone: elsewhere the C library has its own mind.
            let text =
                random.pick(["", "", "^"]) + "(\(pattern(0)))" + random.pick(["", "", "$"])
            var compiled = unsafe regex_t()
            guard unsafe regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0 else { continue }
            defer { unsafe regfree(&compiled) }
            var matcher = try LineMatcher(regularExpression: text, ignoresCase: false)
            for _ in 0..<8 {
                let line = (0..<random.number(in: 0...8)).map { _ in random.pick(["a", "b", "c"]) }
                    .joined()
                let expected = unsafe regexec(&compiled, line, 0, nil, 0) == 0
                let isFound = matcher.matches(Array(line.utf8))
                #expect(isFound == expected, "round \(round): \(text) \(line)")
            }
        }
    }

    @Test func noTextTrapsTheParser() {
        var random = SeededGenerator(seed: 22)
        let pieces = [
            "(", ")", "[", "]", "{", "}", "*", "+", "?", "|", "\\", "^", "$", "a", "-", ",", "1",
            "(?", ":", "[:", ":]", "x", "u", "\u{E4}", "\u{0}", "<", ">", "!", "/", "**", ".",
        ]
        for _ in 0..<20_000 {
            let text = (0..<random.number(in: 0...12)).map { _ in random.pick(pieces) }.joined()
            _ = try? matches(text, "abc")
            var glob = try? Glob(text)
            _ = glob?.matches(path: Array("a/b".utf8), name: Array("b".utf8)[...])
        }
    }

    @Test(arguments: [
        ("*.py", "a/b/c.py", true), ("*.py", "a/b/c.pyc", false), ("src/*.py", "src/a.py", true),
        ("src/*.py", "src/b/a.py", false), ("src/**/*.py", "src/a.py", true),
        ("src/**/*.py", "src/b/c/a.py", true), ("**/a.py", "a.py", true), ("**", "a/b", true),
        ("src/**", "src/a/b", true), ("**/test_*.py", "x/tests/test_a.py", true),
        ("*.{js,ts}", "a/b.ts", true), ("*.{js,ts}", "b.tsx", false), ("[!a]*.c", "b.c", true),
        ("[!a]*.c", "a.c", false), ("./src/a", "src/a", true), ("a?c", "a\u{E9}c", true),
        ("?", "ab", false), ("{a", "{a", true), ("[a", "[a", true), (#"\*"#, "*", true),
        ("a.b", "axb", false), ("**/x/**/y", "a/x/b/c/y", true), ("*", ".hidden", true),
    ])
    func globsMatchAsInOtherPrograms(text: String, path: String, isMatch: Bool) throws {
        var glob = try Glob(text)
        let bytes = Array(path.utf8)
        let name = bytes[((bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1)...]
        #expect(glob.matches(path: bytes, name: name) == isMatch)
    }
}
