// The escapes of JSON strings (RFC 8259, section 7), for the few that are kept. What is no escape,
// or half of a surrogate pair, becomes U+FFFD: the text of a stranger is shown, never refused.

extension JSONScanner {
    /// The bytes a string stands for; `text` is what stood between the quotes.
    static func unescaped(_ text: [UInt8]) -> [UInt8] {
        var made: [UInt8] = []
        made.reserveCapacity(text.count)
        var at = 0
        while at < text.count {
            guard text[at] == UInt8(ascii: "\\"), at + 1 < text.count else {
                made.append(text[at])
                at += 1
                continue
            }
            let kind = text[at + 1]
            at += 2
            switch kind {
            case UInt8(ascii: "n"): made.append(0x0A)
            case UInt8(ascii: "t"): made.append(0x09)
            case UInt8(ascii: "r"): made.append(0x0D)
            case UInt8(ascii: "b"): made.append(0x08)
            case UInt8(ascii: "f"): made.append(0x0C)
            case UInt8(ascii: "u"): append(scalar(text, &at), to: &made)
            default: made.append(kind)
            }
        }
        return made
    }

    /// The scalar behind `\u`, of two escapes where it takes two.
    private static func scalar(_ text: [UInt8], _ at: inout Int) -> Unicode.Scalar {
        let wrong: Unicode.Scalar = "\u{FFFD}"
        guard let first = unit(text, &at) else { return wrong }
        guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) ?? wrong }
        guard at + 1 < text.count, text[at] == UInt8(ascii: "\\"),
            text[at + 1] == UInt8(ascii: "u")
        else { return wrong }
        var next = at + 2
        guard let second = unit(text, &next), (0xDC00...0xDFFF).contains(second) else {
            return wrong
        }
        at = next
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? wrong
    }

    /// Four hexadecimal digits.
    private static func unit(_ text: [UInt8], _ at: inout Int) -> UInt32? {
        guard at + 4 <= text.count else { return nil }
        var value: UInt32 = 0
        for byte in text[at..<(at + 4)] {
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

    private static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(Character(scalar)).utf8)
    }
}
