// File names as text for a model and a person: a name may hold line ends, escapes of a terminal,
// marks that turn the direction of text, or bytes that are no text at all. Pure.

/// Shows names so that they stay in their line and change nothing around them.
package enum ShownName {
    /// The name itself where it is plain text; else in quotes with escapes, as git shows it.
    package static func of(_ name: some Collection<UInt8>) -> String {
        let text = String(decoding: name, as: UTF8.self)
        guard !text.utf8.elementsEqual(name) || text.unicodeScalars.contains(where: isHarmful)
        else { return text }
        var shown = "\""
        var rest = name[...]
        while !rest.isEmpty {
            if let (scalar, count) = first(of: rest) {
                escape(scalar, into: &shown)
                rest = rest.dropFirst(count)
            } else {
                shown += hex(rest.removeFirst())
            }
        }
        return shown + "\""
    }

    /// The scalar that `bytes` begin with; nil when they begin with none.
    private static func first(
        of bytes: some Collection<UInt8>
    ) -> (scalar: Unicode.Scalar, count: Int)? {
        var decoder = UTF8()
        var iterator = bytes.prefix(4).makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
        return (scalar, UTF8.width(scalar))
    }

    private static func escape(_ scalar: Unicode.Scalar, into shown: inout String) {
        switch scalar {
        case "\n": shown += "\\n"
        case "\r": shown += "\\r"
        case "\t": shown += "\\t"
        case "\"", "\\":
            shown += "\\"
            shown.unicodeScalars.append(scalar)
        default:
            if isHarmful(scalar) {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "\\x" + (digits.count == 1 ? "0" : "") + digits
    }

    /// Controls, line ends, marks of direction and what is not seen.
    static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x00AD, 0x061C, 0x180E, 0x200B...0x200F, 0x2028...0x202E,
            0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        default: false
        }
    }
}
