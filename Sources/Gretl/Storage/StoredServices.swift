// The registered services as a client command of the same user reads them: from the database file
// itself, without a change to it and without the daemon. For gr exec and gr env, which need the
// values of variables that the API never tells.

/// Reads services beside the daemon.
enum StoredServices {
    /// All services of a home folder, sorted by name; none when there is no database yet.
    static func read(home: String) throws(StorageError) -> [ServiceSpec] {
        let path = "\(home)/\(HomeFolder.databaseName)"
        do throws(FileError) {
            guard try PrivateFile.sizeIfPresent(path) != nil else { return [] }
        } catch {
            throw StorageError(error)
        }
        do throws(SQLiteError) {
            let connection = try SQLiteConnection(path: path, isReadOnly: true)
            let version = try connection.row("PRAGMA user_version") { $0.integer(0) ?? 0 } ?? 0
            let known = Migrations.all.last?.version ?? 0
            guard version == known else {
                throw SQLiteError(
                    .other, code: 1,
                    "\(path) has schema version \(version), this gr knows \(known): use the gr of "
                        + "the daemon's version")
            }
            return try ServiceStore.read(connection).map(\.spec)
        } catch {
            throw StorageError(error)
        }
    }
}
