// Time as text, random names, and the thread beside the reactor.

import Glibc
import Gretl
import NetCore
import Synchronization
import TestSupport
import Testing

@Suite struct TimestampTests {
    @Test func textAgreesWithTheCalendarOfTheCLibrary() {
        var generator = SystemRandomNumberGenerator()
        // 1900 to 2100, where the C library and RFC 3339 agree.
        for _ in 0..<2_000 {
            let milliseconds = Int64.random(
                in: -2_208_988_800_000...4_102_444_800_000, using: &generator)
            let text = Timestamp.text(milliseconds: milliseconds)
            let seconds = Int64((Double(milliseconds) / 1_000).rounded(.down))
            #expect(instant(of: text) == seconds, "\(text)")
        }
    }

    @Test func theEndsOfTheRangeAreHeldAndNotTrapped() {
        #expect(Timestamp.text(milliseconds: .min).hasPrefix("000"))
        #expect(Timestamp.text(milliseconds: .max).hasPrefix("9999-12-3"))
        #expect(Timestamp.text(milliseconds: 0).count == 25)
        #expect(Timestamp.text(milliseconds: -1).count == 25)
    }

    @Test func millisecondsAreCutNotRounded() {
        #expect(
            Timestamp.text(milliseconds: 1_700_000_000_999)
                == Timestamp.text(milliseconds: 1_700_000_000_000))
    }

    /// Seconds since 1970 of an RFC 3339 text, by the C library.
    private func instant(of text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 25 else { return nil }
        func number(_ range: Range<Int>) -> Int {
            Int(String(decoding: bytes[range], as: UTF8.self)) ?? .min
        }
        var parts = unsafe tm()
        unsafe parts.tm_year = Int32(number(0..<4) - 1_900)
        unsafe parts.tm_mon = Int32(number(5..<7) - 1)
        unsafe parts.tm_mday = Int32(number(8..<10))
        unsafe parts.tm_hour = Int32(number(11..<13))
        unsafe parts.tm_min = Int32(number(14..<16))
        unsafe parts.tm_sec = Int32(number(17..<19))
        let sign = bytes[19] == UInt8(ascii: "-") ? -1 : 1
        let offset = sign * (number(20..<22) * 3_600 + number(23..<25) * 60)
        return unsafe Int64(timegm(&parts)) - Int64(offset)
    }
}

@Suite struct RandomIDTests {
    @Test func idsAreSixteenHexadecimalDigitsAndDiffer() {
        let made = (0..<1_000).map { _ in RandomID.make() }
        #expect(Set(made).count == 1_000)
        #expect(made.allSatisfy { $0.utf8.count == 16 && $0.allSatisfy(\.isHexDigit) })
    }
}

@Suite struct BackgroundThreadTests {
    @Test func jobsRunInOrderOnOneNamedThread() async throws {
        let thread = try BackgroundThread(name: "gr-storage")
        let seen = Mutex<[Int]>([])
        for index in 0..<1_000 { try thread.submit { seen.withLock { $0.append(index) } } }
        let name = try await onReactor {
            try await thread.perform { () -> String in
                let bytes = try? PrivateFile.read("/proc/thread-self/comm", limit: 64)
                return String(decoding: bytes ?? [], as: UTF8.self)
            }
        }
        #expect(name == "gr-storage\n")
        #expect(seen.withLock { $0 } == Array(0..<1_000))
    }

    @Test func resultsComeBackOnTheReactor() async throws {
        let thread = try BackgroundThread(name: "gr-storage")
        let value = try await onReactor {
            let value = try await thread.perform { 42 }
            ReactorActor.shared.preconditionIsolated()
            return value
        }
        #expect(value == 42)
    }

    @Test func aFullQueueRefusesAndGoesOnLater() throws {
        let thread = try BackgroundThread(name: "gr-storage", capacity: 4)
        let gate = Mutex(())
        let ran = Atomic(0)
        var refused = 0
        try gate.withLock { _ in
            try thread.submit { gate.withLock { _ in } }
            for _ in 0..<20 {
                do throws(BackgroundThread.Refusal) {
                    try thread.submit { ran.add(1, ordering: .relaxed) }
                } catch {
                    #expect(error == .full)
                    refused += 1
                }
            }
        }
        thread.stop()
        #expect(refused >= 15 && refused + ran.load(ordering: .relaxed) == 20)
    }

    @Test func stopRunsWhatIsQueuedAndThenRefuses() throws {
        let thread = try BackgroundThread(name: "gr-storage")
        let ran = Atomic(0)
        for _ in 0..<500 { try thread.submit { ran.add(1, ordering: .relaxed) } }
        thread.stop()
        thread.stop()
        #expect(ran.load(ordering: .relaxed) == 500)
        #expect(throws: BackgroundThread.Refusal.stopped) { try thread.submit {} }
    }

    @Test func behindManyJobsItRestsOnceAndBehindFewItDoesNot() throws {
        let rests = Atomic(0)
        let thread = try BackgroundThread(name: "gr-storage") {
            rests.add(1, ordering: .relaxed)
        }
        defer { thread.stop() }
        let few = Atomic(0)
        let quiet = try BackgroundThread(name: "gr-storage") { few.add(1, ordering: .relaxed) }
        defer { quiet.stop() }
        for _ in 0..<300 { try thread.submit {} }
        for _ in 0..<200 { try quiet.submit {} }
        let end = SystemTime.shared.now() + .seconds(10)
        while rests.load(ordering: .relaxed) == 0, SystemTime.shared.now() < end { usleep(20_000) }
        // It goes on with the next job, and a few more are no reason for another rest.
        for _ in 0..<200 { try thread.submit {} }
        usleep(1_300_000)
        #expect(rests.load(ordering: .relaxed) == 1)
        #expect(few.load(ordering: .relaxed) == 0)
    }

    @Test func signalsAreBlockedInTheThread() async throws {
        let thread = try BackgroundThread(name: "gr-storage")
        let status = try await onReactor {
            try await thread.perform { () -> String in
                let bytes = try? PrivateFile.read("/proc/thread-self/status", limit: 1 << 16)
                return String(decoding: bytes ?? [], as: UTF8.self)
            }
        }
        let mask = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
        let blocked = UInt64(mask?.split(separator: "\t").last ?? "", radix: 16) ?? 0
        for signal in [SIGCHLD, SIGTERM, SIGINT, SIGHUP] {
            #expect(blocked & (1 << (signal - 1)) != 0, "\(signal)")
        }
    }
}

@Suite struct TOMLFileTests {
    @Test func tablesKeepTheOrderOfTheFileAndEveryValueItsPlace() throws {
        let text = """
            [service.zeta]
            port = 3000
            cmd = "run"
            [service.alpha]
            env = { A = "1", "b c" = 'x' }
            list = [1.5, true, 1979-05-27]
            """
        let root = try TOMLFile.parse(Array(text.utf8))
        guard case .table(let services)? = root.first?.node.value else {
            Issue.record("no table: \(root)")
            return
        }
        #expect(services.map(\.key) == ["zeta", "alpha"])
        guard case .table(let zeta) = services[0].node.value,
            case .table(let alpha) = services[1].node.value
        else {
            Issue.record("no tables: \(services)")
            return
        }
        #expect(zeta.map(\.key) == ["port", "cmd"])
        #expect(zeta[0].line == 2 && zeta[0].column == 1 && zeta[0].node.column == 8)
        #expect(zeta[0].node.value == .integer(3_000))
        guard case .table(let environment) = alpha[0].node.value,
            case .array(let list) = alpha[1].node.value
        else {
            Issue.record("no table and list: \(alpha)")
            return
        }
        #expect(environment.map(\.key) == ["A", "b c"])
        #expect(environment.last?.node.value == .string("x"))
        #expect(list.map(\.value) == [.real(1.5), .boolean(true), .date])
    }
}

@Suite struct StartAdviceTests {
    @Test func whatToDoAboutAFailedStartDependsOnItsStep() {
        #expect(Supervisor.advice(onStep: "listen", EACCES).contains("below 1024"))
        #expect(!Supervisor.advice(onStep: "listen", ENOBUFS).contains("below 1024"))
        #expect(Supervisor.advice(onStep: "directory", ENOENT).contains("'cwd'"))
        #expect(Supervisor.advice(onStep: "log", ENOSPC).contains("'logFile'"))
        #expect(Supervisor.advice(onStep: "fork", EAGAIN).contains("'cmd'"))
    }
}
