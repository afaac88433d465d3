// env_file: what is read of it, and that complaints keep the values to themselves.

import Testing

@testable import Gretl

struct EnvironmentTextTests {
    private func read(_ text: String) -> EnvironmentText { EnvironmentText(Array(text.utf8)) }

    @Test(arguments: [
        ("A=1", "1"), ("A=", ""), ("A = 1", "1"), ("export A=1", "1"), ("  A=1  ", "1"),
        ("A=1 # words", "1"), ("A=1#2", "1#2"), ("A=#1", "#1"), ("A= #1", ""), ("A=a b", "a b"),
        ("A=\"a # b\"", "a # b"), ("A='a \\n $B'", "a \\n $B"), ("A=\"a\\n\\\"b\\\\\"", "a\n\"b\\"),
        ("A=\"a\nb\" # words", "a\nb"), ("A='a\nb'", "a\nb"), ("A=$B\\n", "$B\\n"),
        ("A=1\r\nB=2\r\n", "1"), ("A=0\nA=1", "1"), ("\u{FEFF}A=1", "1"), ("# A=0\n\nA=1", "1"),
        ("A=x=y", "x=y"), ("A=\"\\q\"", "\\q"), ("A=\"\"", ""), ("A=ü", "ü"),
    ])
    func `a value is read as it is meant`(text: String, value: String) {
        let read = read(text)
        #expect(read.problems.isEmpty, "\(read.problems)")
        #expect(read.variables["A"] == value)
    }

    @Test func `a variable is found by its line, the last one of two`() {
        let text = read("# words\nA='a\nb'\n\nexport PORT=1\nA=2\n")
        #expect(text.lines == ["A": 6, "PORT": 5])
        #expect(read("A='a\nb'\n").lines == ["A": 1])
    }

    @Test(arguments: [
        ("A=1\nSECRET s3cret", 2, "no '='"), ("\n=s3cret", 2, "name before '='"),
        ("a b=s3cret", 1, "name before '='"), ("A=\"s3cret", 1, "no closing quote"),
        ("A='s3cret\nB=2", 2, "no closing quote"), ("A=\"x\" s3cret", 1, "behind the closing"),
        ("A=\u{0}s3cret", 1, "zero byte"), ("\u{1B}[2J=s3cret", 1, "name before '='"),
    ])
    func `a mistake is named by line, and no value with it`(
        text: String, line: Int, words: String
    ) throws {
        let problem = try #require(read(text).problems.first)
        #expect(problem.line == line && problem.message.contains(words), "\(problem)")
        #expect(!problem.message.contains("s3cret"))
    }

    @Test func `bytes that are no text are a mistake, and many mistakes are told in few words`() {
        #expect(EnvironmentText([0x41, 0x3D, 0xFF]).problems.count == 1)
        let many = read(String(repeating: "x\n", count: 10_000))
        #expect(many.problems.count == 20)
        for byte in UInt8.min...UInt8.max { _ = EnvironmentText([byte, 0x3D, byte, byte, 0x22]) }
    }
}
