// Reads a class of characters such as `[^a-z\d_]`, and the escapes that mean one character or a
// class. A part of PatternParser. Pure.

/// Reads classes and escapes.
struct PatternClassReader {
    enum Item {
        case one(Unicode.Scalar)
        /// ASCII characters, and everything beyond them when `beyondASCII`.
        case set(ByteSet, beyondASCII: Bool)
    }

    let scalars: [Unicode.Scalar]
    /// The next scalar.
    private(set) var at: Int
    let ignoresCase: Bool

    init(scalars: [Unicode.Scalar], at: Int, ignoresCase: Bool) {
        self.scalars = scalars
        self.at = at
        self.ignoresCase = ignoresCase
    }

    private var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    /// A class, from behind its `[` to behind its `]`.
    mutating func read() throws(PatternError) -> PatternNode {
        var set = ByteSet()
        var others: [Unicode.Scalar] = []
        var isBeyondASCII = false
        let isNegated = next == "^"
        if isNegated { at += 1 }
        var isFirst = true
        while true {
            guard let scalar = next else { throw PatternError("A \"[\" has no \"]\".") }
            // A bracket that comes first stands for itself.
            if scalar == "]", !isFirst { break }
            isFirst = false
            switch try item() {
            case .set(let other, let beyond):
                set.formUnion(other)
                isBeyondASCII = isBeyondASCII || beyond
            case .one(let first):
                guard let last = try rangeEnd() else {
                    if first.isASCII {
                        set.insert(UInt8(truncatingIfNeeded: first.value))
                    } else {
                        others.append(first)
                    }
                    continue
                }
                guard first.isASCII, last.isASCII, first <= last else {
                    throw PatternError(
                        "The range \(first)-\(last) is not supported: only of ASCII characters.")
                }
                set.insert(
                    UInt8(truncatingIfNeeded: first.value)...UInt8(truncatingIfNeeded: last.value))
            }
        }
        at += 1
        if ignoresCase { set = set.ignoringCase }
        guard !isNegated else {
            guard others.isEmpty else {
                throw PatternError("\"[^...]\" with characters beyond ASCII is not supported.")
            }
            let rest = PatternNode.bytes(set.otherASCII)
            return isBeyondASCII ? rest : .either([rest, .beyondASCII])
        }
        var choices: [PatternNode] = [.bytes(set)]
        choices += others.map { .character($0, ignoresCase: ignoresCase) }
        if isBeyondASCII { choices.append(.beyondASCII) }
        return choices.count == 1 ? choices[0] : .either(choices)
    }

    private mutating func item() throws(PatternError) -> Item {
        let scalar = scalars[at]
        at += 1
        if scalar == "[", next == ":" { return try named() }
        guard scalar == "\\" else { return .one(scalar) }
        if next == "b" {
            at += 1
            return .one("\u{8}")
        }
        return try escape()
    }

    /// The end of a range, when a `-` and one more character follow.
    private mutating func rangeEnd() throws(PatternError) -> Unicode.Scalar? {
        guard next == "-", at + 1 < scalars.count, scalars[at + 1] != "]" else { return nil }
        at += 1
        guard case .one(let last) = try item() else {
            throw PatternError("A range of characters ends with a class.")
        }
        return last
    }

    /// `[:alpha:]` and its like, from behind their `[`.
    private mutating func named() throws(PatternError) -> Item {
        let start = at + 1
        var end = start
        while end < scalars.count, scalars[end] != ":" { end += 1 }
        guard end + 1 < scalars.count, scalars[end + 1] == "]" else {
            // Just a bracket and a colon.
            return .one("[")
        }
        let name = String(String.UnicodeScalarView(scalars[start..<end]))
        let isDigit: (UInt8) -> Bool = { (0x30...0x39).contains($0) }
        let isLetter: (UInt8) -> Bool = { (0x61...0x7A).contains(ByteSearch.lower($0)) }
        let isMember: (UInt8) -> Bool
        switch name {
        case "alpha": isMember = isLetter
        case "digit": isMember = isDigit
        case "alnum": isMember = { isDigit($0) || isLetter($0) }
        case "upper": isMember = { (0x41...0x5A).contains($0) }
        case "lower": isMember = { (0x61...0x7A).contains($0) }
        case "space": isMember = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        case "blank": isMember = { $0 == 0x20 || $0 == 0x09 }
        case "punct":
            isMember = { (0x21...0x7E).contains($0) && !isDigit($0) && !isLetter($0) }
        case "xdigit":
            isMember = { isDigit($0) || (0x61...0x66).contains(ByteSearch.lower($0)) }
        default: throw PatternError("There is no class [:\(name):].")
        }
        at = end + 2
        var set = ByteSet()
        for byte: UInt8 in 0...0x7F where isMember(byte) { set.insert(byte) }
        return .set(set, beyondASCII: false)
    }

    /// What stands behind a `\`.
    mutating func escape() throws(PatternError) -> Item {
        guard let scalar = next else {
            throw PatternError("The pattern ends with a single \"\\\".")
        }
        at += 1
        var digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
        switch scalar {
        case "d": return .set(digits, beyondASCII: false)
        case "D": return .set(digits.otherASCII, beyondASCII: true)
        case "w", "W":
            digits.insert(UInt8(ascii: "A")...UInt8(ascii: "Z"))
            digits.insert(UInt8(ascii: "a")...UInt8(ascii: "z"))
            digits.insert(UInt8(ascii: "_"))
            // A letter beyond ASCII is a letter.
            return scalar == "w"
                ? .set(digits, beyondASCII: true) : .set(digits.otherASCII, beyondASCII: false)
        case "s", "S":
            var spaces = ByteSet(0x09...0x0D)
            spaces.insert(0x20)
            return scalar == "s"
                ? .set(spaces, beyondASCII: false) : .set(spaces.otherASCII, beyondASCII: true)
        case "n": return .one("\n")
        case "r": return .one("\r")
        case "t": return .one("\t")
        case "f": return .one("\u{C}")
        case "v": return .one("\u{B}")
        case "0": return .one("\0")
        case "x": return .one(try hexadecimal(2))
        case "u": return .one(try hexadecimal(4))
        case "a"..."z", "A"..."Z", "1"..."9":
            throw PatternError("\"\\\(scalar)\" is not supported.")
        default: return .one(scalar)
        }
    }

    /// Two or four digits, or any number of them in braces.
    private mutating func hexadecimal(_ count: Int) throws(PatternError) -> Unicode.Scalar {
        let isBraced = next == "{"
        if isBraced { at += 1 }
        var value: UInt32 = 0
        var digits = 0
        while digits < (isBraced ? 6 : count), let scalar = next,
            let digit = Character(scalar).hexDigitValue
        {
            value = value << 4 | UInt32(digit)
            digits += 1
            at += 1
        }
        var isClosed = true
        if isBraced {
            isClosed = next == "}"
            at += isClosed ? 1 : 0
        }
        guard digits == count || (isBraced && digits > 0), isClosed,
            let scalar = Unicode.Scalar(value)
        else { throw PatternError("\"\\x\" and \"\\u\" want hexadecimal digits.") }
        return scalar
    }
}
