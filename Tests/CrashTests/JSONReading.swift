// Reads the daemon's answers with nothing of the daemon's own code, so that a mistake in its JSON
// cannot hide itself. Called by CrashDaemon; bounded by the length of the text and by `depthMost`.

/// A JSON value as a client sees it.
enum JSON: Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// Nil when `bytes` are not one whole JSON value.
    init?(_ bytes: [UInt8]) {
        var reader = JSONReader(bytes)
        guard let value = reader.value(depth: 0), reader.isAtEnd() else { return nil }
        self = value
    }

    /// The member of an object; null when there is none.
    subscript(_ key: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        return members[key] ?? .null
    }

    var text: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    var integer: Int? {
        guard case .number(let value) = self else { return nil }
        return Int(exactly: value)
    }

    var elements: [JSON] {
        guard case .array(let values) = self else { return [] }
        return values
    }
}

/// One pass over a text.
private struct JSONReader {
    private static let depthMost = 16
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            at += 1
        }
    }

    mutating func isAtEnd() -> Bool {
        skipBlanks()
        return at == bytes.count
    }

    private mutating func take(_ text: StaticString) -> Bool {
        let wanted = Array("\(text)".utf8)
        guard bytes.count - at >= wanted.count, Array(bytes[at..<at + wanted.count]) == wanted
        else { return false }
        at += wanted.count
        return true
    }

    mutating func value(depth: Int) -> JSON? {
        guard depth < JSONReader.depthMost else { return nil }
        skipBlanks()
        switch next {
        case UInt8(ascii: "n"): return take("null") ? .null : nil
        case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "{"): return object(depth)
        default: return number()
        }
    }

    private mutating func number() -> JSON? {
        let start = at
        while let byte = next, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) {
            at += 1
        }
        return Double(String(decoding: bytes[start..<at], as: UTF8.self)).map { .number($0) }
    }

    private mutating func array(_ depth: Int) -> JSON? {
        at += 1
        var values: [JSON] = []
        skipBlanks()
        if take("]") { return .array(values) }
        while true {
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
            skipBlanks()
            if take("]") { return .array(values) }
            guard take(",") else { return nil }
        }
    }

    private mutating func object(_ depth: Int) -> JSON? {
        at += 1
        var members: [String: JSON] = [:]
        skipBlanks()
        if take("}") { return .object(members) }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\""), let key = string() else { return nil }
            skipBlanks()
            guard take(":"), let value = value(depth: depth + 1) else { return nil }
            // A key that comes twice would hide the first value.
            guard members.updateValue(value, forKey: key) == nil else { return nil }
            skipBlanks()
            if take("}") { return .object(members) }
            guard take(",") else { return nil }
        }
    }

    private mutating func string() -> String? {
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let bytes = escape() else { return nil }
                text += bytes
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> [UInt8]? {
        guard let byte = next else { return nil }
        at += 1
        switch byte {
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "u"):
            guard bytes.count - at >= 4,
                let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
            else { return nil }
            at += 4
            return Array(String(Unicode.Scalar(code).map(Character.init) ?? "\u{FFFD}").utf8)
        default: return [byte]
        }
    }
}
