// What goes into a statement and what a statement fails with. Plain values that cross between the
// reactor and the storage thread.

/// A parameter or a column.
package enum SQLiteValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    /// Nil becomes NULL.
    package static func text(orNull text: String?) -> SQLiteValue {
        text.map { .text($0) } ?? .null
    }

    /// Nil becomes NULL.
    package static func integer(orNull integer: (some BinaryInteger)?) -> SQLiteValue {
        integer.map { .integer(Int64(clamping: $0)) } ?? .null
    }
}

extension SQLiteValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
}

/// What SQLite said no with. Never holds parameters.
package struct SQLiteError: Error, Equatable, CustomStringConvertible {
    /// How a caller has to react.
    package enum Kind: Sendable, Equatable {
        /// The disk, the quota or a limit is full, or a write failed.
        case full
        case corrupt
        case busy
        /// A UNIQUE, CHECK, NOT NULL or foreign key rule was broken.
        case constraint
        case other
    }

    package let kind: Kind
    /// SQLite's extended result code.
    package let code: Int32
    package let message: String

    package init(_ kind: Kind, code: Int32, _ message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) (SQLite \(code))" }
}

/// Why something could not be stored or read.
package enum StorageError: Error, Equatable, CustomStringConvertible {
    /// No room: the disk, a quota or a size limit. Nothing of the request was stored.
    case full
    /// The file is damaged, or not ours.
    case corrupt(String)
    /// Too much waits already, or another program holds the database. Try again.
    case busy
    case other(String)

    init(_ error: SQLiteError) {
        switch error.kind {
        case .full: self = .full
        case .corrupt: self = .corrupt(error.description)
        case .busy: self = .busy
        case .constraint, .other: self = .other(error.description)
        }
    }

    init(_ error: FileError) {
        self = error.reason == .full ? .full : .other(error.description)
    }

    init(_ refusal: BackgroundThread.Refusal) {
        switch refusal {
        case .full: self = .busy
        case .stopped: self = .other("the storage is closed")
        }
    }

    package var description: String {
        switch self {
        case .full: "no space is left to store it"
        case .corrupt(let text): "the database is damaged: \(text)"
        case .busy: "the storage is busy"
        case .other(let text): text
        }
    }
}
