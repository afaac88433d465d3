// The log never grows past its cap, and what it consists of is every byte once, in order.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct RotationTests {
    /// The files of a log, oldest first.
    private func files(_ monitor: MonitorHarness, most: Int) -> [String] {
        (1..<most).reversed().map { "\(monitor.logPath).\($0)" }.filter(TemporaryFolder.exists)
            + [monitor.logPath]
    }

    private func size(_ path: String) -> Int { TextFile.bytes(path)?.count ?? 0 }

    @Test func aFastWriterLosesAndDoublesNoByteOverAllFiles() throws {
        try withMonitor { monitor in
            // Forty files are more than it needs: nothing is old enough to go.
            monitor.send("O", ["log_bytes=65536", "log_files=40"])
            try monitor.start("exec /usr/bin/seq 1 200000")
            #expect(try monitor.expect("X")[0] == "0")
            let files = files(monitor, most: 40)
            #expect(files.count > 15 && files.count < 40)
            for file in files {
                #expect(size(file) + size(file + ".times") <= 65_536)
                #expect(TextFile.read(file)?.hasSuffix("\n") == true)
                #expect(TemporaryFolder.mode(file) == 0o600)
            }
            let all = files.map { TextFile.read($0) ?? "" }.joined()
            #expect(all == (1...200_000).map { "\($0)\n" }.joined())
        }
    }

    @Test func theOldestFilesGoAndTheNewestLinesStay() throws {
        try withMonitor { monitor in
            monitor.send("O", ["log_bytes=32768", "log_files=3"])
            try monitor.start("exec /usr/bin/seq 1 100000")
            try monitor.expect("X")
            try monitor.expect("E")
            monitor.send("C")
            #expect(monitor.exitCode() == 0)
            let names = TemporaryFolder.names(monitor.folder).sorted()
            #expect(
                names == [
                    "log", "log.1", "log.1.times", "log.2", "log.2.times", "log.times",
                ])
            let total = names.reduce(0) { $0 + size("\(monitor.folder)/\($1)") }
            #expect(total <= 3 * 32_768)
            let text = files(monitor, most: 3).map { TextFile.read($0) ?? "" }.joined()
            let numbers = text.split(separator: "\n").compactMap { Int($0) }
            #expect(numbers == Array((100_001 - numbers.count)...100_000))
        }
    }

    @Test func aProgramStartedAnewGoesOnInTheSameLogAndItsSizeCounts() throws {
        try withMonitor { monitor in
            monitor.send("O", ["log_bytes=8192", "log_files=5"])
            for round in 1...3 {
                try monitor.start("exec /usr/bin/seq \(round)000 \(round)799")
                try monitor.expect("X")
                try monitor.expect("E")
            }
            let files = files(monitor, most: 5)
            #expect(files.count == 2)
            let all = files.map { TextFile.read($0) ?? "" }.joined()
            let expected = (1...3).flatMap { round in
                (round * 1_000...round * 1_000 + 799).map { "\($0)\n" }
            }
            #expect(all == expected.joined())
        }
    }

    @Test func aSmallerCapTakesWhatALargerOneLeft() throws {
        try withMonitor { monitor in
            for number in 1...6 { touch("\(monitor.logPath).\(number)") }
            touch("\(monitor.logPath).6.times")
            monitor.send("O", ["log_bytes=4096", "log_files=3"])
            try monitor.start("exec /usr/bin/seq 1 3000")
            try monitor.expect("X")
            let names = TemporaryFolder.names(monitor.folder).filter { !$0.hasPrefix(monitor.id) }
            #expect(
                names.sorted() == [
                    "log", "log.1", "log.1.times", "log.2", "log.2.times", "log.times",
                ])
        }
    }

    @Test func aLineLongerThanAFileIsNotCut() throws {
        try withMonitor { monitor in
            monitor.send("O", ["log_bytes=4096", "log_files=9"])
            try monitor.start(
                "echo first; head -c 20000 /dev/zero | tr '\\0' x; echo; echo last")
            try monitor.expect("X")
            let files = files(monitor, most: 9)
            let texts = files.map { TextFile.read($0) ?? "" }
            #expect(texts.contains { $0.contains(String(repeating: "x", count: 20_000) + "\n") })
            #expect(texts.joined().utf8.count == 6 + 20_001 + 5)
        }
    }

    @Test func outputWithoutLineEndsDoesNotBreakTheCap() throws {
        try withMonitor { monitor in
            monitor.send("O", ["log_bytes=65536", "log_files=3"])
            try monitor.start("head -c 2000000 /dev/zero | tr '\\0' x")
            try monitor.expect("X")
            let files = files(monitor, most: 3)
            #expect(files.count == 3)
            // One buffer more than the cap, and the buffer that crosses it.
            for file in files { #expect(size(file) <= 65_536 + 2 * 65_536) }
        }
    }

    @Test func aRenameThatFailsLosesNothingAndIsTriedAgain() throws {
        try withMonitor { monitor in
            // A folder in the way of every rename.
            let blocked = monitor.logPath + ".1"
            unsafe mkdir(blocked, 0o700)
            touch(blocked + "/in the way")
            defer { unsafe unlink(blocked + "/in the way") }
            let go = monitor.folder + "/go"
            monitor.send("O", ["log_bytes=8192", "log_files=2"])
            try monitor.start(
                "seq 1 20000; while ! [ -e \(go) ]; do sleep 0.02; done; seq 20001 20010")
            #expect(eventually { monitor.log.hasSuffix("\n20000\n") })
            #expect(monitor.log == (1...20_000).map { "\($0)\n" }.joined())
            unsafe unlink(blocked + "/in the way")
            unsafe rmdir(blocked)
            usleep(1_100_000)
            touch(go)
            try monitor.expect("X")
            #expect(monitor.log == (20_001...20_010).map { "\($0)\n" }.joined())
            #expect(TextFile.read(blocked) == (1...20_000).map { "\($0)\n" }.joined())
        }
    }

    @Test func aFailedRotationDoesNotCostTheOldFiles() throws {
        try withMonitor { monitor in
            // A folder cannot take the place of a file: the chain does not move.
            try Array("old".utf8).makeFile(monitor.logPath + ".2")
            let blocked = monitor.logPath + ".1"
            unsafe mkdir(blocked, 0o700)
            touch(blocked + "/in the way")
            defer {
                unsafe unlink(blocked + "/in the way")
                unsafe rmdir(blocked)
            }
            monitor.send("O", ["log_bytes=4096", "log_files=3"])
            try monitor.start("for i in 1 2 3; do seq 1 2000; sleep 1.1; done")
            try monitor.expect("X")
            #expect(TextFile.read(monitor.logPath + ".2") == "old")
            let round = (1...2_000).map { "\($0)\n" }.joined()
            #expect(monitor.log == round + round + round)
        }
    }

    @Test func theTimeIndexNamesTheOffsetsAndTimesOfWhatWasWritten() throws {
        try withMonitor { monitor in
            let before = milliseconds()
            try monitor.start("echo one; sleep 0.4; echo two; sleep 0.4; echo three")
            try monitor.expect("X")
            let after = milliseconds()
            let index = records(monitor.logPath + ".times")
            #expect(index.map(\.offset) == [0, 4, 8])
            let times = index.map(\.time)
            #expect(times == times.sorted() && times[0] >= before && times[2] <= after)
            #expect(times[1] - times[0] >= 300 && times[2] - times[1] >= 300)
        }
    }

    @Test func aBurstHasFewRecords() throws {
        try withMonitor { monitor in
            try monitor.start("exec /usr/bin/seq 1 300000")
            let took = try seconds { _ = try monitor.expect("X") }
            let index = records(monitor.logPath + ".times")
            #expect(index.first?.offset == 0)
            #expect(index.count <= Int(took * 10) + 2)
        }
    }

    @Test func theTimeIndexGoesWithItsLog() throws {
        try withMonitor { monitor in
            monitor.send("O", ["log_bytes=4096", "log_files=20"])
            try monitor.start("for i in 1 2 3; do seq 1 800; sleep 0.3; done")
            try monitor.expect("X")
            let files = files(monitor, most: 20)
            #expect(files.count > 2)
            var last: Int64 = 0
            for file in files {
                let index = records(file + ".times")
                #expect(index.first?.offset == 0)
                #expect(index.allSatisfy { $0.offset <= UInt64(size(file)) })
                #expect(index.allSatisfy { $0.time >= last })
                last = index.last?.time ?? last
            }
        }
    }

    @Test func aTimeIndexOfAnotherFileOrATornRecordIsNotContinued() throws {
        try withMonitor { monitor in
            try Array("earlier\n".utf8).makeFile(monitor.logPath)
            // One record that fits and half a one.
            var bytes = [UInt8](repeating: 0, count: 16) + [1, 2, 3]
            try bytes.makeFile(monitor.logPath + ".times")
            try monitor.start("echo now")
            try monitor.expect("X")
            try monitor.expect("E")
            #expect(records(monitor.logPath + ".times").map(\.offset) == [0, 8])
            // An offset far behind the end.
            bytes = [0, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 11)
            try bytes.makeFile(monitor.logPath + ".times")
            try monitor.start("echo again")
            try monitor.expect("X")
            #expect(records(monitor.logPath + ".times").map(\.offset) == [12])
        }
    }

    private func records(_ path: String) -> [(offset: UInt64, time: Int64)] {
        let bytes = TextFile.bytes(path) ?? []
        #expect(bytes.count % 16 == 0)
        return stride(from: 0, to: bytes.count / 16 * 16, by: 16).map { at in
            let words = [at, at + 8].map { at in
                bytes[at..<at + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            }
            return (words[0], Int64(bitPattern: words[1]))
        }
    }

    private func milliseconds() -> Int64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }
}

func touch(_ path: String) { close(unsafe open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)) }

extension [UInt8] {
    /// Makes a file of these bytes.
    func makeFile(_ path: String) throws {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(file) }
        guard unsafe write(file, self, count) == count else {
            throw HarnessError.failed("write", errno)
        }
    }
}
