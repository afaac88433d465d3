// Adoptions come back as they were saved, belong to registered services, and go with them.

import Gretl
import NetCore
import TestSupport
import Testing

private func adoption(_ name: String, _ pid: Int32) -> StoredAdoption {
    StoredAdoption(
        name: name, process: ProcessIdentity(pid: pid, startTime: 1 << 40), boot: "b-1")
}

@Suite struct AdoptionStoreTests {
    @Test func theLastProcessOfEachServiceComesBack() async throws {
        let fixture = try DatabaseFixture()
        let loaded = try await onReactor {
            let database = try await fixture.open()
            let store = AdoptionStore(database)
            for name in ["a", "b", "c", "d"] {
                try await ServiceStore(database).save(ServiceSpec(name: name))
                try await store.save(adoption(name, 7))
            }
            try await store.save(adoption("a", 8))
            try await store.forget(adoption("b", 7))
            // Of a process that is not the one any more.
            try await store.forget(adoption("c", 6))
            try await ServiceStore(database).remove("d")
            await database.close()
            return try await AdoptionStore(try await fixture.open()).all()
        }
        #expect(loaded == [adoption("a", 8), adoption("c", 7)])
    }

    @Test func aServiceThatIsNotRegisteredHasNone() async throws {
        let fixture = try DatabaseFixture()
        await #expect(throws: StorageError.self) {
            try await onReactor {
                try await AdoptionStore(try await fixture.open()).save(adoption("none", 7))
            }
        }
    }
}
