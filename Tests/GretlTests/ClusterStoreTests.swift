// Clusters on disk: what is written comes back, a name belongs to one, and what is stored of access
// does not print.

import Gretl
import NetCore
import TestSupport
import Testing

@Suite struct ClusterStoreTests {
    private static func row(_ id: String, _ name: String) -> ClusterStore.Row {
        ClusterStore.Row(
            id: id, name: name, provider: "kind", isInCluster: id == "b",
            access: Secret(#"{"kind":"canary"}"#), createdAt: 1_767_225_600_000)
    }

    @Test func `What is stored comes back by name, and a name belongs to one cluster`() async throws
    {
        let folder = TemporaryFolder()
        try await onReactor {
            let thread = try BackgroundThread(name: "test")
            let database = try await Database.open(folder.file("state.db"), on: thread)
            let store = ClusterStore(database)
            let rows = [Self.row("b", "alpha"), Self.row("a", "beta")]
            for row in rows.reversed() { try await store.add(row) }
            #expect(try await store.all() == rows)
            #expect(!"\(rows)".contains("canary"))
            await #expect(throws: StorageError.self) { try await store.add(Self.row("c", "beta")) }
            try await store.remove("b")
            try await store.remove("nobody")
            #expect(try await store.all() == [rows[1]])
            await database.close()
            thread.stop()
        }
    }
}
