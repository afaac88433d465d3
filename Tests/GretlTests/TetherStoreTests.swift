// Tethers come back as they were saved.

import Gretl
import NetCore
import TestSupport
import Testing

private func tether(_ id: String, at time: Int64, port: UInt16 = 21_000) -> StoredTether {
    StoredTether(
        id: id, workload: "w", containerPort: 65_535, label: id == "a" ? "x" : nil,
        localPort: port, isActive: false, createdAt: time)
}

@Suite struct TetherStoreTests {
    @Test func theyComeBackInTheOrderInWhichTheyWereMade() async throws {
        let fixture = try DatabaseFixture()
        let loaded = try await onReactor {
            let database = try await fixture.open()
            let store = TetherStore(database)
            for (id, time) in [("b", 2), ("a", 3), ("c", 1), ("d", 4)] as [(String, Int64)] {
                try await store.save(tether(id, at: time))
            }
            var changed = tether("b", at: 2, port: 21_001)
            changed.isActive = true
            try await store.save(changed)
            try await store.remove(["d", "none"])
            await database.close()
            return try await TetherStore(try await fixture.open()).all()
        }
        var second = tether("b", at: 2, port: 21_001)
        second.isActive = true
        #expect(loaded == [tether("c", at: 1), second, tether("a", at: 3)])
    }
}
