// The last exits come back as they were, and only for services that are registered.

import Gretl
import NetCore
import TestSupport
import Testing

private let code = StoredEnd(
    exit: ProgramExit(code: 7, signal: nil, requested: false, forced: false, endedAt: 5),
    state: .backoff)
private let killed = StoredEnd(
    exit: ProgramExit(code: nil, signal: 9, requested: true, forced: true, endedAt: 6),
    state: .stopped)

@Suite struct ExitStoreTests {
    @Test func `Exits come back as they were saved, the last one of each service`() async throws {
        let fixture = try DatabaseFixture()
        let loaded = try await onReactor {
            let database = try await fixture.open()
            let services = ServiceStore(database)
            let exits = ExitStore(database)
            for name in ["a", "b", "c"] { try await services.save(ServiceSpec(name: name)) }
            try await exits.save(code, of: "a")
            try await exits.save(code, of: "b")
            try await exits.save(killed, of: "b")
            try await exits.save(code, of: "c")
            try await exits.forget("c")
            await database.close()
            return try await ExitStore(try await fixture.open()).all()
        }
        #expect(loaded == ["a": code, "b": killed])
    }

    @Test func `An end nobody saw stays unknown, and a stop takes the next start back`()
        async throws
    {
        let fixture = try DatabaseFixture()
        let unseen = StoredEnd(exit: nil, state: .failed)
        let loaded = try await onReactor {
            let database = try await fixture.open()
            let exits = ExitStore(database)
            for name in ["a", "b"] {
                try await ServiceStore(database).save(ServiceSpec(name: name))
            }
            try await exits.save(unseen, of: "a")
            try await exits.save(code, of: "b")
            try await exits.markStopped("b")
            return try await exits.all()
        }
        #expect(loaded == ["a": unseen, "b": StoredEnd(exit: code.exit, state: .stopped)])
    }

    @Test func `Ends of the first schema are kept`() async throws {
        let fixture = try DatabaseFixture()
        let loaded = try await onReactor {
            let old = try await fixture.open(Array(Migrations.all.prefix(1)))
            try await old.write { connection throws(SQLiteError) in
                try connection.script(
                    """
                    INSERT INTO services(name, environment, depends_on, restart, created_at,
                        updated_at)
                        VALUES ('a', '{}', '[]', 'never', 1, 1), ('b', '{}', '[]', 'never', 1, 1);
                    INSERT INTO exits VALUES ('a', 7, NULL, 0, 0, 5), ('b', NULL, 9, 1, 1, 6);
                    """)
            }
            await old.close()
            let database = try await fixture.open()
            let specs = try await ServiceStore(database).all()
            #expect(specs.map(\.startMode) == [.manual, .manual])
            return try await ExitStore(database).all()
        }
        #expect(loaded == ["a": StoredEnd(exit: code.exit, state: .failed), "b": killed])
    }

    @Test func `Registering again keeps the exit, removing the service forgets it`() async throws {
        let fixture = try DatabaseFixture()
        let (kept, left) = try await onReactor {
            let database = try await fixture.open()
            let services = ServiceStore(database)
            let exits = ExitStore(database)
            try await services.save(ServiceSpec(name: "web"))
            try await exits.save(code, of: "web")
            try await services.save(ServiceSpec(name: "web"))
            let kept = try await exits.all()
            try await services.remove("web")
            return (kept, try await exits.all())
        }
        #expect(kept == ["web": code])
        #expect(left.isEmpty)
    }

    @Test func `The exit of a service nobody registered is refused`() async throws {
        let fixture = try DatabaseFixture()
        let left = try await onReactor {
            let exits = ExitStore(try await fixture.open())
            await #expect(throws: StorageError.self) { try await exits.save(code, of: "nobody") }
            return try await exits.all()
        }
        #expect(left.isEmpty)
    }
}
