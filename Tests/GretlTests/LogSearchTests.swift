// Searches over real files: the newest lines over rotated files, by time, by text, over several
// logs, and within their bounds.

import Glibc
@testable import Gretl
import NetCore
import TestSupport
import Testing

/// Log files of a test.
struct LogFixture {
    let folder = TemporaryFolder()

    func path(_ name: String = "a") -> String { folder.file("\(name).log") }

    /// Writes the file that was rotated `number` times, and its index: (offset, milliseconds).
    func write(
        _ text: String, to name: String = "a", number: Int = 0, times: [(Int, Int64)]? = nil,
        modified: Int64? = nil
    ) {
        write(Array(text.utf8), to: name, number: number, times: times, modified: modified)
    }

    func write(
        _ bytes: [UInt8], to name: String = "a", number: Int = 0, times: [(Int, Int64)]? = nil,
        modified: Int64? = nil
    ) {
        let path = LogFiles(path(name)).path(number)
        LogFixture.put(bytes, path)
        if let times {
            var records: [UInt8] = []
            for (offset, time) in times {
                for value in [UInt64(bitPattern: Int64(offset)), UInt64(bitPattern: time)] {
                    for shift in stride(from: 0, to: 64, by: 8) {
                        records.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
                    }
                }
            }
            LogFixture.put(records, LogFiles(self.path(name)).timesPath(number))
        }
        if let modified {
            let seconds = timespec(
                tv_sec: Int(modified / 1_000), tv_nsec: Int(modified % 1_000) * 1_000_000)
            // Two entries, as the call wants.
            let pair = [seconds, seconds]
            _ = unsafe utimensat(AT_FDCWD, path, pair, 0)
        }
    }

    static func put(_ bytes: [UInt8], _ path: String, flags: Int32 = O_TRUNC) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o600)
        precondition(file >= 0)
        var written = 0
        while written < bytes.count {
            // The rest of the array, and its true size.
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress, $0.count)
            }
            precondition(count > 0)
            written += count
        }
        _ = close(file)
    }

    /// The answer to a query, as it leaves.
    func answer(
        _ values: [String: String] = [:], names: [String] = ["a"], now: Int64 = 1_000_000
    ) throws -> String {
        let query = try LogQuery(now: now) { values[$0] }
        let sources = names.map { LogSource(name: $0, files: LogFiles(path($0))) }
        let search = LogSearch(sources, query, isSingle: names.count == 1)
        for _ in 0..<10_000 {
            if search.step() { return String(decoding: search.body(), as: UTF8.self) }
        }
        Issue.record("the search does not end")
        return ""
    }

    /// The lines of the answer in text form.
    func lines(
        _ values: [String: String] = [:], names: [String] = ["a"], now: Int64 = 1_000_000
    ) throws -> [String] {
        let text = try answer(
            values.merging(["format": "text"]) { old, _ in old }, names: names, now: now)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map(String.init)
    }
}

@Suite struct LogSearchTests {
    let logs = LogFixture()

    @Test func withoutALogThereAreNoLines() throws {
        #expect(
            try logs.answer()
                == #"{"name":"a","lines":[],"before":null,"after":null,"truncated":false}"#)
    }

    @Test func theNewestLinesAreFoundOverAllFiles() throws {
        for number in 0...4 {
            logs.write((0..<3).map { "\(number)-\($0)\n" }.joined(), number: number)
        }
        #expect(try logs.lines(["lines": "2"]) == ["0-1", "0-2"])
        #expect(try logs.lines(["lines": "5"]) == ["1-1", "1-2", "0-0", "0-1", "0-2"])
        #expect(try logs.lines(["lines": "100"]).count == 15)
        #expect(try logs.lines(["lines": "100"]).first == "4-0")
        #expect(try logs.lines(["lines": "0"]).isEmpty)
    }

    @Test func aFileThatIsJustBeingRenamedIsNoEnd() throws {
        logs.write("old\n", number: 2)
        logs.write("new\n")
        #expect(try logs.lines() == ["old", "new"])
    }

    @Test func everyLengthAroundEveryWindowGivesEveryLineOnce() throws {
        for length in [1, 2, 7, 8_191, 16_383, 16_384, 65_534, 65_535] {
            let count = 400_000 / (length + 1) + 3
            let expected = (0..<count).map { index in
                String(("\(index)" + String(repeating: "x", count: length)).prefix(length))
            }
            logs.write(expected.map { $0 + "\n" }.joined())
            let most = min(count, 3_000)
            let lines = try logs.lines(["lines": "\(most)"])
            #expect(lines == expected.suffix(most), "length \(length)")
        }
    }

    @Test func pagesBackwardsGiveEveryLineOnce() throws {
        var expected: [String] = []
        for number in (0...4).reversed() {
            let lines = (0..<700).map { "\(number).\($0)" + String(repeating: "y", count: $0 % 90) }
            logs.write(lines.map { $0 + "\n" }.joined(), number: number)
            expected += lines
        }
        var found: [String] = []
        var before: String?
        for _ in 0..<100 {
            var values = ["lines": "97"]
            values["before"] = before
            found = try logs.lines(values) + found
            let json = try logs.answer(values)
            guard let cut = json.range(of: #""before":""#) else { break }
            before = String(json[cut.upperBound...].prefix { $0 != "\"" })
        }
        #expect(found == expected)
    }

    @Test func aLongLineComesInMarkedPieces() throws {
        logs.write(String(repeating: "z", count: 1_000_000) + "\nend\n")
        let json = try logs.answer(["lines": "20"])
        #expect(json.components(of: #""partial":true"#) == 15)
        #expect(
            try logs.lines(["lines": "20"]).joined()
                == String(repeating: "z", count: 1_000_000) + "end")
    }

    @Test func anUnfinishedLineIsMarked() throws {
        logs.write("a\nPassword: ")
        #expect(try logs.answer().contains(#"{"time":null,"text":"Password: ","partial":true}"#))
    }

    @Test func timesComeFromTheIndex() throws {
        logs.write("a\nbb\nccc\nd\n", times: [(2, 5_000), (5, 7_500)])
        let json = try logs.answer()
        #expect(json.contains(#""time":null,"text":"a""#))
        #expect(json.components(of: ".000") == 1)
        #expect(json.components(of: ".500") == 2)
    }

    @Test func sinceAndUntilKeepWhatWasWrittenBetween() throws {
        logs.write(
            "a\nb\nc\nd\n", number: 1, times: [(0, 1_000), (2, 2_000), (4, 3_000), (6, 4_000)])
        logs.write("e\nf\n", times: [(0, 5_000), (2, 6_000)])
        #expect(try logs.lines(["since": "3000"]) == ["c", "d", "e", "f"])
        #expect(try logs.lines(["since": "3001"]) == ["d", "e", "f"])
        #expect(try logs.lines(["until": "3000"]) == ["a", "b", "c"])
        #expect(try logs.lines(["since": "2000", "until": "5999"]) == ["b", "c", "d", "e"])
        #expect(try logs.lines(["since": "7000"]).isEmpty)
        #expect(try logs.lines(["until": "999"]).isEmpty)
        #expect(try logs.lines(["since": "3s"], now: 6_000) == ["c", "d", "e", "f"])
        #expect(try logs.lines(["since": "1970-01-01T00:00:04Z"]) == ["d", "e", "f"])
        #expect(try logs.lines(["since": "1970-01-01T01:00:05.5+01:00"]) == ["f"])
    }

    @Test func untilFindsOldLinesUnderManyNewOnes() throws {
        let old = (0..<1_000).map { "old \($0)\n" }.joined()
        let new = (0..<30_000).map { "new \($0)\n" }.joined()
        logs.write(old + new, times: [(0, 1_000), (old.utf8.count, 9_000)])
        #expect(try logs.lines(["until": "1000", "lines": "2"]) == ["old 998", "old 999"])
    }

    @Test func withoutAnIndexTheTimeOfTheFileDecides() throws {
        logs.write("old\n", number: 1, modified: 2_000)
        logs.write("new\n", modified: 8_000)
        #expect(try logs.lines(["since": "5000"]) == ["new"])
        #expect(try logs.lines(["since": "1000"]) == ["old", "new"])
        #expect(try logs.lines(["since": "9000"]).isEmpty)
    }

    @Test func aBrokenIndexDoesNoHarm() throws {
        var generator = SeededGenerator(seed: 5)
        let text = (0..<5_000).map { "line \($0)\n" }.joined()
        for _ in 0..<50 {
            let records = (0..<generator.number(in: 1...600)).map { _ in
                (
                    Int.random(in: .min...(.max), using: &generator),
                    Int64.random(in: .min...(.max), using: &generator)
                )
            }
            logs.write(text, times: records)
            #expect(try logs.lines(["lines": "10"]).count == 10)
            _ = try logs.lines(["since": "1000", "until": "90000"])
        }
        LogFixture.put([1, 2, 3], LogFiles(logs.path()).timesPath(0))
        #expect(try logs.lines(["lines": "10"]).count == 10)
    }

    @Test func grepFindsWhatIsShown() throws {
        logs.write(
            "GET /a\n\u{1B}[32mGET\u{1B}[0m /b\nget /c\nsecret\rGET /d\nGE\u{0}T /e\nÄpfel\n")
        #expect(try logs.lines(["grep": "GET /"]).count == 3)
        #expect(try logs.lines(["grep": "get /", "ignoreCase": "1"]).count == 4)
        #expect(try logs.lines(["grep": "secret"]).isEmpty)
        #expect(try logs.lines(["grep": "\\x00"]).count == 1)
        #expect(try logs.lines(["grep": "Äpf"]) == ["Äpfel"])
        #expect(try logs.lines(["grep": ".*"]).isEmpty)
        #expect(try logs.lines(["grep": ""]).count == 6)
    }

    @Test func grepFindsTheFirstOfManyLines() throws {
        logs.write("needle\n" + (0..<200_000).map { "hay \($0)\n" }.joined())
        #expect(try logs.lines(["grep": "needle"]) == ["needle"])
    }

    @Test func logsAreMergedByTime() throws {
        logs.write("a1\na2\na3\n", times: [(0, 1_000), (3, 4_000), (6, 6_000)])
        logs.write("b1\nb2\n", to: "b", times: [(0, 2_000), (3, 5_000)])
        logs.write("c1\n", to: "c", modified: 3_000)
        let names = ["a", "b", "c", "none"]
        #expect(
            try logs.lines(names: names)
                == ["a | a1", "b | b1", "c | c1", "a | a2", "b | b2", "a | a3"])
        #expect(try logs.lines(["lines": "2"], names: names) == ["b | b2", "a | a3"])
        #expect(try logs.lines(["grep": "1"], names: names).count == 3)
        #expect(try logs.answer(names: names).contains(#"{"name":"c","time":null,"text":"c1"}"#))
    }

    @Test func manyLogsAreMergedInOrder() throws {
        var expected: [(Int64, String)] = []
        var generator = SeededGenerator(seed: 3)
        let names = (0..<40).map { "s\($0)" }
        var time: Int64 = 1_000
        var texts = [String](repeating: "", count: names.count)
        var times = [[(Int, Int64)]](repeating: [], count: names.count)
        for _ in 0..<3_000 {
            let index = generator.number(in: 0...names.count - 1)
            time += Int64(generator.number(in: 1...50))
            let line = "line \(expected.count)"
            times[index].append((texts[index].utf8.count, time))
            texts[index] += line + "\n"
            expected.append((time, "\(names[index]) | \(line)"))
        }
        for (index, name) in names.enumerated() {
            logs.write(texts[index], to: name, times: times[index])
        }
        #expect(
            try logs.lines(["lines": "2500"], names: names) == expected.suffix(2_500).map(\.1))
    }

    @Test func anAnswerIsBoundedAndSaysSo() throws {
        let line = String(repeating: "w", count: 5_000) + "\n"
        logs.write(String(repeating: line, count: 1_000))
        let json = try logs.answer(["lines": "1000"])
        #expect(json.utf8.count < 2 * LogLimits.answerTextBytes)
        #expect(json.hasSuffix(#""truncated":true}"#))
        #expect(json.contains(#""before":""#))
    }

    @Test func nothingButRegularFilesIsRead() throws {
        logs.write("secret\n", to: "other")
        _ = unsafe symlink(logs.path("other"), logs.path())
        #expect(try logs.lines().isEmpty)
        _ = unsafe unlink(logs.path())
        #expect(unsafe mkfifo(logs.path(), 0o600) == 0)
        #expect(try logs.lines().isEmpty)
        _ = unsafe unlink(logs.path())
        #expect(unsafe mkdir(logs.path(), 0o700) == 0)
        #expect(try logs.lines().isEmpty)
    }

    @Test(arguments: [
        ("lines", "10001"), ("lines", "-1"), ("lines", "x"), ("lines", ""), ("since", "x"),
        ("since", "10 m"), ("until", "2026-13-01T00:00:00Z"), ("until", "1w"),
        ("color", "2"), ("ignoreCase", "yes"), ("format", "xml"), ("before", "x"),
        ("before", "1-2-3-4"), ("before", "+1-2-3"), ("before", "1-2-zzzzzzzzzzzzz"),
        ("since", "99999999999999999999d"),
    ])
    func whatCannotBeReadIsRefused(name: String, text: String) {
        #expect(throws: APIError.self) { try logs.lines([name: text]) }
    }

    @Test func aPlaceComesBackFromItsText() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<1_000 {
            let position = LogPosition(
                file: .init(inode: generator.next(), born: Int64(bitPattern: generator.next())),
                offset: generator.number(in: 0...Int.max))
            #expect(LogPosition(position.text) == position)
        }
    }

    @Test func theTailIsShortAndPlain() {
        logs.write("old\n", number: 1)
        logs.write("\u{1B}[31ma\u{1B}[0m\n" + String(repeating: "b", count: 900) + "\nc\n")
        let tail = LogTail.read(LogFiles(logs.path()), count: 4, widthMost: 500)
        #expect(tail.count == 4)
        #expect(tail[0] == "old" && tail[1] == "a" && tail[3] == "c")
        #expect(tail[2].count == 501)
    }

    @Test func theTailBeginsWhereTheOutputOfAProgramDoes() throws {
        logs.write("before\nlast", number: 1)
        let start = OutputStart(
            inode: try #require(LogFiles(logs.path()).oldest()).inode, offset: 11)
        func tail() -> [String] {
            LogTail.read(LogFiles(logs.path()), from: start, count: 9, widthMost: 500)
        }
        #expect(tail().isEmpty)
        logs.write("before\nlast of it\nsecond\n", number: 1)
        #expect(tail() == [" of it", "second"])
        // It was rotated since, and the file behind that one is of others.
        logs.write("third\n")
        #expect(tail() == [" of it", "second", "third"])
        // Somebody cut it short: nothing is known any more.
        logs.write("new\n", number: 1)
        #expect(tail() == ["new", "third"])
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(of part: String) -> Int {
        ranges(of: part).count
    }

    fileprivate func range(of part: String) -> Range<String.Index>? { firstRange(of: part) }
}
