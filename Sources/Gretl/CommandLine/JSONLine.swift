// The API's bodies as `--json` prints them: one line each, in the API's own words and order. They
// are never decoded on the way, so that nothing is lost that this gr does not know.

enum JSONLine {
    /// `body` without white space outside strings, with a newline at its end. Control characters
    /// become escapes, so that the line is safe to show.
    static func compact(_ body: some Sequence<UInt8>) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(body.underestimatedCount + 1)
        var isInString = false
        var isEscaped = false
        var lead: UInt8 = 0
        for byte in body {
            defer { lead = byte }
            guard isInString else {
                // Outside strings control bytes are white space, or an error we need not keep.
                if byte > 0x20, byte != 0x7F { line.append(byte) }
                isInString = byte == 0x22
                continue
            }
            if byte < 0x20 || byte == 0x7F {
                line.append(contentsOf: escape(byte))
            } else if lead == 0xC2, byte >= 0x80, byte < 0xA0 {
                line.removeLast()
                line.append(contentsOf: escape(byte))
            } else {
                line.append(byte)
            }
            if isEscaped {
                isEscaped = false
            } else if byte == 0x5C {
                isEscaped = true
            } else if byte == 0x22 {
                isInString = false
            }
        }
        line.append(0x0A)
        return line
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
    }
}
