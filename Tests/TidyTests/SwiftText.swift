// Swift source, as far as rules about text need it: code without comments and strings, the imports
// of a file, words in a line. No parser: it knows what this project writes, and its own tests show
// that it finds what it should.

/// Reads Swift source line by line.
enum SwiftText {
    /// The lines with comments and the insides of strings blanked. Line numbers stay.
    static func code(_ text: String) -> [String] {
        var lines: [String] = []
        var isInLongString = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            lines.append(code(line, &isInLongString))
        }
        return lines
    }

    private static func code(_ line: Substring, _ isInLongString: inout Bool) -> String {
        var kept: [UInt8] = []
        let bytes = Array(line.utf8)
        var place = 0
        var isInString = false
        while place < bytes.count {
            if starts(bytes, place, "\"\"\"") {
                isInLongString.toggle()
                place += 3
            } else if isInLongString {
                place += 1
            } else if bytes[place] == UInt8(ascii: "\\") && isInString {
                place += 2
            } else if bytes[place] == UInt8(ascii: "\"") {
                isInString.toggle()
                place += 1
            } else if isInString {
                place += 1
            } else if starts(bytes, place, "//") {
                break
            } else {
                kept.append(bytes[place])
                place += 1
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    private static func starts(_ bytes: [UInt8], _ place: Int, _ text: String) -> Bool {
        bytes[place...].starts(with: text.utf8)
    }

    /// The modules a file imports.
    static func imports(_ text: String) -> [String] {
        code(text).compactMap { line in
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
                words[..<place].allSatisfy({ $0.hasPrefix("@") || accessLevels.contains($0) })
            else { return nil }
            // `import struct Module.Type` names the kind first.
            let name = kinds.contains(words[place + 1]) ? words.last ?? "" : words[place + 1]
            return name.split(separator: ".").first.map(String.init)
        }
    }

    private static let accessLevels: Set<Substring> = [
        "public", "package", "internal", "fileprivate", "private",
    ]
    private static let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "func", "let", "var", "typealias",
    ]

    /// Whether `line` holds `call`, not as the end of a longer word and not as a member.
    static func uses(_ call: String, in line: String) -> Bool {
        let bytes = Array(line.utf8)
        let wanted = Array(call.utf8)
        guard bytes.count >= wanted.count else { return false }
        for place in 0...(bytes.count - wanted.count)
        where bytes[place..<place + wanted.count].elementsEqual(wanted) {
            guard place > 0, isWordOrDot(bytes[place - 1]) else { return true }
        }
        return false
    }

    private static func isWordOrDot(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
