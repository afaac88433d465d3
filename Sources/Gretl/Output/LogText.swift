// Output of programs made harmless: whatever bytes a program wrote, what leaves here is valid UTF-8
// that moves no cursor, hides no word and ends no line. Used for every line of a log that anybody
// is shown. Pure, and called for each line: plain ASCII takes one look and one copy.

/// Makes lines of output harmless.
enum LogText {
    private static let escape: UInt8 = 0x1B

    /// The text of one line without its line end. Colours (SGR sequences) stay with `colors` and go
    /// without; everything else that is no printable text or tab is spelled out: `\x1b`, `\xff`,
    /// `\u{2028}`. Of a line that carriage returns overwrite, the last state is kept.
    static func clean(_ line: ArraySlice<UInt8>, colors: Bool) -> String {
        if isPlain(line) { return String(decoding: line, as: UTF8.self) }
        var cleaner = Cleaner(line: lastState(line), colors: colors)
        return cleaner.run()
    }

    /// Nothing but printable ASCII and tabs. Looks at all bytes without stopping, which the
    /// compiler makes vector code of.
    static func isPlain(_ line: ArraySlice<UInt8>) -> Bool {
        var others = 0
        for byte in line {
            others &+= (byte >= 0x20 && byte < 0x7F) || byte == 0x09 ? 0 : 1
        }
        return others == 0
    }

    /// What a terminal would show in the end: a progress bar writes its states over each other, and
    /// with a terminal lines end with CR LF.
    private static func lastState(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = line
        while rest.last == 0x0D { rest = rest.dropLast() }
        guard let carriage = rest.lastIndex(of: 0x0D) else { return rest }
        rest = rest[(carriage + 1)...]
        // "Erase the line" before the new state says what the carriage return has said.
        for erase in [[0x1B, 0x5B, 0x4B], [0x1B, 0x5B, 0x32, 0x4B]] as [[UInt8]]
        where rest.starts(with: erase) {
            return rest.dropFirst(erase.count)
        }
        return rest
    }

    /// One pass over a line that is not plain.
    private struct Cleaner {
        let line: ArraySlice<UInt8>
        let colors: Bool
        var at: Int
        var output: [UInt8] = []
        /// A colour was set and not reset.
        var isColored = false

        init(line: ArraySlice<UInt8>, colors: Bool) {
            self.line = line
            self.colors = colors
            at = line.startIndex
            output.reserveCapacity(line.count + 16)
        }

        mutating func run() -> String {
            while at < line.endIndex {
                let byte = line[at]
                switch byte {
                case 0x09, 0x20..<0x7F:
                    output.append(byte)
                    at += 1
                case LogText.escape: takeEscape()
                case 0x80...: takeScalar()
                default: spellByte()
                }
            }
            // A colour must not run on into other lines.
            if isColored { output += [LogText.escape, 0x5B, 0x30, 0x6D] }
            return String(decoding: output, as: UTF8.self)
        }

        private mutating func spellByte() {
            spell(line[at])
            at += 1
        }

        private mutating func spell(_ byte: UInt8) {
            let digits = Array("0123456789abcdef".utf8)
            output += [0x5C, 0x78, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }

        /// A character beyond ASCII: itself, spelled out, or its first byte when it is none.
        private mutating func takeScalar() {
            let length =
                switch line[at] {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                default: 0
                }
            guard length > 0, line.endIndex - at >= length,
                let text = String(validating: line[at..<at + length], as: UTF8.self),
                let scalar = text.unicodeScalars.first
            else { return spellByte() }
            if !scalar.actsOnDisplay {
                output += text.utf8
            } else if scalar.value < 0x100 {
                spell(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                output += "\\u{\(String(scalar.value, radix: 16))}".utf8
            }
            at += length
        }

        /// A colour sequence, or an escape spelled out.
        private mutating func takeEscape() {
            guard let length = LogText.colorLength(line[at...]) else { return spellByte() }
            if colors {
                let sequence = line[at..<at + length]
                output += sequence
                // `ESC [ m` and `ESC [ 0 m` reset.
                isColored = !(length == 3 || length == 4 && sequence.dropFirst(2).first == 0x30)
            }
            at += length
        }
    }

    /// Length of the colour sequence (`ESC [ 1 ; 31 m`) that `rest` starts with; nil when it is
    /// something else, or one that conceals.
    private static func colorLength(_ rest: ArraySlice<UInt8>) -> Int? {
        guard rest.dropFirst().first == 0x5B else { return nil }
        var numbers: [Int] = [0]
        for (index, byte) in rest.enumerated().dropFirst(2) {
            guard index < colorBytes else { return nil }
            switch byte {
            case 0x30...0x39: numbers[numbers.count - 1] = numbers.last! * 10 + Int(byte - 0x30)
            case 0x3B, 0x3A: numbers.append(0)
            case 0x6D: return conceals(numbers) ? nil : index + 1
            default: return nil
            }
            guard numbers.last! < 1_000 else { return nil }
        }
        return nil
    }

    /// Longest colour sequence that is one.
    private static let colorBytes = 64

    /// Whether 8 ("conceal") is among the parameters and not the argument of a colour.
    private static func conceals(_ numbers: [Int]) -> Bool {
        var index = 0
        while index < numbers.count {
            switch numbers[index] {
            case 8: return true
            case 38, 48, 58:
                let form = index + 1 < numbers.count ? numbers[index + 1] : 0
                index += form == 5 ? 3 : form == 2 ? 5 : 1
            default: index += 1
            }
        }
        return false
    }
}
