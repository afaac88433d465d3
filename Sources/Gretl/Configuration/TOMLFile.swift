// TOML as values with positions: the only file that calls toml++. Used for config.toml and for
// gr.toml. Never traps on what a file holds; every value knows its line, so that every complaint
// can name it.

internal import CTOML

/// A value and where it stands; lines and columns count from 1.
package struct TOMLNode: Sendable, Equatable {
    package var value: TOMLValue
    package var line: Int
    package var column: Int
}

/// What TOML knows.
package enum TOMLValue: Sendable, Equatable {
    case string(String)
    case integer(Int64)
    case real(Double)
    case boolean(Bool)
    /// A date, a time, or both: nothing here uses one.
    case date
    case array([TOMLNode])
    /// In the order of the file.
    case table([TOMLEntry])

    /// For "must be a …, not a …".
    package var kindName: String {
        switch self {
        case .string: "text"
        case .integer: "a whole number"
        case .real: "a number with a point"
        case .boolean: "true or false"
        case .date: "a date or time"
        case .array: "a list"
        case .table: "a table"
        }
    }
}

/// A key of a table.
package struct TOMLEntry: Sendable, Equatable {
    package var key: String
    /// Where the key stands.
    package var line: Int
    package var column: Int
    package var node: TOMLNode
}

/// Text that is not TOML.
package struct TOMLSyntaxError: Error, Equatable {
    package var line: Int
    package var column: Int
    package var message: String
}

/// Parses TOML 1.0.
package enum TOMLFile {
    /// The entries of the root table. `bytes` must be UTF-8; a leading byte order mark is allowed.
    package static func parse(_ bytes: [UInt8]) throws(TOMLSyntaxError) -> [TOMLEntry] {
        if let line = TOMLDepth.excess(bytes) {
            throw TOMLSyntaxError(
                line: line, column: 1,
                message: "nested deeper than \(TOMLDepth.keyPartsMost) levels")
        }
        var failure = ctoml_failure()
        // The bytes must stay until the document is built, which is before the closure ends.
        let document = unsafe bytes.withUnsafeBytes { bytes in
            unsafe ctoml_parse(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &failure)
        }
        guard let document = unsafe document else { throw syntaxError(&failure) }
        defer { unsafe ctoml_free(document) }
        var reader = unsafe EventReader(document)
        guard case .table(let entries) = reader.next().node.value else { return [] }
        return entries
    }

    private static func syntaxError(_ failure: inout ctoml_failure) -> TOMLSyntaxError {
        // The shim ends the text with a zero byte.
        let message = unsafe withUnsafeBytes(of: &failure.message) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return TOMLSyntaxError(
            line: max(1, Int(failure.line)), column: max(1, Int(failure.column)), message: message)
    }
}

/// Turns the flat list of events back into a tree.
@safe  // the document outlives the reader, and `index` stays below its count
private struct EventReader {
    private let document: OpaquePointer
    private let count: Int
    private var index = 0

    init(_ document: OpaquePointer) {
        unsafe self.document = document
        count = unsafe ctoml_count(document)
    }

    /// The next value with its key; an empty table at the end, which the list rules out.
    mutating func next() -> TOMLEntry {
        guard index < count else {
            let nothing = TOMLNode(value: .table([]), line: 1, column: 1)
            return TOMLEntry(key: "", line: 1, column: 1, node: nothing)
        }
        let event = unsafe ctoml_event_at(document, index)
        index += 1
        let node = TOMLNode(
            value: unsafe value(event), line: unsafe Int(event.line),
            column: unsafe Int(event.column))
        return TOMLEntry(
            key: unsafe text(event.key, event.key_length), line: unsafe Int(event.key_line),
            column: unsafe Int(event.key_column), node: node)
    }

    private mutating func value(_ event: ctoml_event) -> TOMLValue {
        switch unsafe UInt32(bitPattern: event.kind) {
        case CTOML_TABLE_BEGIN.rawValue:
            // toml++ keeps keys sorted; people expect the order they wrote.
            return .table(
                children(until: CTOML_TABLE_END.rawValue)
                    .sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        case CTOML_ARRAY_BEGIN.rawValue:
            return .array(children(until: CTOML_ARRAY_END.rawValue).map(\.node))
        case CTOML_STRING.rawValue:
            return .string(unsafe text(event.text, event.text_length))
        case CTOML_INTEGER.rawValue: return .integer(unsafe event.integer)
        case CTOML_REAL.rawValue: return .real(unsafe event.real)
        case CTOML_BOOLEAN.rawValue: return .boolean(unsafe event.integer != 0)
        default: return .date
        }
    }

    private mutating func children(until end: UInt32) -> [TOMLEntry] {
        var children: [TOMLEntry] = []
        while index < count {
            if unsafe UInt32(bitPattern: ctoml_event_at(document, index).kind) == end {
                index += 1
                break
            }
            children.append(next())
        }
        return children
    }

    private func text(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> String {
        // The bytes live as long as the document; they are copied.
        unsafe String(
            decoding: UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count),
            as: UTF8.self)
    }
}
