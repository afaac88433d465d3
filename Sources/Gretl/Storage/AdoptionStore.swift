// The processes that were adopted, on disk: a later daemon finds each by pid, start time and boot,
// and takes it for the service's program only when all three fit. Written by PortAdoption before it
// answers, read once at start.

package import NetCore

/// Whose program a running process is.
package struct StoredAdoption: Equatable, Sendable {
    package var name: String
    package var process: ProcessIdentity
    /// The kernel's name of the boot: pids and start times begin anew with each.
    package var boot: String

    package init(name: String, process: ProcessIdentity, boot: String) {
        self.name = name
        self.process = process
        self.boot = boot
    }
}

/// Saves and loads adoptions.
@ReactorActor
package final class AdoptionStore {
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Durable on return. Throws when no such service is registered any more.
    package func save(_ adoption: StoredAdoption) async throws(StorageError) {
        let values = AdoptionStore.values(adoption) + [.text(adoption.boot)]
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO adoptions(name, pid, start_time, boot) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT(name) DO UPDATE SET pid = excluded.pid,
                    start_time = excluded.start_time, boot = excluded.boot
                """, values)
        }
    }

    /// The service's program is not that process any more. Durable on return.
    package func forget(_ adoption: StoredAdoption) async throws(StorageError) {
        let values = AdoptionStore.values(adoption)
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                "DELETE FROM adoptions WHERE name = ?1 AND pid = ?2 AND start_time = ?3", values)
        }
    }

    /// Every adoption, by name.
    package func all() async throws(StorageError) -> [StoredAdoption] {
        try await database.read { connection throws(SQLiteError) in
            try connection.rows(
                "SELECT name, pid, start_time, boot FROM adoptions ORDER BY name"
            ) { row in
                StoredAdoption(
                    name: row.text(0) ?? "",
                    process: ProcessIdentity(
                        pid: row.integer(1).flatMap { Int32(exactly: $0) } ?? 0,
                        startTime: UInt64(clamping: row.integer(2) ?? 0)),
                    boot: row.text(3) ?? "")
            }
        }
    }

    private static func values(_ adoption: StoredAdoption) -> [SQLiteValue] {
        [
            .text(adoption.name), .integer(Int64(adoption.process.pid)),
            .integer(Int64(clamping: adoption.process.startTime)),
        ]
    }
}
