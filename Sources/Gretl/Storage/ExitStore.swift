// How the last program of each service ended, on disk. A monitor keeps the exit until the daemon
// says that it has it, so it may be said only after this store has: else a daemon that is killed
// right after would take the exit with it. Written by the Supervisor, read once at start.

package import NetCore

/// Saves and loads the last exits.
@ReactorActor
package final class ExitStore {
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Replaces the exit of the service `name`; durable on return. Throws when no such service is
    /// registered any more.
    package func save(_ exit: ProgramExit, of name: String) async throws(StorageError) {
        let values: [SQLiteValue] = [
            .text(name), .integer(orNull: exit.code), .integer(orNull: exit.signal),
            .integer(exit.requested ? 1 : 0), .integer(exit.forced ? 1 : 0), .integer(exit.endedAt),
        ]
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO exits(name, code, signal, requested, forced, ended_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT(name) DO UPDATE SET code = excluded.code, signal = excluded.signal,
                    requested = excluded.requested, forced = excluded.forced,
                    ended_at = excluded.ended_at
                """, values)
        }
    }

    /// Another program runs, or the exit is unknown: the old one says nothing about it.
    package func forget(_ name: String) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run("DELETE FROM exits WHERE name = ?1", [.text(name)])
        }
    }

    /// Every exit, by the name of its service.
    package func all() async throws(StorageError) -> [String: ProgramExit] {
        let rows = try await database.read { connection throws(SQLiteError) in
            try connection.rows(
                "SELECT name, code, signal, requested, forced, ended_at FROM exits"
            ) { row in
                let exit = ProgramExit(
                    code: row.integer(1).flatMap { Int32(exactly: $0) },
                    signal: row.integer(2).flatMap { Int32(exactly: $0) },
                    requested: row.integer(3) == 1, forced: row.integer(4) == 1,
                    endedAt: row.integer(5) ?? 0)
                return (row.text(0) ?? "", exit)
            }
        }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }
}
