// What is registered comes back as it was.

import Gretl
import NetCore
import TestSupport
import Testing

private func fullSpec(_ name: String) -> ServiceSpec {
    var spec = ServiceSpec(name: name)
    spec.port = 65_535
    spec.command = "npm run dev -- \"x y\"\n"
    spec.directory = "/srv/ünïcode dir"
    spec.group = "@jobs"
    spec.ready = "http://localhost:65535/health"
    spec.environment = ["A": "1", "B": "quotes \" and \\ and \u{1F600}", "EMPTY": ""]
    spec.dependsOn = ["db", "cache", "db/../x"]
    spec.restartWith = ["cache"]
    spec.restart = .always
    spec.startMode = .onDemand
    spec.listen = true
    spec.autostart = true
    spec.tty = true
    spec.stopSignal = "SIGINT"
    spec.logFile = "/srv/log/a b.log"
    return spec
}

/// A clock that says what it is told.
final class FixedTime: TimeSource {
    let milliseconds: Int64
    init(milliseconds: Int64) { self.milliseconds = milliseconds }
    func now() -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }
    func wallNanoseconds() -> Int64 { milliseconds * 1_000_000 }
}

@Suite struct ServiceStoreTests {
    @Test func specsComeBackAsTheyWereSavedSortedByName() async throws {
        let fixture = try DatabaseFixture()
        let specs = [fullSpec("zebra"), ServiceSpec(name: "äpfel"), fullSpec("alpha")]
        let loaded = try await onReactor {
            let database = try await fixture.open()
            let store = ServiceStore(database)
            for spec in specs { try await store.save(spec) }
            await database.close()
            return try await ServiceStore(try await fixture.open()).all()
        }
        #expect(loaded == [specs[2], specs[0], specs[1]])
    }

    @Test func savingAgainReplacesAndKeepsCreation() async throws {
        let fixture = try DatabaseFixture()
        let records = try await onReactor {
            let database = try await fixture.open()
            let early = ServiceStore(database, time: FixedTime(milliseconds: 1_000))
            let late = ServiceStore(database, time: FixedTime(milliseconds: 2_000))
            try await early.save(fullSpec("web"))
            try await late.save(ServiceSpec(name: "web"))
            return try await late.records()
        }
        #expect(records.map(\.spec) == [ServiceSpec(name: "web")])
        #expect(records.map(\.createdAt) == [1_000] && records.map(\.updatedAt) == [2_000])
    }

    @Test func removingForgetsAndSaysWhetherThereWasOne() async throws {
        let fixture = try DatabaseFixture()
        let (first, second, left) = try await onReactor {
            let store = ServiceStore(try await fixture.open())
            try await store.save(fullSpec("web"))
            let first = try await store.remove("web")
            let second = try await store.remove("web")
            return (first, second, try await store.all())
        }
        #expect(first && !second && left.isEmpty)
    }

    @Test func theSchemaRefusesRowsThatNoSpecCanHave() async throws {
        let fixture = try DatabaseFixture()
        var spec = ServiceSpec(name: "web")
        spec.port = 70_000
        let wrong = spec
        await #expect(throws: StorageError.self) {
            try await onReactor {
                try await ServiceStore(try await fixture.open()).save(wrong)
            }
        }
    }

    @Test func anUnreadableRowNamesItsService() async throws {
        let fixture = try DatabaseFixture()
        let error = await #expect(throws: StorageError.self) {
            try await onReactor {
                let database = try await fixture.open()
                let store = ServiceStore(database)
                try await store.save(ServiceSpec(name: "web"))
                try await database.write { connection throws(SQLiteError) in
                    try connection.run("UPDATE services SET environment = '[1]'")
                }
                _ = try await store.all()
            }
        }
        #expect(String(describing: error).contains("web"))
    }

    @Test func reservedNumbersNeverRepeatOverRestarts() async throws {
        let fixture = try DatabaseFixture()
        let starts = try await onReactor {
            var starts: [Int64] = []
            for _ in 0..<3 {
                let database = try await fixture.open()
                starts.append(try await MetaStore(database).reserve("event", count: 1_024))
                await database.close()
            }
            return starts
        }
        #expect(starts == [1, 1_025, 2_049])
    }
}
