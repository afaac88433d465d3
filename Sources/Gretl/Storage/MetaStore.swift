// Small facts of the daemon that must survive it: the next block of event ids, the last boot.
// A key is a constant of the program.

package import NetCore

/// Text by key.
@ReactorActor
package final class MetaStore {
    private let database: Database
    /// The kernel's name of the boot in which a daemon last ran.
    package static let bootKey = "boot"
    private static let instanceKey = "instance"

    package init(_ database: Database) { self.database = database }

    /// The value of `key`, nil when it was never set.
    package func value(_ key: String) async throws(StorageError) -> String? {
        try await database.read { connection throws(SQLiteError) in
            try connection.row("SELECT value FROM meta WHERE key = ?1", [.text(key)]) {
                $0.text(0) ?? ""
            }
        }
    }

    /// Sets `key`, nil forgets it. Durable on return.
    package func set(_ key: String, _ value: String?) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            if let value {
                try connection.run(
                    """
                    INSERT INTO meta(key, value) VALUES (?1, ?2)
                    ON CONFLICT(key) DO UPDATE SET value = excluded.value
                    """, [.text(key), .text(value)])
            } else {
                try connection.run("DELETE FROM meta WHERE key = ?1", [.text(key)])
            }
        }
    }

    /// The name of this daemon among all that change one cluster: `gretl-` and sixteen hexadecimal
    /// digits, made once and kept.
    package func instance() async throws(StorageError) -> String {
        if let known = try await value(MetaStore.instanceKey) { return known }
        let made = "gretl-\(RandomID.make())"
        try await set(MetaStore.instanceKey, made)
        return made
    }

    /// Takes the next `count` numbers of a counter that starts at 1 and never repeats, also over a
    /// power cut; returns the first. Durable on return.
    package func reserve(_ key: String, count: Int64) async throws(StorageError) -> Int64 {
        precondition(count > 0 && count <= 1 << 32)
        return try await database.write { connection throws(SQLiteError) in
            let stored = try connection.row("SELECT value FROM meta WHERE key = ?1", [.text(key)]) {
                Int64($0.text(0) ?? "")
            }
            // Nothing stored: it starts. Something that is no number: rather fail than repeat.
            guard let next = stored ?? 1, next > 0, next < Int64.max - count else {
                throw SQLiteConnection.unreadable("the counter \(key)")
            }
            try connection.run(
                """
                INSERT INTO meta(key, value) VALUES (?1, ?2)
                ON CONFLICT(key) DO UPDATE SET value = excluded.value
                """, [.text(key), .text(String(next + count))])
            return next
        }
    }
}
