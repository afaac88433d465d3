// Schema versions: forward only, with a copy first, and never downwards.

import Gretl
import NetCore
import TestSupport
import Testing

private let now = Migrations.all.last?.version ?? 0
private let next = Migration(
    version: now + 1, sql: "ALTER TABLE services ADD COLUMN note TEXT")

@Suite struct MigrationTests {
    @Test func aStepKeepsTheDataAndACopyOfTheFile() async throws {
        let fixture = try DatabaseFixture()
        let (kept, oldColumns) = try await onReactor {
            let first = try await fixture.open()
            try await ServiceStore(first).save(ServiceSpec(name: "web"))
            await first.close()
            let upgraded = try await fixture.open(Migrations.all + [next])
            let kept = try await upgraded.read { connection throws(SQLiteError) in
                try connection.row("SELECT count(*), count(note) FROM services") {
                    $0.integer(0) ?? 0
                }
            }
            await upgraded.close()
            let copy = try await Database.open(
                "\(fixture.path).before-v\(now + 1)", on: fixture.thread)
            let columns = try await copy.read { connection throws(SQLiteError) in
                try connection.rows("SELECT name FROM pragma_table_info('services')") {
                    $0.text(0) ?? ""
                }
            }
            let services = try await ServiceStore(copy).all()
            #expect(services.map(\.name) == ["web"])
            return (kept, columns)
        }
        #expect(kept == 1)
        #expect(!oldColumns.contains("note"))
        #expect(TemporaryFolder.mode("\(fixture.path).before-v\(now + 1)") == 0o600)
        #expect(
            TemporaryFolder.mode("\(fixture.path).before-v\(now)") == nil, "a new file has no past")
    }

    @Test func aNewerSchemaIsRefusedWithBothVersionsAndTheFile() async throws {
        let fixture = try DatabaseFixture()
        let error = await #expect(throws: StorageError.self) {
            try await onReactor {
                let newer = try await fixture.open(Migrations.all + [next])
                await newer.close()
                _ = try await fixture.open()
            }
        }
        let text = String(describing: error)
        #expect(text.contains("version \(now + 1)") && text.contains("knows \(now)"))
        #expect(text.contains(fixture.path) && text.contains("install the newer gr"))
    }

    @Test func aStepThatFailsLeavesTheVersionBefore() async throws {
        let fixture = try DatabaseFixture()
        let broken = Migration(version: now + 1, sql: "CREATE TABLE x(a) STRICT; nonsense")
        let version = try await onReactor {
            await (try fixture.open()).close()
            do {
                _ = try await fixture.open(Migrations.all + [broken])
                Issue.record("a broken step was taken")
            } catch {}
            let database = try await fixture.open()
            return try await database.read { connection throws(SQLiteError) in
                try connection.row("PRAGMA user_version") { $0.integer(0) }
            }
        }
        #expect(version == now)
    }

    @Test func aDatabaseOfAnotherProgramIsRefused() async throws {
        let fixture = try DatabaseFixture()
        let foreign = Migration(version: 1, sql: "CREATE TABLE theirs(a)")
        let error = await #expect(throws: StorageError.self) {
            try await onReactor {
                let made = try await fixture.open([foreign])
                try await made.write { connection throws(SQLiteError) in
                    try connection.script("PRAGMA application_id = 7")
                }
                await made.close()
                _ = try await fixture.open()
            }
        }
        #expect(String(describing: error).contains("another program"))
    }
}
