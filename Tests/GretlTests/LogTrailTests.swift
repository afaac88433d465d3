// Following a log over real files: nothing lost, nothing twice, and what is missing is said.

import Glibc
import NetCore
import Synchronization
import TestSupport
import Testing

@testable import Gretl

extension LogWriter {
    var files: LogFiles { LogFiles(path) }
}

/// How far the writer and the reader of a log are.
private final class ReadingProgress: Sendable {
    let read = Atomic(0)
    let rotations = Atomic(0)
    let isWritten = Atomic(false)
}

@Suite struct LogTrailTests {
    let folder = TemporaryFolder()
    var path: String { folder.file("a.log") }

    private func text(_ look: LogTrail.Look) -> [String] {
        look.lines.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// Looks until the end; the lines and gaps found.
    private func drain(
        _ trail: inout LogTrail, unfinished: Bool = false
    ) -> (lines: [String], gaps: [LogGap]) {
        var lines: [String] = []
        var gaps: [LogGap] = []
        for _ in 0..<10_000 {
            let look = trail.look(takesUnfinished: unfinished)
            lines += text(look)
            if let gap = look.gap { gaps.append(gap) }
            if look.isAtEnd { return (lines, gaps) }
        }
        Issue.record("no end is reached")
        return (lines, gaps)
    }

    @Test func whatIsNotThereYetIsFollowedFromItsBeginning() {
        var trail = LogTrail(LogFiles(path), from: nil, needle: nil)
        #expect(trail.look(takesUnfinished: false).isAtEnd)
        let writer = LogWriter(path)
        #expect(drain(&trail).lines.isEmpty)
        writer.write("a\nb\n")
        #expect(drain(&trail).lines == ["a", "b"])
        #expect(drain(&trail).lines.isEmpty)
    }

    @Test func anUnfinishedLineWaitsForItsEndOrIsTakenOnRequest() {
        let writer = LogWriter(path)
        var trail = LogTrail(writer.files, from: nil, needle: nil)
        writer.write("begun")
        _ = drain(&trail)
        let waiting = trail.look(takesUnfinished: false)
        #expect(waiting.isAtEnd && waiting.hasUnfinished && waiting.lines.isEmpty)
        let taken = trail.look(takesUnfinished: true)
        #expect(text(taken) == ["begun"] && taken.lines.first?.isEnded == false)
        #expect(!taken.hasUnfinished)
        writer.write(" and ended\nnext\n")
        #expect(drain(&trail).lines == [" and ended", "next"])
    }

    @Test func aCharacterThatIsNotCompleteIsNotTaken() {
        let writer = LogWriter(path)
        var trail = LogTrail(writer.files, from: nil, needle: nil)
        let duck = Array("x🦆".utf8)
        for count in 1...4 {
            writer.write(Array(duck[(count - 1)..<count]))
            #expect(drain(&trail, unfinished: true).lines == (count == 1 ? ["x"] : []))
        }
        writer.write(Array(duck[4...]))
        #expect(drain(&trail, unfinished: true).lines == ["🦆"])
        writer.write([0xF0, 0x9F])
        #expect(drain(&trail, unfinished: true).lines.isEmpty)
        writer.write("\n")
        #expect(drain(&trail).lines.count == 1)
    }

    @Test func anyOrderOfWritesRotationsAndLooksGivesEveryLineOnce() {
        for seed in 1...60 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let path = folder.file("\(seed).log")
            let writer = LogWriter(path)
            var trail = LogTrail(writer.files, from: nil, needle: nil)
            var expected = ""
            var found = ""
            var behind = 0
            for step in 0..<120 {
                switch generator.number(in: 0...5) {
                case 0, 1:
                    let lines = (0..<generator.number(in: 1...30)).map { "\(seed).\(step).\($0)\n" }
                    writer.write(lines.joined())
                    expected += lines.joined()
                case 2 where generator.oneIn(3):
                    let long = String(
                        repeating: "y", count: generator.number(in: 1...200_000))
                    writer.write(long + "\n")
                    expected += long + "\n"
                // More rotations than files would lose some: that is a gap, tested below.
                case 3 where behind < LogLimits.rotatedFiles - 1:
                    writer.rotate()
                    behind += 1
                default:
                    for _ in 0..<generator.number(in: 1...6) {
                        let look = trail.look(takesUnfinished: false)
                        #expect(look.gap == nil, "seed \(seed)")
                        found += joined(look)
                        if look.isAtEnd { behind = 0 }
                    }
                }
            }
            for _ in 0..<100 {
                let look = trail.look(takesUnfinished: false)
                found += joined(look)
                if look.isAtEnd { break }
            }
            #expect(found == expected, "seed \(seed)")
        }
    }

    private func joined(_ look: LogTrail.Look) -> String {
        look.lines.map {
            String(decoding: $0.bytes, as: UTF8.self) + ($0.isEnded ? "\n" : "")
        }.joined()
    }

    @Test func aPlaceIsGoodInANewReaderAfterRotations() {
        let writer = LogWriter(path)
        writer.write("a\nb\nc\n")
        var first = LogTrail(writer.files, from: nil, needle: nil)
        _ = drain(&first)
        let look = { () -> LogTrail.Look in
            var trail = LogTrail(writer.files, from: nil, needle: nil)
            _ = trail.look(takesUnfinished: false)
            return trail.look(takesUnfinished: false)
        }()
        let behindB = look.lines[1].end
        writer.rotate()
        writer.write("d\n")
        writer.rotate()
        writer.write("e\n")
        var resumed = LogTrail(
            writer.files, from: LogPosition(behindB.text), needle: nil)
        #expect(drain(&resumed).lines == ["c", "d", "e"])
    }

    @Test func whatWasRotatedAwayIsAGapWithItsBytes() {
        let writer = LogWriter(path)
        writer.write("old\nlost\n")
        var trail = LogTrail(writer.files, from: nil, needle: nil)
        _ = drain(&trail)
        writer.write("more\n")
        for number in 0...5 {
            if number == 1 { _ = trail.look(takesUnfinished: false) }
            writer.rotate()
            writer.write("\(number)\n")
        }
        let rest = drain(&trail)
        #expect(rest.gaps.map(\.reason) == [.rotated])
        #expect(rest.lines == ["1", "2", "3", "4", "5"] || rest.lines.first == "0")
        #expect((rest.gaps.first?.bytes ?? -1) >= 0)
    }

    @Test func aFileThatBecameShorterIsAGap() {
        let writer = LogWriter(path)
        writer.write("a\nb\n")
        var trail = LogTrail(writer.files, from: nil, needle: nil)
        _ = drain(&trail)
        _ = unsafe truncate(path, 0)
        writer.write("c\n")
        let rest = drain(&trail)
        #expect(rest.gaps.map(\.reason) == [.shortened])
        writer.write("d\n")
        #expect(drain(&trail).lines == ["d"])
    }

    @Test func aFileOfTheSameNumberIsNotTakenForTheOldOne() {
        let writer = LogWriter(path)
        writer.write("a\n")
        var trail = LogTrail(writer.files, from: nil, needle: nil)
        _ = drain(&trail)
        // Removed and made anew: most file systems give the inode again.
        _ = unsafe unlink(path)
        let second = LogWriter(path)
        second.write("b\nc\n")
        let rest = drain(&trail)
        #expect(rest.gaps.map(\.reason) == [.rotated])
        #expect(rest.lines == ["b", "c"])
    }

    @Test func grepFollowsToo() {
        let writer = LogWriter(path)
        var trail = LogTrail(
            writer.files, from: nil, needle: LogNeedle("ERROR", ignoresCase: false))
        writer.write("info\nERROR one\ninfo\n\u{1B}[31mERR\u{1B}[0mOR two\n")
        #expect(drain(&trail).lines.count == 2)
    }

    @Test func aFastWriterOverTwentyRotationsLosesNothing() throws {
        let writer = LogWriter(path)
        let count = 60_000
        // The writer waits only when the reader would be rotated past.
        let progress = ReadingProgress()
        // A thread, not a task: both ends wait for each other, and threads that run tests are few.
        let thread = try BackgroundThread(name: "gr-test")
        defer { thread.stop() }
        try thread.submit {
            for index in 0..<count {
                writer.write("line \(index)\n")
                guard index % (count / 21) == count / 21 - 1 else { continue }
                let deadline = 2_000
                for _ in 0..<deadline
                where index - progress.read.load(ordering: .acquiring) > 2 * count / 21 {
                    usleep(5_000)
                }
                writer.rotate()
                progress.rotations.add(1, ordering: .relaxed)
            }
            progress.isWritten.store(true, ordering: .releasing)
        }
        var trail = LogTrail(writer.files, from: nil, needle: nil)
        var next = 0
        while true {
            let wasDone = progress.isWritten.load(ordering: .acquiring)
            let look = trail.look(takesUnfinished: false)
            try #require(look.gap == nil)
            for line in look.lines {
                try #require(
                    String(decoding: line.bytes, as: UTF8.self) == "line \(next)")
                next += 1
            }
            progress.read.store(next, ordering: .releasing)
            if look.isAtEnd, wasDone { break }
        }
        #expect(next == count)
        #expect(progress.rotations.load(ordering: .relaxed) >= 20)
    }
}
