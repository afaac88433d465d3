// Durable state. Callers on the reactor hand in bodies; the storage thread runs all that wait in
// one transaction, each in a savepoint of its own, and one commit later everybody goes on:
// acknowledged is durable, and fifty writes cost little more than one. Used by the stores.

package import NetCore

/// The daemon's database.
@ReactorActor
package final class Database {
    /// What the storage thread did so far.
    package struct Statistics: Sendable, Equatable {
        package var commits = 0
        package var writes = 0
        package var failedWrites = 0
    }

    private let thread: BackgroundThread
    private let writer: DatabaseWriter

    private init(_ thread: BackgroundThread, _ writer: DatabaseWriter) {
        self.thread = thread
        self.writer = writer
    }

    /// Opens or creates the file at an absolute path (mode 0600) and brings its schema up to date.
    package static func open(
        _ path: String, on thread: BackgroundThread, migrations: [Migration] = Migrations.all
    ) async throws(StorageError) -> Database {
        let opened: Result<DatabaseWriter, StorageError>
        do throws(BackgroundThread.Refusal) {
            opened = try await thread.perform {
                Result { () throws(StorageError) in
                    DatabaseWriter(try DatabaseFile.open(path, migrations))
                }
            }
        } catch {
            throw StorageError(error)
        }
        return Database(thread, try opened.get())
    }

    /// A database that is closed from the start: every call fails.
    static func closed(on thread: BackgroundThread) -> Database {
        Database(thread, DatabaseWriter(nil))
    }

    /// Runs `body` in the next transaction; returns after its commit. When `body` throws, what it
    /// did is undone, and only that. It must keep neither the connection nor effects elsewhere.
    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Value
    ) async throws(StorageError) -> Value {
        let result: Result<Value, StorageError> = await withCheckedContinuation { continuation in
            let outcome = Outcome<Value>()
            let write = DatabaseWriter.Write(
                run: { connection throws(SQLiteError) in
                    outcome.value.withLock { $0 = nil }
                    let value = try body(connection)
                    outcome.value.withLock { $0 = value }
                },
                finish: { failure in
                    continuation.resume(returning: outcome.result(failure))
                })
            if let refusal = writer.append(write, on: thread) {
                continuation.resume(returning: .failure(refusal))
            }
        }
        return try result.get()
    }

    /// Runs `body` after all writes asked for so far. It must not write.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Value
    ) async throws(StorageError) -> Value {
        let writer = writer
        let result: Result<Value, StorageError>
        do throws(BackgroundThread.Refusal) {
            result = try await thread.perform { writer.read(body) }
        } catch {
            throw StorageError(error)
        }
        return try result.get()
    }

    /// Commits what waits, moves the WAL into the database file and closes it. Later calls fail.
    package func close() async {
        let writer = writer
        // A stopped thread closed the database when it let go of it.
        try? await thread.perform { writer.close() }
    }

    package var statistics: Statistics { writer.statistics }
}

/// A value on its way from the storage thread to its caller.
private final class Outcome<Value: Sendable>: Sendable {
    let value = Lock<Value?>(nil)

    func result(_ failure: StorageError?) -> Result<Value, StorageError> {
        if let failure { return .failure(failure) }
        guard let value = value.withLock({ $0 }) else {
            return .failure(.other("the write was not run"))
        }
        return .success(value)
    }
}
