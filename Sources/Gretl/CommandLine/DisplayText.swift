// Text from elsewhere on its way to a terminal: control characters made visible, and its width in
// columns. Every name and message passes `escaped` before it is written; nothing may print a
// foreign byte that moves a cursor or hides a word.

enum DisplayText {
    /// `text` with control characters, line separators, direction marks and spaces of no width
    /// spelled out: `\n`, `\x1b`, `\u{202e}`.
    static func escaped(_ text: String) -> String {
        guard text.actsOnDisplay else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            guard scalar.actsOnDisplay else {
                result.unicodeScalars.append(scalar)
                continue
            }
            switch scalar.value {
            case 0x09: result += "\\t"
            case 0x0A: result += "\\n"
            case 0x0D: result += "\\r"
            case 0..<0x100:
                let digits = String(scalar.value, radix: 16)
                result += "\\x" + (digits.count < 2 ? "0" : "") + digits
            default: result += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
        return result
    }

    /// A line of a program's output: colours (SGR sequences) pass or go, tabs pass, and everything
    /// else is as in ``escaped(_:)``. The daemon has seen to that already; this holds whoever
    /// answers in its place.
    static func output(_ text: String, keepsColors: Bool) -> String {
        guard text.unicodeScalars.contains(where: { $0.actsOnDisplay && $0 != "\t" }) else {
            return text
        }
        var result = ""
        var isColored = false
        var rest = text.unicodeScalars[...]
        while let scalar = rest.first {
            if let length = colorLength(rest) {
                if keepsColors { result.unicodeScalars += rest.prefix(length) }
                isColored = isColored || keepsColors
                rest = rest.dropFirst(length)
                continue
            }
            if scalar == "\t" || !scalar.actsOnDisplay {
                result.unicodeScalars.append(scalar)
            } else {
                result += escaped(String(scalar))
            }
            rest = rest.dropFirst()
        }
        return isColored && !result.hasSuffix("\u{1B}[0m") ? result + "\u{1B}[0m" : result
    }

    /// How many scalars an SGR sequence at the start takes; nil when there is none.
    private static func colorLength(_ text: Substring.UnicodeScalarView) -> Int? {
        guard text.starts(with: ["\u{1B}", "["]) else { return nil }
        let arguments = text.dropFirst(2).prefix(64).prefix {
            ("0"..."9").contains($0) || $0 == ";" || $0 == ":"
        }
        guard text[arguments.endIndex...].first == "m" else { return nil }
        return arguments.count + 3
    }

    /// Columns that `text` takes on a terminal.
    static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        var most = 0
        for scalar in character.unicodeScalars {
            // An emoji presentation makes the whole character wide.
            if scalar.value == 0xFE0F { return 2 }
            most = max(most, width(scalar))
        }
        return most
    }

    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return isWide(scalar) ? 2 : 1
        }
    }

    /// The blocks whose characters take two columns (Unicode's East Asian Width, W and F).
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
            0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
            true
        default: scalar.properties.isEmojiPresentation
        }
    }

    /// `text` with spaces behind it, or before it, up to `width` columns.
    static func padded(_ text: String, to width: Int, toRight: Bool = false) -> String {
        let missing = width - Self.width(text)
        guard missing > 0 else { return text }
        let spaces = String(repeating: " ", count: missing)
        return toRight ? spaces + text : text + spaces
    }
}
