// The output of a program as the text a model gets: its first and last bytes, and how much is
// missing between them. Pure.

import NetCore

/// Renders output.
enum ProgramText {
    /// Whole characters at the cut; control characters other than line ends and tabs are taken out
    /// with the escape sequences they begin.
    static func render(_ output: HeadAndTail) -> String {
        guard output.cut > 0 else { return clean(output.head + output.tail) }
        let head = clean(Array(withoutPartialEnd(output.head)))
        let tail = clean(Array(withoutPartialStart(output.tail)))
        return "\(head)\n[... \(output.cut) bytes left out ...]\n\(tail)"
    }

    /// The last `bytes` of the output.
    static func tail(_ output: HeadAndTail, bytes: Int) -> String {
        let kept = output.head + output.tail
        guard kept.count > bytes || output.cut > 0 else { return clean(kept) }
        return clean(Array(withoutPartialStart(Array(kept.suffix(bytes)))))
    }

    private static func withoutPartialStart(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        let partial = bytes.prefix(3).prefix { $0 & 0xC0 == 0x80 }.count
        return bytes.dropFirst(partial)
    }

    private static func withoutPartialEnd(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        // At most three bytes of a character that has four.
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > back ? bytes.dropLast(back) : bytes[...]
        }
        return bytes[...]
    }

    private static func clean(_ bytes: [UInt8]) -> String {
        guard bytes.contains(where: { $0 < 0x20 && $0 != 0x0A && $0 != 0x09 }) else {
            return String(decoding: bytes, as: UTF8.self)
        }
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == 0x1B, index < bytes.count, bytes[index] == UInt8(ascii: "[") {
                // ESC [ parameters, and the letter that ends them.
                index += 1
                while index < bytes.count, (0x20...0x3F).contains(bytes[index]) { index += 1 }
                if index < bytes.count, (0x40...0x7E).contains(bytes[index]) { index += 1 }
            } else if byte >= 0x20 || byte == 0x0A || byte == 0x09 {
                kept.append(byte)
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }
}
