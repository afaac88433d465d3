// Patches and inserts: what they promise, and thousands of random ones beside a simple oracle.

import Gretl
import TestSupport
import Testing

@Suite struct TextEditTests {
    private func patch(
        _ text: String, _ old: String, _ new: String, _ occurrence: Int = 1
    ) -> Result<PatchResult, FileRefusal> {
        Result { () throws(FileRefusal) in
            try TextEdit.patch(
                Array(text.utf8), old: Array(old.utf8), new: Array(new.utf8),
                occurrence: occurrence, shown: "a.py")
        }
    }

    private func words(_ result: Result<PatchResult, FileRefusal>) -> String {
        switch result {
        case .success(let patch): String(decoding: patch.bytes, as: UTF8.self)
        case .failure(let refusal): refusal.message
        }
    }

    @Test func oneNthAndAllPlaces() {
        #expect(words(patch("a b c", "b", "x")) == "a x c")
        #expect(words(patch("b b b", "b", "x", 2)) == "b x b")
        #expect(words(patch("b b b", "b", "x", 0)) == "x x x")
        #expect(words(patch("aaa", "aa", "b", 0)) == "ba")
        #expect(
            words(patch("b\nb\n\nb", "b", "x"))
                == "\"old\" occurs 3 times in a.py, at lines 1, 2, 4. Give more of the text "
                + "around it so that it occurs once, or occurrence 0 for all.")
        #expect(words(patch("b b", "b", "x", 3)).contains("occurs only 2 times in a.py, not 3"))
        #expect(words(patch("b", "b", "b")).contains("the same"))
    }

    @Test func theNearestLineIsShownWhenTextIsNotFound() {
        let file = "def f(x):\n    return x + 1\n\ndef g(y):\n    return y - 1\n"
        #expect(words(patch(file, "return  y - 1", "z")).contains("line 5:\n    return y - 1\n"))
        #expect(words(patch(file, "\treturn y - 1", "z")).contains("line 5, but for white space"))
        #expect(
            words(patch(file, "def g(y):\n    return y - 2", "z"))
                .contains("its first line is there at line 4, the lines after it differ"))
        #expect(words(patch(file, "nothing like that at all", "z")).contains("anything like it"))
        #expect(words(patch("", "a", "b")).contains("the file is empty"))
    }

    @Test func lineEndsOfTheFileAreKept() {
        let result = patch("a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\n")
        #expect(words(result) == "x\r\ny\r\nc\r\n")
        #expect((try? result.get())?.keptReturns == true)
        #expect(words(patch("a\r\nb", "b", "x")) == "a\r\nx")
    }

    @Test func bytesThatAreNoTextStay() throws {
        let bytes: [UInt8] = [0xFF, 0x0A, 0x61, 0x0A, 0xC3]
        let result = try TextEdit.patch(
            bytes, old: [0x61], new: [0x62], occurrence: 1, shown: "a")
        #expect(result.bytes == [0xFF, 0x0A, 0x62, 0x0A, 0xC3] && result.lines == [2])
    }

    @Test func insertsAreWholeLines() throws {
        func insert(_ text: String, _ line: Int, _ content: String) throws -> String {
            let result = try TextEdit.insert(
                Array(text.utf8), content: Array(content.utf8), before: line, shown: "a")
            return "\(String(decoding: result.bytes, as: UTF8.self))|\(result.line)|\(result.count)"
        }
        #expect(try insert("a\nb\n", 2, "x") == "a\nx\nb\n|2|1")
        #expect(try insert("a\nb\n", 0, "x\n") == "x\na\nb\n|1|1")
        #expect(try insert("a\nb\n", 1, "x\ny") == "x\ny\na\nb\n|1|2")
        #expect(try insert("a\nb\n", 99, "x") == "a\nb\nx\n|3|1")
        #expect(try insert("a\nb", 99, "x") == "a\nb\nx|3|1")
        #expect(try insert("a\nb", 3, "x\n") == "a\nb\nx\n|3|1")
        #expect(try insert("", 5, "x") == "x\n|1|1")
        #expect(try insert("a\r\nb\r\n", 2, "x") == "a\r\nx\r\nb\r\n|2|1")
        #expect(throws: FileRefusal.self) { try insert("a", -1, "x") }
        #expect(throws: FileRefusal.self) { try insert("a", 1, "") }
    }

    @Test func randomPatchesAgreeWithASimpleOracle() {
        var random = SeededGenerator(seed: 11)
        for round in 0..<4_000 {
            let text = (0..<random.number(in: 0...30)).map { _ in random.pick(["a", "b", "\n"]) }
                .joined()
            let old = (0..<random.number(in: 1...3)).map { _ in random.pick(["a", "b", "\n"]) }
                .joined()
            let new = (0..<random.number(in: 0...3)).map { _ in random.pick(["a", "c", "\n"]) }
                .joined()
            let occurrence = random.number(in: 0...4)
            // The oracle: the pieces between the places.
            let pieces = Self.split(text, old)
            let count = pieces.count - 1
            var expected: String?
            if old != new, count > 0, occurrence <= count, occurrence != 1 || count == 1 {
                var built = pieces[0]
                for index in 1..<pieces.count {
                    built += (occurrence == 0 || occurrence == index ? new : old) + pieces[index]
                }
                expected = built
            }
            let result = patch(text, old, new, occurrence)
            let got = (try? result.get()).map { String(decoding: $0.bytes, as: UTF8.self) }
            #expect(got == expected, "round \(round): \([text, old, new]) \(occurrence)")
        }
    }

    private static func split(_ text: String, _ separator: String) -> [String] {
        var pieces: [String] = []
        var piece = ""
        var rest = Substring(text)
        while !rest.isEmpty {
            if rest.hasPrefix(separator) {
                pieces.append(piece)
                piece = ""
                rest = rest.dropFirst(separator.count)
            } else {
                piece.append(rest.removeFirst())
            }
        }
        return pieces + [piece]
    }

    @Test func randomInsertsAgreeWithASimpleOracle() throws {
        var random = SeededGenerator(seed: 12)
        for round in 0..<4_000 {
            let text = (0..<random.number(in: 0...12)).map { _ in random.pick(["a", "\n", "b"]) }
                .joined()
            let content = (0..<random.number(in: 1...4)).map { _ in random.pick(["x", "\n", "y"]) }
                .joined()
            let line = random.number(in: 0...10)
            let result = try TextEdit.insert(
                Array(text.utf8), content: Array(content.utf8), before: line, shown: "a")
            // The oracle: lines with their ends.
            var lines: [String] = []
            for piece in text.split(separator: "\n", omittingEmptySubsequences: false) {
                lines.append("\(piece)\n")
            }
            lines[lines.count - 1].removeLast()
            if lines.last == "" { lines.removeLast() }
            let place = min(max(0, line - 1), lines.count)
            let isOpen = place == lines.count && !text.isEmpty && !text.hasSuffix("\n")
            if isOpen { lines[place - 1] += "\n" }
            lines.insert(content.hasSuffix("\n") || isOpen ? content : content + "\n", at: place)
            let got = String(decoding: result.bytes, as: UTF8.self)
            #expect(got == lines.joined(), "round \(round): \([text, content]) \(line)")
            #expect(result.line == place + 1)
        }
    }
}
