// The tethers on disk: a later daemon opens those that were active again, on the ports they had.
// Written by Tethers before it answers, read once at start.

package import NetCore

/// Saves and loads tethers.
@ReactorActor
package final class TetherStore {
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Durable on return.
    package func save(_ tether: StoredTether) async throws(StorageError) {
        let values: [SQLiteValue] = [
            .text(tether.id), .text(tether.workload), .integer(Int64(tether.containerPort)),
            .text(orNull: tether.label), .integer(Int64(tether.localPort)),
            .integer(tether.isActive ? 1 : 0), .integer(tether.createdAt),
        ]
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO tethers(
                    id, workload, container_port, label, local_port, active, created_at
                ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                ON CONFLICT(id) DO UPDATE SET label = excluded.label,
                    local_port = excluded.local_port, active = excluded.active
                """, values)
        }
    }

    /// Durable on return.
    package func remove(_ ids: [String]) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            for id in ids {
                try connection.run("DELETE FROM tethers WHERE id = ?1", [.text(id)])
            }
        }
    }

    /// Every tether, oldest first.
    package func all() async throws(StorageError) -> [StoredTether] {
        try await database.read { connection throws(SQLiteError) in
            try connection.rows(
                """
                SELECT id, workload, container_port, label, local_port, active, created_at
                FROM tethers ORDER BY created_at, id
                """
            ) { row in
                StoredTether(
                    id: row.text(0) ?? "", workload: row.text(1) ?? "",
                    // The table's checks hold both in the range.
                    containerPort: UInt16(clamping: row.integer(2) ?? 0), label: row.text(3),
                    localPort: UInt16(clamping: row.integer(4) ?? 0),
                    isActive: row.integer(5) == 1, createdAt: row.integer(6) ?? 0)
            }
        }
    }
}
