// Durability and damage: what a commit promises, and what happens when the disk, the schema or
// somebody else stands in the way.

import Glibc
import Gretl
import NetCore
import Synchronization
import TestSupport
import Testing

/// One thread and one database in a folder of their own.
struct DatabaseFixture {
    let folder = TemporaryFolder()
    let thread: BackgroundThread
    var path: String { folder.file("state.db") }

    init() throws { thread = try BackgroundThread(name: "gr-storage") }

    @ReactorActor
    func open(_ migrations: [Migration] = Migrations.all) async throws -> Database {
        try await Database.open(path, on: thread, migrations: migrations)
    }
}

/// Counts what is still under way, so that a test can start many writes and wait for all.
@ReactorActor
final class Countdown {
    private var left: Int
    private var waiter: CheckedContinuation<Void, Never>?

    init(_ count: Int) { left = count }

    func done() {
        left -= 1
        if left == 0 { waiter?.resume() }
    }

    func wait() async {
        if left > 0 { await withCheckedContinuation { waiter = $0 } }
    }
}

private let insert = "INSERT INTO meta(key, value) VALUES (?1, ?2)"

@Suite struct DatabaseTests {
    @Test func fiveHundredWritesAtOnceShareAFewCommits() async throws {
        let fixture = try DatabaseFixture()
        let (commits, rows) = try await onReactor {
            let database = try await fixture.open()
            let countdown = Countdown(500)
            for index in 0..<500 {
                spawn {
                    try? await database.write { connection throws(SQLiteError) in
                        try connection.run(insert, [.text("k\(index)"), "v"])
                    }
                    countdown.done()
                }
            }
            await countdown.wait()
            let rows = try await database.read { connection throws(SQLiteError) in
                try connection.row("SELECT count(*) FROM meta") { $0.integer(0) ?? 0 }
            }
            let commits = database.statistics.commits
            await database.close()
            return (commits, rows)
        }
        #expect(rows == 500)
        #expect(commits < 50)
    }

    @Test func aFailingWriteLeavesTheOthersOfItsBatch() async throws {
        let fixture = try DatabaseFixture()
        let (outcomes, keys) = try await onReactor {
            let database = try await fixture.open()
            let countdown = Countdown(40)
            let outcomes = Outcomes()
            for index in 0..<40 {
                spawn {
                    do {
                        try await database.write { connection throws(SQLiteError) in
                            try connection.run(insert, [.text("a\(index)"), "v"])
                            // Every fourth breaks the key rule after its first row went in.
                            let second = index % 4 == 0 ? "a\(index)" : "b\(index)"
                            try connection.run(insert, [.text(second), "v"])
                        }
                        outcomes.stored.insert(index)
                    } catch {
                        outcomes.failed.insert(index)
                    }
                    countdown.done()
                }
            }
            await countdown.wait()
            let keys = try await database.read { connection throws(SQLiteError) in
                try connection.rows("SELECT key FROM meta") { $0.text(0) ?? "" }
            }
            return (outcomes.failed, keys)
        }
        #expect(outcomes == Set(stride(from: 0, to: 40, by: 4)))
        #expect(keys.count == 60)
        #expect(!keys.contains("a0") && keys.contains("a1") && keys.contains("b1"))
    }

    @Test func whatIsReadAfterAWriteWasAskedForSeesIt() async throws {
        let fixture = try DatabaseFixture()
        let seen = try await onReactor {
            let database = try await fixture.open()
            spawn {
                try? await database.write { connection throws(SQLiteError) in
                    try connection.run(insert, ["early", "v"])
                }
            }
            // Lets the write be queued; not its answer be awaited.
            await Task.yieldOnReactor()
            return try await database.read { connection throws(SQLiteError) in
                try connection.row("SELECT count(*) FROM meta") { $0.integer(0) }
            }
        }
        #expect(seen == 1)
    }

    @Test func everythingStoredIsThereAfterReopening() async throws {
        let fixture = try DatabaseFixture()
        let value = try await onReactor {
            let first = try await fixture.open()
            try await MetaStore(first).set("key", "välue\u{0}x")
            await first.close()
            let second = try await fixture.open()
            let value = try await MetaStore(second).value("key")
            await second.close()
            return value
        }
        #expect(value == "välue\u{0}x")
        #expect(TemporaryFolder.mode("\(fixture.path)-wal") == nil, "close empties the WAL")
    }

    @Test func whatWasAnsweredIsInTheFilesAKillWouldLeave() async throws {
        let fixture = try DatabaseFixture()
        let left = try DatabaseFixture()
        let seen = try await onReactor {
            let database = try await fixture.open()
            let meta = MetaStore(database)
            var seen: [String?] = []
            for index in 0..<20 {
                try await meta.set("key", "\(index)")
                // Nothing of ours runs between the answer and the copy, as with kill -9.
                for suffix in ["", "-wal"] {
                    let bytes = try PrivateFile.read(fixture.path + suffix, limit: 1 << 22)
                    try PrivateFile.write(bytes, to: left.path + suffix)
                }
                let after = try await left.open()
                seen.append(try await MetaStore(after).value("key"))
                await after.close()
            }
            await database.close()
            return seen
        }
        #expect(seen == (0..<20).map { "\($0)" })
    }

    @Test func aClosedDatabaseRefusesInsteadOfHanging() async throws {
        let fixture = try DatabaseFixture()
        await #expect(throws: StorageError.other("the storage is closed")) {
            try await onReactor {
                let database = try await fixture.open()
                await database.close()
                try await MetaStore(database).set("key", "value")
            }
        }
        fixture.thread.stop()
        await #expect(throws: StorageError.other("the storage is closed")) {
            try await onReactor { _ = try await fixture.open() }
        }
    }

    @Test(arguments: [0o000, 0o022, 0o077] as [UInt32])
    func filesArePrivateWhateverTheUmask(_ mask: UInt32) async throws {
        let fixture = try DatabaseFixture()
        // Of the whole process: every file the tests make has its mode set, so others do not mind.
        let before = umask(mask)
        defer { _ = umask(before) }
        let database = try await onReactor {
            let database = try await fixture.open()
            try await MetaStore(database).set("key", "value")
            return database
        }
        for suffix in ["", "-wal", "-shm"] {
            #expect(TemporaryFolder.mode(fixture.path + suffix) == 0o600, "\(suffix)")
        }
        try await onReactor { await database.close() }
    }

    @Test func aFileOthersCouldReadIsMadePrivate() async throws {
        let fixture = try DatabaseFixture()
        TemporaryFolder.write("", to: fixture.path, mode: 0o666)
        try await onReactor { _ = try await fixture.open() }
        #expect(TemporaryFolder.mode(fixture.path) == 0o600)
    }

    @Test(arguments: ["", "-wal", "-shm"])
    func aPlantedLinkIsRefused(_ suffix: String) async throws {
        let fixture = try DatabaseFixture()
        let target = fixture.folder.file("elsewhere")
        TemporaryFolder.write("", to: target, mode: 0o644)
        #expect(unsafe symlink(target, fixture.path + suffix) == 0)
        await #expect(throws: StorageError.self) {
            try await onReactor { _ = try await fixture.open() }
        }
        #expect(TemporaryFolder.mode(target) == 0o644, "the target was left alone")
    }

    @Test(.enabled(if: SmallDisk.isPossible))
    func aFullDiskIsSaidAndLosesNothing() async throws {
        let fixture = try DatabaseFixture()
        let disk = try #require(SmallDisk(kilobytes: 256))
        let (failure, before, after) = try await onReactor {
            let database = try await Database.open("\(disk.path)/state.db", on: fixture.thread)
            let meta = MetaStore(database)
            let chunk = String(repeating: "x", count: 8_000)
            var stored = 0
            var failure: StorageError?
            for index in 0..<200 {
                do throws(StorageError) {
                    try await meta.set("k\(index)", chunk)
                    stored += 1
                } catch {
                    failure = error
                    break
                }
            }
            let kept = try await database.read { connection throws(SQLiteError) in
                try connection.row("SELECT count(*) FROM meta") { $0.integer(0) ?? 0 } ?? 0
            }
            await database.close()
            return (failure, stored, Int(kept))
        }
        #expect(failure == .full)
        #expect(before > 0 && before == after)
    }

    @Test func damageIsNamedAndTheFileIsLeftAlone() async throws {
        let fixture = try DatabaseFixture()
        let text = String(repeating: "this is not a database\n", count: 100)
        TemporaryFolder.write(text, to: fixture.path)
        let error = await #expect(throws: StorageError.self) {
            try await onReactor { _ = try await fixture.open() }
        }
        guard case .corrupt = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try PrivateFile.read(fixture.path, limit: 10_000) == Array(text.utf8))
    }
}

@ReactorActor
final class Outcomes {
    var stored: Set<Int> = []
    var failed: Set<Int> = []
}

extension Task where Success == Never, Failure == Never {
    /// Lets everything that is queued on the reactor run first.
    @ReactorActor
    static func yieldOnReactor() async {
        await withCheckedContinuation { continuation in
            ReactorActor.post { continuation.resume() }
        }
    }
}
