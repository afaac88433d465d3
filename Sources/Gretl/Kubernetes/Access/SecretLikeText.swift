// What a plugin says of its failure is for the owner to read, and some print what they were given:
// words that look like credentials are left out before anything is quoted. Used by PluginRunner.

/// Text without what may be a credential.
package enum SecretLikeText {
    /// Shorter ones are hosts, versions, ids of requests.
    private static let wordLeast = 20

    /// `text` with every run of at least 20 letters and digits (also `_`, `-`, `+`, `=` and `~`
    /// among them) that has both replaced by `[…]`. Host names and paths are shorter by parts.
    package static func hidden(in text: String) -> String {
        var result = ""
        var word = ""
        func flush() {
            result += isSuspicious(word) ? "[…]" : word
            word = ""
        }
        for scalar in text.unicodeScalars {
            if isWordPart(scalar) {
                word.unicodeScalars.append(scalar)
            } else {
                flush()
                result.unicodeScalars.append(scalar)
            }
        }
        flush()
        return result
    }

    private static func isWordPart(_ scalar: Unicode.Scalar) -> Bool {
        isLetter(scalar) || isDigit(scalar) || "_-+=~".unicodeScalars.contains(scalar)
    }

    private static func isSuspicious(_ word: String) -> Bool {
        word.utf8.count >= wordLeast && word.unicodeScalars.contains(where: isLetter)
            && word.unicodeScalars.contains(where: isDigit)
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
}
