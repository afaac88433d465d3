// Events over restarts: what comes back from the file, whole or torn, and that no id is ever given
// twice, whatever happened to file, machine and database. A restart is a second log on the same
// folder; a kill is one that was never closed.

import Glibc
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

/// A home of events.
private struct EventFixture {
    let database: DatabaseFixture
    let path: String

    init(_ path: String? = nil) throws {
        database = try DatabaseFixture()
        self.path = path ?? database.folder.file("events.log")
    }

    /// Opens the log as a new daemon would.
    @ReactorActor
    func open(boot: String = "boot-1", _ facts: MetaStore) async throws -> EventLog {
        try await EventLog.open(
            path, boot: boot, facts: facts, background: database.thread,
            on: ReactorThread.reactor)
    }

    @ReactorActor
    func facts() async throws -> MetaStore { MetaStore(try await database.open()) }

    /// Lets work on files that is under way come to its end.
    @ReactorActor
    func settle() async throws {
        for _ in 0..<8 { try await database.thread.perform {} }
    }

    func size(_ suffix: String = "") -> Int {
        var status = stat()
        // The struct is ours and lives for the call.
        return unsafe stat(path + suffix, &status) == 0 ? Int(status.st_size) : -1
    }

    func mode(_ suffix: String = "") -> UInt32 {
        var status = stat()
        // The struct is ours and lives for the call.
        return unsafe stat(path + suffix, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    func cut(to size: Int, _ suffix: String = "") {
        #expect(unsafe truncate(path + suffix, off_t(size)) == 0)
    }
}

private func event(_ index: Int) -> Event {
    .serviceCrashed(name: "name, \u{E9} \(index)", exitCode: 137, signal: "SIGKILL")
}

@ReactorActor
extension EventLog {
    /// Appends `count` events and writes them, some at a time.
    fileprivate func add(_ count: Int, each: Int = 7) {
        for index in 0..<count {
            _ = append(event(index))
            if index % each == each - 1 { write() }
        }
        write()
    }

    fileprivate var ids: [Int64] { (ring.first..<ring.end).map { ring[$0].id } }
    fileprivate var frames: [String] {
        (ring.first..<ring.end).map { place in
            ring[place].frame.withSpan { span in
                String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
            }
        }
    }
}

@Suite struct EventLogTests {
    @Test(arguments: [0, 1, 1_023, 1_024, 1_025, 2_049, 5_000])
    func aRestartFindsTheLastThousandAndTwentyFour(count: Int) async throws {
        let fixture = try EventFixture()
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            // Turn by turn, so that files change while events come.
            for _ in 0..<count / 100 {
                log.add(100)
                try await fixture.settle()
            }
            log.add(count % 100)
            try await fixture.settle()
            let frames = log.frames
            #expect(log.counts == EventLog.Counts())
            log = try await fixture.open(facts)
            #expect(log.ids == Array(Int64(max(1, count - 1_023))..<Int64(count + 1)))
            #expect(log.frames == frames)
            #expect(log.ring.nextID == Int64(count + 1))
            log.add(1)
            #expect(log.ids.last == Int64(count + 1))
            // That one may have begun the next file.
            try await fixture.settle()
        }
        #expect(fixture.mode() == 0o600)
        for suffix in ["", ".1"] { #expect(fixture.size(suffix) < 400_000) }
        #expect(fixture.size(".next") == -1)
        if count > 1_100 { #expect(fixture.mode(".1") == 0o600) }
    }

    @Test func aTornLastRecordWasToldToNobodyAndItsIdIsGivenAgain() async throws {
        let fixture = try EventFixture()
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            log.add(3)
            let whole = fixture.size()
            log.add(1)
            let end = fixture.size()
            let frames = log.frames
            for size in whole..<end {
                fixture.cut(to: size)
                log = try await fixture.open(facts)
                #expect(log.frames == Array(frames[..<3]), "cut at \(size - whole)")
                #expect(log.ring.nextID == 4)
                #expect(log.ring.resume(after: 3) == EventRing.Resume(place: log.ring.end))
                // What comes next is not glued to the torn bytes.
                log.add(1)
                log = try await fixture.open(facts)
                #expect(log.ids == [1, 2, 3, 4], "cut at \(size - whole)")
            }
        }
    }

    @Test func everyDamagedByteCostsOneEventAndNoIdRepeats() async throws {
        let fixture = try EventFixture()
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            log.add(2)
            let start = fixture.size()
            log.add(1)
            let end = fixture.size()
            log.add(1)
            let bytes = try PrivateFile.read(fixture.path, limit: 1 << 20)
            var highest: Int64 = 4
            for place in stride(from: start, to: end, by: 9) {
                var damaged = bytes
                damaged[place] ^= 1
                TemporaryFolder.write(
                    String(decoding: damaged, as: UTF8.self), to: fixture.path, mode: 0o600)
                log = try await fixture.open(facts)
                #expect(log.ids.starts(with: [1, 2]) && !log.ids.contains(3), "\(place)")
                #expect(log.ring.resume(after: 2).gap == .restart, "\(place)")
                #expect(log.ring.nextID > 4)
                highest = max(highest, log.ring.nextID)
            }
            #expect(highest > 4)
        }
    }

    @Test func aPowerCutSkipsIdsAndIsSaid() async throws {
        let fixture = try EventFixture()
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            log.add(10)
            var last = try #require(log.ids.last)
            for boot in ["boot-2", "boot-3", ""] {
                // The file lost its end, or all of itself.
                if boot == "boot-3" { fixture.cut(to: 0) }
                log = try await fixture.open(boot: boot, facts)
                #expect(log.ring.nextID > last)
                #expect(log.ring.resume(after: last).gap == .restart)
                log.add(1)
                let next = try #require(log.ids.last)
                #expect(next > last)
                #expect(log.ring.resume(after: last).gap == .restart)
                #expect(log.ring.resume(after: next).gap == nil)
                last = next
            }
        }
    }

    @Test func aFolderThatWasCopiedBackGivesNoIdTwice() async throws {
        let fixture = try EventFixture()
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            log.add(5)
            _ = unsafe unlink(fixture.path)
            log = try await fixture.open(facts)
            #expect(log.ring.nextID > 5)
            #expect(log.ring.resume(after: 5).gap == .restart)
        }
    }

    @Test(arguments: ["being made", "ready", "half in place"])
    func aStartFinishesAnInterruptedChangeOfFiles(next: String) async throws {
        let fixture = try EventFixture()
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            log.add(4)
            if next == "being made" {
                // Killed before its first line was whole.
                TemporaryFolder.write("gretl-ev", to: fixture.path + ".next", mode: 0o600)
            } else {
                let header = EventFile.Header(boot: "boot-1", nextID: 5)
                _ = try EventFile.prepare(fixture.path, header)
            }
            if next == "half in place" {
                #expect(unsafe rename(fixture.path, fixture.path + ".1") == 0)
            }
            for count in 4...6 {
                log = try await fixture.open(facts)
                #expect(log.ids == Array(1...Int64(count)) && log.ring.nextID == Int64(count + 1))
                #expect(fixture.size(".next") == -1)
                log.add(1)
            }
        }
    }

    @Test func eventsGoOnWhereNoFileCanBe() async throws {
        let fixture = try EventFixture("/proc/events.log")
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            log.add(2_000)
            #expect(log.ring.count == 1_024 && log.ring.latestID == 2_000)
            #expect(log.counts.notWritten == 2_000)
            try await fixture.settle()
            log = try await fixture.open(facts)
            #expect(log.ring.nextID > 2_000)
            #expect(log.ring.resume(after: 2_000).gap == .restart)
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible))
    func aFullDiskStopsNoEventAndARestartSaysWhatItDoesNotKnow() async throws {
        let disk = try #require(SmallDisk(kilobytes: 64))
        let fixture = try EventFixture(disk.path + "/events.log")
        try await onReactor {
            let facts = try await fixture.facts()
            var log = try await fixture.open(facts)
            log.add(1_000)
            #expect(log.counts.notWritten > 0 && log.counts.notNumbered == 0)
            #expect(log.ids == Array(1...1_000))
            try await fixture.settle()
            let written = Int64(1_000 - log.counts.notWritten)
            log = try await fixture.open(facts)
            #expect(log.ids.starts(with: Array(1...min(written, 100))))
            #expect(log.ring.nextID > 1_000)
            #expect(log.ring.resume(after: 1_000).gap == .restart)
        }
    }

    @Test func whileNothingCanBeReservedIdsGoOnAndAreSkippedLater() async throws {
        try await onReactor {
            let numbers = EventNumbers(on: ReactorThread.reactor, next: 1, mark: 1) {
                _ throws(StorageError) in throw .full
            }
            var last: Int64 = 0
            var isRising = true
            while let id = numbers.take() {
                isRising = isRising && id == last + 1
                last = id
            }
            #expect(isRising && last == Int64(EventLimits.idSlack))
            #expect(numbers.take() == nil)
            #expect(EventNumbers.first(mark: 1, seen: 1, isCertain: false) > last)
        }
    }

    @Test func reservationsStayTwoBlocksAhead() async throws {
        let fixture = try EventFixture()
        try await onReactor {
            let facts = try await fixture.facts()
            let log = try await fixture.open(facts)
            for _ in 0..<50 {
                log.add(100)
                try await fixture.settle()
                let mark = try #require(try await facts.mark())
                #expect(mark - log.ring.nextID >= Int64(EventLimits.idBlock) - 100)
                #expect(mark - log.ring.nextID <= Int64(3 * EventLimits.idBlock))
            }
        }
    }
}
