// The API's bodies as `--json` prints them: one line each, and the elements of a list by their own
// bytes, so that nothing is lost or reordered on the way through the client.

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

    /// The elements of the array that is the value of the first member of `body`, as in
    /// `{"services":[…]}`. Empty when `body` has another shape.
    static func elements(of body: [UInt8]) -> [ArraySlice<UInt8>] {
        guard let start = body.firstIndex(of: 0x5B) else { return [] }
        var elements: [ArraySlice<UInt8>] = []
        var depth = 0
        var from = start + 1
        var isInString = false
        var isEscaped = false
        for at in (start + 1)..<body.count {
            let byte = body[at]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5C {
                    isEscaped = true
                } else if byte == 0x22 {
                    isInString = false
                }
                continue
            }
            switch byte {
            case 0x22: isInString = true
            case 0x5B, 0x7B: depth += 1
            case 0x5D where depth == 0, 0x2C where depth == 0:
                let element = body[from..<at]
                if element.contains(where: { $0 > 0x20 }) { elements.append(element) }
                if byte == 0x5D { return elements }
                from = at + 1
            case 0x5D, 0x7D: depth -= 1
            default: break
            }
        }
        return []
    }
}
