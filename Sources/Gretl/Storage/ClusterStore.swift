// The registered clusters on disk. The column `access` holds what is needed to reach one, as JSON,
// credentials among it: the reason why the file is 0600. Written before a registration is answered,
// read once at start.

package import NetCore

/// Saves and loads clusters.
@ReactorActor
package final class ClusterStore {
    /// A row.
    package struct Row: Sendable, Equatable {
        package var id: String
        package var name: String
        package var provider: String
        package var isInCluster: Bool
        /// How it is reached; must not be printed.
        package var access: Secret
        /// Milliseconds since 1970.
        package var createdAt: Int64

        package init(
            id: String, name: String, provider: String, isInCluster: Bool, access: Secret,
            createdAt: Int64
        ) {
            self.id = id
            self.name = name
            self.provider = provider
            self.isInCluster = isInCluster
            self.access = access
            self.createdAt = createdAt
        }
    }

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Durable on return. Throws when another cluster has the name.
    package func add(_ row: Row) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO clusters(id, name, provider, in_cluster, access, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                """,
                [
                    .text(row.id), .text(row.name), .text(row.provider),
                    .integer(row.isInCluster ? 1 : 0), .text(row.access.reveal()),
                    .integer(row.createdAt),
                ])
        }
    }

    /// Forgets a cluster and its workloads. Durable on return.
    package func remove(_ id: String) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run("DELETE FROM clusters WHERE id = ?1", [.text(id)])
        }
    }

    /// Every row, by name.
    package func all() async throws(StorageError) -> [Row] {
        try await database.read { connection throws(SQLiteError) in
            try connection.rows(
                """
                SELECT id, name, provider, in_cluster, access, created_at FROM clusters
                ORDER BY name
                """
            ) { row in
                Row(
                    id: row.text(0) ?? "", name: row.text(1) ?? "", provider: row.text(2) ?? "",
                    isInCluster: row.integer(3) == 1, access: Secret(row.text(4) ?? ""),
                    createdAt: row.integer(5) ?? 0)
            }
        }
    }
}
