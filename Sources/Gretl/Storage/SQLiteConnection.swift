// One open SQLite database and its prepared statements: the only file that calls SQLite. Lives on
// the storage thread and is handed to the bodies of Database.write and Database.read; nobody may
// keep it beyond the body. SQL is constant text, values are always bound.

internal import CSQLite

/// An open database.
@safe  // the handle is owned here, used by one thread at a time, and closed in close()
package final class SQLiteConnection {
    private var handle: OpaquePointer?
    private var statements: [String: SQLiteStatement] = [:]
    /// Statements kept prepared; over it all are let go.
    private static let maximumStatements = 64

    /// Opens the file at `path`, which must exist (0600); refuses a link.
    init(
        path: String, isReadOnly: Bool = false, isURI: Bool = false
    ) throws(SQLiteError) {
        let flags =
            (isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX
            | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW | (isURI ? SQLITE_OPEN_URI : 0)
        // On failure, too, the handle is set and must be closed.
        var result = unsafe sqlite3_open_v2(path, &handle, flags, nil)
        if result == SQLITE_OK { result = unsafe csqlite_configure(handle) }
        guard result == SQLITE_OK else {
            let failure = error(result)
            close()
            throw failure
        }
        unsafe sqlite3_busy_timeout(handle, 2_000)
    }

    deinit { close() }

    /// Ends all statements and the connection; the last one to close empties the WAL.
    func close() {
        statements = [:]
        unsafe sqlite3_close_v2(handle)
        unsafe handle = nil
    }

    // MARK: For the bodies

    /// Runs one statement that returns no rows.
    package func run(_ sql: String, _ values: [SQLiteValue] = []) throws(SQLiteError) {
        try withStatement(sql, values) { statement throws(SQLiteError) in
            while try step(statement) {}
        }
    }

    /// Runs one query and makes a value of each row. `limit` bounds the rows read.
    package func rows<Row>(
        _ sql: String, _ values: [SQLiteValue] = [], limit: Int = 1_000_000,
        _ make: (SQLiteRow) throws(SQLiteError) -> Row
    ) throws(SQLiteError) -> [Row] {
        var rows: [Row] = []
        try withStatement(sql, values) { statement throws(SQLiteError) in
            while rows.count < limit, try step(statement) {
                rows.append(try make(SQLiteRow(statement)))
            }
        }
        return rows
    }

    /// The first row of a query, nil when there is none.
    package func row<Row>(
        _ sql: String, _ values: [SQLiteValue] = [],
        _ make: (SQLiteRow) throws(SQLiteError) -> Row
    ) throws(SQLiteError) -> Row? {
        try rows(sql, values, limit: 1, make).first
    }

    /// Runs several statements without values: schema, pragmas.
    package func script(_ sql: String) throws(SQLiteError) {
        let result = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw error(result) }
    }

    /// Rows the last INSERT, UPDATE or DELETE changed.
    package var changes: Int { unsafe Int(sqlite3_changes(handle)) }

    /// False outside a transaction; also after an error that ended it.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Sets how a row is unreadable for a reason of the caller's: reported as corruption.
    package static func unreadable(_ what: String) -> SQLiteError {
        SQLiteError(.corrupt, code: SQLITE_CORRUPT, what)
    }

    // MARK: Statements

    private func withStatement(
        _ sql: String, _ values: [SQLiteValue],
        _ body: (SQLiteStatement) throws(SQLiteError) -> Void
    ) throws(SQLiteError) {
        let statement: SQLiteStatement
        if let cached = statements[sql], !cached.isInUse {
            statement = cached
        } else {
            statement = try prepare(sql)
        }
        statement.isInUse = true
        defer {
            // A failed step reports its error again here; it was thrown already.
            unsafe sqlite3_reset(statement.pointer)
            unsafe sqlite3_clear_bindings(statement.pointer)
            statement.isInUse = false
        }
        for (index, value) in values.enumerated() {
            let result = bind(value, to: statement, at: Int32(clamping: index + 1))
            guard result == SQLITE_OK else { throw error(result) }
        }
        try body(statement)
    }

    private func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var pointer: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        let result = unsafe sqlite3_prepare_v3(handle, sql, -1, flags, &pointer, nil)
        guard result == SQLITE_OK else { throw error(result) }
        guard let pointer = unsafe pointer else {
            throw SQLiteError(.other, code: SQLITE_MISUSE, "empty statement")
        }
        let statement = unsafe SQLiteStatement(pointer)
        if statements.count >= Self.maximumStatements { statements = [:] }
        if statements[sql] == nil { statements[sql] = statement }
        return statement
    }

    private func bind(_ value: SQLiteValue, to target: SQLiteStatement, at index: Int32) -> Int32 {
        let statement = unsafe target.pointer
        // SQLite copies text and blobs before it returns.
        switch value {
        case .null: return unsafe sqlite3_bind_null(statement, index)
        case .integer(let integer): return unsafe sqlite3_bind_int64(statement, index, integer)
        case .real(let real): return unsafe sqlite3_bind_double(statement, index, real)
        case .text(var text):
            return text.withUTF8 { bytes in
                unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                    unsafe csqlite_bind_text(
                        statement, index, bytes.baseAddress, Int32(clamping: bytes.count))
                }
            }
        case .blob(let bytes):
            return unsafe csqlite_bind_blob(statement, index, bytes, Int32(clamping: bytes.count))
        }
    }

    /// True for a row, false at the end.
    private func step(_ statement: SQLiteStatement) throws(SQLiteError) -> Bool {
        let result = unsafe sqlite3_step(statement.pointer)
        switch result {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw error(result)
        }
    }

    // MARK: Errors

    private func error(_ code: Int32) -> SQLiteError {
        // The text is SQLite's until the next call; it is copied at once.
        let text = unsafe handle.flatMap { unsafe sqlite3_errmsg($0) }
            .map { unsafe String(cString: $0) }
        return SQLiteError(Self.kind(code), code: code, text ?? "cannot open the database")
    }

    private static func kind(_ code: Int32) -> SQLiteError.Kind {
        switch code & 0xFF {
        case SQLITE_FULL: .full
        // The extended codes of IOERR count up in the second byte.
        case SQLITE_IOERR: writeFailures.contains(code >> 8) ? .full : .other
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_CONSTRAINT: .constraint
        default: .other
        }
    }

    /// SQLITE_IOERR_WRITE, _TRUNCATE, _SHMSIZE: a quota or a limit of size, which the kernel tells
    /// when bytes are handed over. A failing disk shows in _FSYNC and is not a full one.
    private static let writeFailures: Set<Int32> = [3, 6, 19]
}

/// One prepared statement.
@safe  // owned here, finalised once in deinit
private final class SQLiteStatement {
    let pointer: OpaquePointer
    /// A body may run a query inside a row of the same query.
    var isInUse = false

    init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe sqlite3_finalize(pointer) }
}

/// The current row of a query; good inside the closure it is given to.
@safe  // made only around a statement that stands on a row
package struct SQLiteRow {
    private let statement: OpaquePointer

    fileprivate init(_ statement: SQLiteStatement) { unsafe self.statement = statement.pointer }

    /// Nil for NULL. Other types are converted as SQLite does.
    package func integer(_ column: Int) -> Int64? {
        isNull(column) ? nil : unsafe sqlite3_column_int64(statement, Int32(clamping: column))
    }

    package func real(_ column: Int) -> Double? {
        isNull(column) ? nil : unsafe sqlite3_column_double(statement, Int32(clamping: column))
    }

    /// Nil for NULL; bytes that are not UTF-8 are replaced.
    package func text(_ column: Int) -> String? {
        let column = Int32(clamping: column)
        guard let bytes = unsafe sqlite3_column_text(statement, column) else { return nil }
        let count = unsafe Int(sqlite3_column_bytes(statement, column))
        // The pointer is good until the next call for this row; the bytes are copied here.
        return unsafe String(
            decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// Nil for NULL.
    package func blob(_ column: Int) -> [UInt8]? {
        guard !isNull(column) else { return nil }
        let column = Int32(clamping: column)
        // An empty blob has no address.
        guard let bytes = unsafe sqlite3_column_blob(statement, column) else { return [] }
        let count = unsafe Int(sqlite3_column_bytes(statement, column))
        return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    private func isNull(_ column: Int) -> Bool {
        unsafe sqlite3_column_type(statement, Int32(clamping: column)) == SQLITE_NULL
    }
}
