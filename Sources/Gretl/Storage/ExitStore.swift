// How the last program of each service ended, on disk, and where that left the service. A monitor
// keeps the exit until the daemon says that it has it, so it may be said only after this store has:
// else a daemon that is killed right after would take the exit with it. Written by the Supervisor,
// read once at start.

package import NetCore

/// The end of a service's last program.
package struct StoredEnd: Hashable, Sendable {
    /// Where a service stands when nothing of it runs.
    package enum State: String, Sendable, CaseIterable {
        case stopped, failed
        /// It was going to be started again.
        case backoff
    }

    /// Nil when nobody saw it.
    package var exit: ProgramExit?
    package var state: State

    package init(exit: ProgramExit?, state: State) {
        self.exit = exit
        self.state = state
    }
}

/// Saves and loads the last ends.
@ReactorActor
package final class ExitStore {
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Replaces the end of the service `name`; durable on return. Throws when no such service is
    /// registered any more.
    package func save(_ end: StoredEnd, of name: String) async throws(StorageError) {
        let exit = end.exit
        let values: [SQLiteValue] = [
            .text(name), .integer(orNull: exit?.code), .integer(orNull: exit?.signal),
            .integer(exit?.requested == true ? 1 : 0), .integer(exit?.forced == true ? 1 : 0),
            .integer(exit?.endedAt ?? 0), .text(end.state.rawValue),
        ]
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO ends(name, code, signal, requested, forced, ended_at, state)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                ON CONFLICT(name) DO UPDATE SET code = excluded.code, signal = excluded.signal,
                    requested = excluded.requested, forced = excluded.forced,
                    ended_at = excluded.ended_at, state = excluded.state
                """, values)
        }
    }

    /// Somebody stopped what was going to be started again. Durable on return.
    package func markStopped(_ name: String) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run("UPDATE ends SET state = 'stopped' WHERE name = ?1", [.text(name)])
        }
    }

    /// Another program runs: the old end says nothing about it.
    package func forget(_ name: String) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run("DELETE FROM ends WHERE name = ?1", [.text(name)])
        }
    }

    /// Every end, by the name of its service.
    package func all() async throws(StorageError) -> [String: StoredEnd] {
        let rows = try await database.read { connection throws(SQLiteError) in
            try connection.rows(
                "SELECT name, code, signal, requested, forced, ended_at, state FROM ends"
            ) { row in (row.text(0) ?? "", ExitStore.end(row)) }
        }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    private nonisolated static func end(_ row: SQLiteRow) -> StoredEnd {
        let code = row.integer(1).flatMap { Int32(exactly: $0) }
        let signal = row.integer(2).flatMap { Int32(exactly: $0) }
        let exit =
            code == nil && signal == nil
            ? nil
            : ProgramExit(
                code: code, signal: signal, requested: row.integer(3) == 1,
                forced: row.integer(4) == 1, endedAt: row.integer(5) ?? 0)
        return StoredEnd(exit: exit, state: StoredEnd.State(rawValue: row.text(6) ?? "") ?? .failed)
    }
}
