// The text of an env_file: KEY=VALUE, one a line, as dotenv and compose read it. Values are secrets
// more often than not: a complaint names line and key, never what stands behind the equals sign.

/// Variables of a file.
struct EnvironmentText: Equatable {
    /// Of a key given twice the last counts.
    private(set) var variables: [String: String] = [:]
    /// The line of each of them.
    private(set) var lines: [String: Int] = [:]
    private(set) var problems: [ConfigurationError.Problem] = []

    /// The largest file, and the most complaints about one.
    static let bytesMost = 64 * 1_024
    private static let problemsMost = 20

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1

    /// Reads all of it. `export` in front of a key is left out; `#` begins a comment at the start
    /// of a line, and behind white space after a value without quotes. Single quotes keep
    /// everything, double quotes know \n, \r, \t, \", \\ and \$; both may go over lines. Nothing is
    /// expanded.
    init(_ bytes: [UInt8]) {
        let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
        self.bytes = hasMark ? Array(bytes.dropFirst(3)) : bytes
        while at < self.bytes.count { readLine() }
    }

    private var current: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func readLine() {
        skipBlanks()
        let start = at
        let startLine = line
        while let byte = current, byte != 0x0A, byte != UInt8(ascii: "=") { at += 1 }
        let word = bytes[start..<at]
        let isComment = word.first == UInt8(ascii: "#")
        let isEmpty = current != UInt8(ascii: "=") && word.allSatisfy { $0 <= 0x20 }
        guard !isComment, !isEmpty else { return endLine() }
        guard current == UInt8(ascii: "=") else {
            complain("there is no '=' in this line")
            return endLine()
        }
        at += 1
        guard let key = Self.key(word) else {
            complain("the name before '=' must be letters, digits and '_'")
            return endLine()
        }
        let isBlank = current == 0x20 || current == 0x09
        skipBlanks()
        guard let value = readValue(isBlank: isBlank) else {
            complain("the value of \(key) has no closing quote")
            at = bytes.count
            return
        }
        guard let text = String(validating: value, as: UTF8.self), !value.contains(0) else {
            complain("the value of \(key) is not UTF-8, or has a zero byte")
            return endLine()
        }
        variables[key] = text
        lines[key] = startLine
        if !restIsBlank { complain("something stands behind the closing quote of \(key)") }
        endLine()
    }

    private static func key(_ word: ArraySlice<UInt8>) -> String? {
        var word = word
        while let last = word.last, last <= 0x20 { word.removeLast() }
        if word.starts(with: "export ".utf8) || word.starts(with: "export\t".utf8) {
            word = word.dropFirst(7)
            word = word.drop { $0 <= 0x20 }
        }
        let isName = word.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D, 0x2E: true
            default: false
            }
        }
        guard isName, !word.isEmpty, word.count <= 256 else { return nil }
        return String(decoding: word, as: UTF8.self)
    }

    /// Nil without a closing quote.
    private mutating func readValue(isBlank: Bool) -> [UInt8]? {
        switch current {
        case UInt8(ascii: "'"): return readQuoted(UInt8(ascii: "'"), knowsEscapes: false)
        case UInt8(ascii: "\""): return readQuoted(UInt8(ascii: "\""), knowsEscapes: true)
        default: break
        }
        var value: [UInt8] = []
        var previous: UInt8 = isBlank ? 0x20 : 0
        while let byte = current, byte != 0x0A {
            if byte == UInt8(ascii: "#"), previous == 0x20 || previous == 0x09 {
                while let rest = current, rest != 0x0A { at += 1 }
                break
            }
            value.append(byte)
            previous = byte
            at += 1
        }
        while let last = value.last, last == 0x20 || last == 0x09 || last == 0x0D {
            value.removeLast()
        }
        return value
    }

    private mutating func readQuoted(_ quote: UInt8, knowsEscapes: Bool) -> [UInt8]? {
        var value: [UInt8] = []
        at += 1
        while let byte = current {
            at += 1
            if byte == quote { return value }
            if byte == 0x0A { line += 1 }
            guard knowsEscapes, byte == UInt8(ascii: "\\"), let next = current else {
                value.append(byte)
                continue
            }
            at += 1
            switch next {
            case UInt8(ascii: "n"): value.append(0x0A)
            case UInt8(ascii: "r"): value.append(0x0D)
            case UInt8(ascii: "t"): value.append(0x09)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "$"): value.append(next)
            default: value += [byte, next]
            }
            if next == 0x0A { line += 1 }
        }
        return nil
    }

    private var restIsBlank: Bool {
        for byte in bytes[at...] {
            switch byte {
            case 0x0A, UInt8(ascii: "#"): return true
            case 0x20, 0x09, 0x0D: continue
            default: return false
            }
        }
        return true
    }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0D { at += 1 }
    }

    private mutating func endLine() {
        while let byte = current {
            at += 1
            if byte == 0x0A {
                line += 1
                return
            }
        }
    }

    private mutating func complain(_ message: String) {
        guard problems.count < Self.problemsMost else { return }
        problems.append(.init(line: line, column: 1, message: message))
    }
}
