// The command line of a running process as text for `$SHELL -c`, so that an adopted service can be
// started again. What is no UTF-8 or too long is no command.

/// Command lines as text.
enum CommandText {
    /// Quoted where a shell would take it apart; nil when there is nothing usable.
    static func command(_ words: [[UInt8]], most: Int) -> String? {
        var texts: [String] = []
        for word in words {
            guard let text = String(validating: word, as: UTF8.self) else { return nil }
            texts.append(text)
        }
        guard let first = texts.first, !first.isEmpty else { return nil }
        // A program that renamed itself, as npm does: "npm run dev" is three words again.
        let command =
            texts.count == 1 && isPlain(first, besides: " ")
            ? first : texts.map(quoted).joined(separator: " ")
        return command.utf8.count <= most ? command : nil
    }

    private static func quoted(_ word: String) -> String {
        if !word.isEmpty, isPlain(word, besides: nil) { return word }
        return "'"
            + word.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''") + "'"
    }

    /// Only characters that mean nothing to a shell.
    private static func isPlain(_ text: String, besides other: Character?) -> Bool {
        text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"),
                UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: ","),
                UInt8(ascii: "+"), UInt8(ascii: "%"):
                true
            default: other?.asciiValue == byte
            }
        }
    }
}
