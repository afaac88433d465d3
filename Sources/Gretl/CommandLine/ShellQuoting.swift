// Words as a shell reads them back: for commands that are handed to a shell, and for advice that is
// copied into one.

/// Words as a shell reads them back.
enum ShellQuoting {
    /// `word` as it is when no shell sees more in it than letters, else in single quotes.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                // % + , - . / : @ _
                case 0x25, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x3A, 0x40, 0x5F: true
                default: false
                }
            }
        if isPlain { return word }
        var quoted = "'"
        for scalar in word.unicodeScalars {
            if scalar == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(scalar) }
        }
        return quoted + "'"
    }

    /// `gr start NAME` within a sentence: in quotes of its own, unless the name has brought some.
    static func command(_ words: String, _ name: String) -> String {
        let quoted = quoted(name)
        return quoted == name ? "'\(words) \(name)'" : "\(words) \(quoted)"
    }

    /// As `quoted`, with control characters spelled out: `$'a\\nb'`, as bash, zsh and ksh read it.
    static func quotedVisibly(_ word: String) -> String {
        guard DisplayText.escaped(word) != word else { return quoted(word) }
        var quoted = "$'"
        for scalar in word.unicodeScalars {
            if scalar == "'" || scalar == "\\" {
                quoted += "\\" + String(scalar)
            } else if DisplayText.escaped(String(scalar)) == String(scalar) {
                quoted.unicodeScalars.append(scalar)
            } else {
                for byte in String(scalar).utf8 {
                    quoted += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
                }
            }
        }
        return quoted + "'"
    }
}
