// Records: one line each, whatever is in them, and never at the cost of the daemon.

import Glibc
import Gretl
import NetCore
import Synchronization
import TestSupport
import Testing

/// A clock that tests move by hand.
private final class HandClock: TimeSource {
    private let seconds = Mutex(Int64(0))
    func advance(_ by: Int64) { seconds.withLock { $0 += by } }
    func now() -> Instant { Instant(nanoseconds: seconds.withLock { $0 } * 1_000_000_000) }
    func wallNanoseconds() -> Int64 { seconds.withLock { $0 } * 1_000_000_000 }
}

/// Both ends of a pipe that a log writes into.
private final class LogPipe {
    let reader: Int32
    let writer: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        precondition(unsafe pipe(&ends) == 0)
        reader = ends[0]
        writer = ends[1]
        _ = fcntl(reader, F_SETFL, O_NONBLOCK)
    }

    deinit {
        _ = close(reader)
        _ = close(writer)
    }

    /// What was written since the last call.
    func lines() -> [String] {
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(reader, &part, part.count)
            guard count > 0 else { break }
            text += part[..<count]
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

@Suite struct LogTests {
    private let pipe = LogPipe()
    private let clock = HandClock()
    private var log: Log { Log(descriptor: pipe.writer, time: clock) }

    @Test func whoSeesToItsFileIsToldOnceThatItHasGrown() {
        let log = log
        let told = Mutex(0)
        log.whenGrown(from: 100, past: 300) { told.withLock { $0 += 1 } }
        log.info("first")
        #expect(told.withLock { $0 } == 0)
        for _ in 0..<10 { log.info("more of the same words") }
        #expect(told.withLock { $0 } == 1)
        log.hasBegunAnew()
        log.info("first")
        #expect(told.withLock { $0 } == 1)
        for _ in 0..<8 { log.info("again some of the same words") }
        #expect(told.withLock { $0 } == 2)
    }

    @Test func aRecordIsOneLineWithTimeLevelMessageAndFields() throws {
        log.info("service started", ["name": "web", "pid": 12])
        let line = try #require(pipe.lines().first)
        let parts = line.split(separator: " ", maxSplits: 1)
        #expect(parts.first?.hasPrefix("19") == true && parts.first?.count == 25)
        #expect(parts.last == "info service started name=web pid=12")
    }

    @Test func nothingInAFieldCanForgeALineOrDriveATerminal() throws {
        let nasty =
            "a\nb\r\t\u{1B}[31m\u{0}\u{7F}\u{85}\u{9B}\u{2028}\u{2029}\u{202E}"
            + "\\ \"q\" é\u{1F600}"
        log.warning("odd", ["value": nasty, "k\ney": "", "plain": "x"])
        let lines = pipe.lines()
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(
            line.hasSuffix(
                "warn odd value=\"a\\nb\\r\\t\\u{1b}[31m\\u{0}\\u{7f}\\u{85}\\u{9b}"
                    + "\\u{2028}\\u{2029}\\u{202e}\\\\ \\\"q\\\" é\u{1F600}\" k\\ney=\"\" plain=x"))
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
    }

    @Test func longRecordsAreCutBetweenCharacters() throws {
        for pad in 0..<4 {
            let faces = String(repeating: "\u{1F600}", count: 3_000)
            let value = String(repeating: "a", count: pad) + faces
            log.info("long", ["value": value])
        }
        for line in pipe.lines() {
            #expect(line.utf8.count < 4_000 && line.hasSuffix("..."))
            #expect(!line.contains("\u{FFFD}"))
        }
    }

    @Test func levelsBelowTheChosenOneAreSilent() {
        let log = log
        log.level = .warning
        log.debug("d")
        log.info("i")
        log.warning("w")
        log.error("e")
        #expect(pipe.lines().map { $0.suffix(1) } == ["w", "e"])
    }

    @Test func aFloodOfOneMessageIsCountedAndOthersPass() {
        let log = log
        for index in 0..<1_000 { log.info("flood", ["n": index]) }
        log.info("other")
        let burst = pipe.lines()
        #expect(burst.count == 21 && burst.last?.hasSuffix("other") == true)
        clock.advance(10)
        log.info("flood")
        log.info("flood")
        #expect(pipe.lines().map { $0.dropFirst(26) } == ["info flood suppressed=980"])
        clock.advance(100_000)
        for _ in 0..<100 { log.info("flood") }
        #expect(pipe.lines().count == 20, "the allowance does not grow beyond a burst")
    }

    @Test func aFullPipeNeitherBlocksNorLosesCount() throws {
        let log = log
        let value = String(repeating: "x", count: 3_900)
        // Twenty of each message: 200 records of a page each, and the pipe holds 16.
        let messages: [StaticString] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
        for message in messages {
            for _ in 0..<20 { log.info(message, ["v": value]) }
        }
        let written = pipe.lines().count
        #expect(written > 0 && written < 200)
        log.info("after")
        #expect(pipe.lines().first?.hasSuffix("after dropped=\(200 - written)") == true)
    }

    @Test func aBrokenPipeDoesNotKill() {
        var ends: [Int32] = [-1, -1]
        #expect(unsafe Glibc.pipe(&ends) == 0)
        _ = close(ends[0])
        let log = Log(descriptor: ends[1], time: clock)
        // SIGPIPE would end the test process.
        for _ in 0..<5 { log.error("nobody reads") }
        _ = close(ends[1])
    }

    @Test func aSecretPrintsAsDots() {
        log.info("token", ["token": Secret("s3cr3t")])
        #expect(pipe.lines().first?.hasSuffix("token=•••") == true)
        #expect("\(Secret("s3cr3t"))" == "•••" && String(reflecting: Secret("s3cr3t")) == "•••")
    }

    @Test func secretsCompareByTheirWholeText() {
        let secret = Secret("abcdef")
        func matches(_ secret: Secret, _ text: String) -> Bool {
            secret.matches(Array(text.utf8).span)
        }
        #expect(matches(secret, "abcdef"))
        for other in ["", "abcde", "abcdefg", "abcdeg", "abcdefabcdef", "ABCDEF"] {
            #expect(!matches(secret, other), "\(other)")
        }
        #expect(!matches(Secret(""), "a"))
    }
}
