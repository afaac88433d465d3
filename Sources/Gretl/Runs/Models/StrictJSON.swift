// Reads what models and their servers send: JSON (RFC 8259) as a tree, strictly, with bounds on
// depth and size. A hundred times quicker than the toolchain's decoder, which throws and catches
// for each value: an answer comes in hundreds of small pieces, on the reactor.

/// A JSON text of a stranger.
package struct StrictJSON {
    /// Deepest nesting, and most values of one text.
    package static let depthMost = 64
    package static let valuesMost = 100_000

    private let bytes: [UInt8]
    private var at = 0
    private var values = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The one value of `bytes`; nil when it is anything else, or beyond the bounds.
    package static func parse(_ bytes: [UInt8]) -> JSONValue? {
        var reader = StrictJSON(bytes)
        guard let value = reader.value(0) else { return nil }
        reader.skipSpace()
        return reader.at == bytes.count ? value : nil
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(_ depth: Int) -> JSONValue? {
        values += 1
        skipSpace()
        guard depth < StrictJSON.depthMost, values <= StrictJSON.valuesMost, let byte = next
        else { return nil }
        switch byte {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "t"): return word("true", .bool(true))
        case UInt8(ascii: "f"): return word("false", .bool(false))
        case UInt8(ascii: "n"): return word("null", .null)
        default: return number()
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) -> JSONValue? {
        guard bytes[at...].starts(with: text.utf8) else { return nil }
        at += text.utf8.count
        return value
    }

    private mutating func object(_ depth: Int) -> JSONValue? {
        at += 1
        var members: [String: JSONValue] = [:]
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\""), let name = string(), take(UInt8(ascii: ":")),
                let member = value(depth + 1)
            else { return nil }
            // Of two with one name the last counts, as with most readers.
            members[name] = member
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { return nil }
        }
    }

    private mutating func array(_ depth: Int) -> JSONValue? {
        at += 1
        var elements: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            guard let element = value(depth + 1) else { return nil }
            elements.append(element)
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { return nil }
        }
    }

    // MARK: Numbers

    private mutating func digits() -> Bool {
        let start = at
        while let byte = next, (0x30...0x39).contains(byte) { at += 1 }
        return at > start
    }

    private mutating func number() -> JSONValue? {
        let start = at
        if next == UInt8(ascii: "-") { at += 1 }
        let first = next
        guard digits() else { return nil }
        // No zero stands in front of other digits.
        let length = at - start - (bytes[start] == UInt8(ascii: "-") ? 1 : 0)
        guard first != 0x30 || length == 1 else { return nil }
        var isWhole = true
        if next == UInt8(ascii: ".") {
            at += 1
            isWhole = false
            guard digits() else { return nil }
        }
        if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
            at += 1
            isWhole = false
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            guard digits() else { return nil }
        }
        guard at - start <= 400 else { return nil }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isWhole, let whole = Int64(text) { return .integer(whole) }
        guard let number = Double(text), number.isFinite else { return nil }
        if let whole = Int64(exactly: number) { return .integer(whole) }
        return .number(number)
    }

    // MARK: Strings

    private mutating func string() -> String? {
        at += 1
        let start = at
        // Most have no escape: they are copied once.
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") {
                defer { at += 1 }
                return String(decoding: bytes[start..<at], as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\") { return escaped(from: start) }
            if byte < 0x20 { return nil }
            at += 1
        }
        return nil
    }

    private mutating func escaped(from start: Int) -> String? {
        var units = Array(bytes[start..<at])
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
            case UInt8(ascii: "\\"): guard escape(into: &units) else { return nil }
            case 0..<0x20: return nil
            default: units.append(byte)
            }
        }
        return nil
    }

    private mutating func escape(into units: inout [UInt8]) -> Bool {
        guard let kind = next else { return false }
        at += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(kind)
        case UInt8(ascii: "n"): units.append(0x0A)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "r"): units.append(0x0D)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0C)
        case UInt8(ascii: "u"):
            guard let scalar = scalar() else { return false }
            units.append(contentsOf: String(Character(scalar)).utf8)
        default: return false
        }
        return true
    }

    /// The scalar behind `\u`, of two escapes where it takes two; half of a pair is U+FFFD.
    private mutating func scalar() -> Unicode.Scalar? {
        guard let first = unit() else { return nil }
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) ?? "\u{FFFD}" }
        let behind = at
        guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
            bytes[at + 1] == UInt8(ascii: "u")
        else { return "\u{FFFD}" }
        at += 2
        guard let second = unit() else { return nil }
        guard (0xDC00..<0xE000).contains(second) else {
            at = behind
            return "\u{FFFD}"
        }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    /// Four hexadecimal digits.
    private mutating func unit() -> UInt32? {
        guard at + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for byte in bytes[at..<(at + 4)] {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x61 + 10)
            default: return nil
            }
        }
        at += 4
        return value
    }
}

// MARK: Looking into a tree

extension JSONValue {
    /// The member of an object; nil for anything else.
    func member(_ name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    /// The text of a string.
    var asText: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// A whole number that counts something.
    var asCount: Int? {
        if case .integer(let number) = self, number >= 0 { Int(number) } else { nil }
    }

    var asElements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    var asMembers: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }
}
