// Opens the database: file modes, settings, damage, schema versions. Runs on the storage thread,
// once, before the first write. Whatever is wrong here ends the start of the daemon with a sentence
// that says what to do; nothing is ever deleted or emptied to get going.

/// The steps from a path to a usable connection.
enum DatabaseFile {
    /// Marks a file as ours ("gret").
    private static let applicationID: Int64 = 0x6772_6574
    /// Beyond it a check at start would take seconds.
    private static let largestChecked: Int64 = 64 << 20

    static func open(
        _ path: String, _ migrations: [Migration]
    ) throws(StorageError) -> SQLiteConnection {
        let mustCheck: Bool
        do throws(FileError) {
            let size = try PrivateFile.prepare(path)
            // SQLite empties and removes the WAL when it is closed: one that is left over means
            // that the last daemon was killed.
            let log = try PrivateFile.sizeIfPresent("\(path)-wal") ?? 0
            _ = try PrivateFile.sizeIfPresent("\(path)-shm")
            mustCheck = log > 0 && size <= largestChecked
        } catch {
            throw StorageError(error)
        }
        do throws(SQLiteError) {
            let connection = try SQLiteConnection(path: path)
            try configure(connection)
            if mustCheck { try check(connection) }
            let version = try connection.row("PRAGMA user_version") { $0.integer(0) ?? 0 } ?? 0
            try refuseForeign(connection, version)
            try refuseNewer(path, version, migrations)
            for migration in migrations where migration.version > version {
                if version > 0 { try copy(connection, path, before: migration.version) }
                try apply(migration, connection)
            }
            return connection
        } catch {
            throw StorageError(error)
        }
    }

    private static func configure(_ connection: SQLiteConnection) throws(SQLiteError) {
        // The daemon has 14 MB; the database is a few hundred kilobytes, and the kernel caches it.
        try connection.script(
            """
            PRAGMA cache_size = -256;
            PRAGMA temp_store = MEMORY;
            PRAGMA mmap_size = 0;
            PRAGMA foreign_keys = ON;
            PRAGMA journal_size_limit = 1048576;
            PRAGMA wal_autocheckpoint = 256;
            """)
        let mode = try connection.row("PRAGMA journal_mode = WAL") { $0.text(0) ?? "" }
        guard mode == "wal" else {
            throw SQLiteError(
                .other, code: 1,
                "the file system of the home folder cannot hold a WAL; choose another --home")
        }
        // Acknowledged means on the disk.
        try connection.script("PRAGMA synchronous = FULL")
    }

    private static func check(_ connection: SQLiteConnection) throws(SQLiteError) {
        let result = try connection.row("PRAGMA quick_check(1)") { $0.text(0) ?? "" }
        guard result == "ok" else { throw SQLiteConnection.unreadable(result ?? "no answer") }
    }

    /// What is wrong with the file at `path`, for a look from outside while no daemon has it; nil
    /// when nothing is, or when that cannot be told in a moment. Changes nothing: it reads the
    /// file alone, so that one with a log beside it, which belongs to it, is only looked into.
    static func damage(_ path: String, size: Int64, hasLog: Bool) -> String? {
        guard size > 0 else { return nil }
        let uri = "file:" + ServiceNames.encode(path) + "?immutable=1"
        do throws(SQLiteError) {
            let connection = try SQLiteConnection(path: uri, isReadOnly: true, isURI: true)
            defer { connection.close() }
            let version = try connection.row("PRAGMA user_version") { $0.integer(0) ?? 0 } ?? 0
            if hasLog { return nil }
            try refuseForeign(connection, version)
            if size <= largestChecked { try check(connection) }
            return nil
        } catch {
            return error.kind == .corrupt ? error.description : nil
        }
    }

    /// The next step for a database that cannot be read.
    static func wayOut(_ path: String) -> String {
        let path = ShellQuoting.quoted(path)
        return "move it away, what was registered has to be registered anew: "
            + "mkdir \(path).damaged && mv \(path) \(path)-* \(path).damaged/"
    }

    private static func refuseForeign(
        _ connection: SQLiteConnection, _ version: Int64
    ) throws(SQLiteError) {
        let identifier = try connection.row("PRAGMA application_id") { $0.integer(0) ?? 0 }
        if identifier == applicationID { return }
        let tables = try connection.row("SELECT count(*) FROM sqlite_schema") { $0.integer(0) }
        guard version == 0, tables == 0 else {
            throw SQLiteConnection.unreadable("it was made by another program")
        }
    }

    private static func refuseNewer(
        _ path: String, _ version: Int64, _ migrations: [Migration]
    ) throws(SQLiteError) {
        let known = migrations.last?.version ?? 0
        guard version > known else { return }
        throw SQLiteError(
            .other, code: 1,
            "\(path) has schema version \(version), this gr knows \(known): install the newer gr "
                + "again, or put the copy \(path).before-v\(known + 1) in its place")
    }

    /// The step and its number are one transaction: a kill in between repeats the whole step.
    private static func apply(
        _ migration: Migration, _ connection: SQLiteConnection
    ) throws(SQLiteError) {
        try connection.script("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            try connection.script(migration.sql)
            try connection.script(
                """
                PRAGMA application_id = \(applicationID);
                PRAGMA user_version = \(migration.version);
                COMMIT
                """)
        } catch {
            if connection.isInTransaction { try? connection.script("ROLLBACK") }
            throw error
        }
    }

    /// Keeps the database as it was in `state.db.before-vN`.
    private static func copy(
        _ connection: SQLiteConnection, _ path: String, before version: Int64
    ) throws(SQLiteError) {
        let target = "\(path).before-v\(version)"
        let partial = "\(target).partial"
        do throws(FileError) {
            // SQLite would give the file the mode of the umask, but it takes an empty one as it is.
            try PrivateFile.remove(partial)
            try PrivateFile.prepare(partial)
            try connectionCopy(connection, to: partial)
            try PrivateFile.sync(partial)
            try PrivateFile.move(partial, to: target)
        } catch {
            throw SQLiteError(error.reason == .full ? .full : .other, code: 1, error.description)
        }
    }

    private static func connectionCopy(
        _ connection: SQLiteConnection, to path: String
    ) throws(FileError) {
        do throws(SQLiteError) {
            try connection.run("VACUUM INTO ?1", [.text(path)])
        } catch {
            throw FileError(path, error.kind == .full ? .full : .other, error.description)
        }
    }
}
