// The storage thread's half of Database: collects the writes that wait, runs them in one
// transaction, commits, and sends everybody their answer in one message to the reactor.

import NetCore

/// Owns the connection.
///
/// `@unchecked`: `connection` is touched by jobs of the storage thread only, which run one by one;
/// everything else is behind `state`.
final class DatabaseWriter: @unchecked Sendable {
    /// One caller's write.
    struct Write: Sendable {
        let run: @Sendable (SQLiteConnection) throws(SQLiteError) -> Void
        /// Nil after the commit, else why nothing was stored.
        let finish: @Sendable @ReactorActor (StorageError?) -> Void
    }

    private struct State {
        var waiting: [Write] = []
        /// A job that will take `waiting` is queued.
        var isScheduled = false
        var statistics = Database.Statistics()
    }

    /// Writes that may wait for the thread.
    static let maximumWaiting = 4_096
    /// Writes in one transaction.
    static let maximumBatch = 512

    private var connection: SQLiteConnection?
    private let state = Lock(State())

    init(_ connection: SQLiteConnection?) { self.connection = connection }

    var statistics: Database.Statistics { state.withLock { $0.statistics } }

    /// Queues a write; an answer other than nil means that it was not taken.
    func append(_ write: Write, on thread: BackgroundThread) -> StorageError? {
        let mustSchedule: Bool? = state.withLock { state in
            guard state.waiting.count < Self.maximumWaiting else { return nil }
            state.waiting.append(write)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        guard let mustSchedule else { return .busy }
        guard mustSchedule else { return nil }
        do throws(BackgroundThread.Refusal) {
            try thread.submit { self.runWaiting() }
            return nil
        } catch {
            // Nobody else can have appended meanwhile: callers are on the reactor, as we are.
            state.withLock { state in
                state.waiting.removeLast()
                state.isScheduled = false
            }
            return StorageError(error)
        }
    }

    // MARK: On the storage thread

    func read<Value>(
        _ body: (SQLiteConnection) throws(SQLiteError) -> Value
    ) -> Result<Value, StorageError> {
        guard let connection else { return .failure(.other("the storage is closed")) }
        do throws(SQLiteError) {
            return .success(try body(connection))
        } catch {
            return .failure(StorageError(error))
        }
    }

    func close() {
        runWaiting()
        try? connection?.script("PRAGMA wal_checkpoint(TRUNCATE)")
        connection?.close()
        connection = nil
    }

    private func runWaiting() {
        let writes = state.withLock { state in
            state.isScheduled = false
            var writes: [Write] = []
            swap(&writes, &state.waiting)
            return writes
        }
        var rest = writes[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.maximumBatch)
            rest = rest.dropFirst(batch.count)
            let failures = commit(batch)
            ReactorActor.post {
                for (write, failure) in zip(batch, failures) { write.finish(failure) }
            }
        }
    }

    /// Runs the batch in one transaction; one answer for each, in order.
    private func commit(_ batch: ArraySlice<Write>) -> [StorageError?] {
        var failures: [StorageError?] = []
        do throws(SQLiteError) {
            guard let connection else {
                return batch.map { _ in .other("the storage is closed") }
            }
            try connection.run("BEGIN IMMEDIATE")
            for write in batch {
                failures.append(try runInSavepoint(write, connection).map { StorageError($0) })
            }
            try connection.run("COMMIT")
        } catch {
            if let connection, connection.isInTransaction { try? connection.run("ROLLBACK") }
            failures = batch.map { _ in StorageError(error) }
        }
        let failed = failures.count { $0 != nil }
        state.withLock { state in
            state.statistics.writes += failures.count
            state.statistics.failedWrites += failed
            state.statistics.commits += 1
        }
        return failures
    }

    /// Returns the write's own failure; throws when the whole transaction is gone.
    private func runInSavepoint(
        _ write: Write, _ connection: SQLiteConnection
    ) throws(SQLiteError) -> SQLiteError? {
        try connection.run("SAVEPOINT one")
        do throws(SQLiteError) {
            try write.run(connection)
        } catch {
            // A full disk or a failed write rolls back everything, not only this savepoint.
            guard connection.isInTransaction else { throw error }
            try connection.run("ROLLBACK TO one")
            try connection.run("RELEASE one")
            return error
        }
        try connection.run("RELEASE one")
        return nil
    }
}
