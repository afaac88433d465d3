// What grep and find look for, as a tree: made from a regular expression, a plain text or a glob,
// and compiled to a PatternProgram. It works on bytes; a character beyond ASCII is a sequence of
// them. Pure.

/// A set of byte values.
struct ByteSet: Equatable, Sendable {
    private var low: (UInt64, UInt64) = (0, 0)
    private var high: (UInt64, UInt64) = (0, 0)

    init() {}

    init(_ byte: UInt8) { insert(byte) }

    init(_ range: ClosedRange<UInt8>) { insert(range) }

    mutating func insert(_ byte: UInt8) {
        let bit: UInt64 = 1 << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: low.0 |= bit
        case 1: low.1 |= bit
        case 2: high.0 |= bit
        default: high.1 |= bit
        }
    }

    mutating func insert(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

    mutating func formUnion(_ other: ByteSet) {
        low.0 |= other.low.0
        low.1 |= other.low.1
        high.0 |= other.high.0
        high.1 |= other.high.1
    }

    func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: low.0
            case 1: low.1
            case 2: high.0
            default: high.1
            }
        return word >> UInt64(byte & 63) & 1 != 0
    }

    /// The ASCII bytes that are not in it, without the line end.
    var otherASCII: ByteSet {
        var others = ByteSet()
        for byte: UInt8 in 0...0x7F where !contains(byte) && byte != 0x0A { others.insert(byte) }
        return others
    }

    /// With each ASCII letter in both cases.
    var ignoringCase: ByteSet {
        var both = self
        for letter: UInt8 in 0x41...0x5A {
            if contains(letter) { both.insert(letter | 0x20) }
            if contains(letter | 0x20) { both.insert(letter) }
        }
        return both
    }

    static func == (left: ByteSet, right: ByteSet) -> Bool {
        left.low == right.low && left.high == right.high
    }
}

/// What a place in a line has to be.
enum PatternAssertion: Sendable {
    case lineStart
    case lineEnd
    case wordEdge
    case noWordEdge
}

/// A pattern.
indirect enum PatternNode: Sendable {
    case empty
    case bytes(ByteSet)
    case sequence([PatternNode])
    case either([PatternNode])
    /// `most` nil: without an end.
    case repeated(PatternNode, least: Int, most: Int?)
    case assertion(PatternAssertion)

    /// One character beyond ASCII, as UTF-8.
    static var beyondASCII: PatternNode {
        func tail(_ count: Int) -> PatternNode {
            .repeated(.bytes(ByteSet(0x80...0xBF)), least: count, most: count)
        }
        // A byte that begins no character counts as one.
        var stray = ByteSet(0x80...0xC1)
        stray.insert(0xF5...0xFF)
        return .either([
            .sequence([.bytes(ByteSet(0xC2...0xDF)), tail(1)]),
            .sequence([.bytes(ByteSet(0xE0...0xEF)), tail(2)]),
            .sequence([.bytes(ByteSet(0xF0...0xF4)), tail(3)]),
            .bytes(stray),
        ])
    }

    /// Any character but a line end.
    static var anyCharacter: PatternNode {
        .either([.bytes(ByteSet().otherASCII), beyondASCII])
    }

    /// One character, in both cases when `ignoresCase`.
    static func character(_ scalar: Unicode.Scalar, ignoresCase: Bool) -> PatternNode {
        if scalar.isASCII {
            let set = ByteSet(UInt8(truncatingIfNeeded: scalar.value))
            return .bytes(ignoresCase ? set.ignoringCase : set)
        }
        var spellings = [String(scalar)]
        if ignoresCase {
            for other in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
            where !spellings.contains(other) { spellings.append(other) }
        }
        let choices = spellings.map { spelling in
            PatternNode.sequence(spelling.utf8.map { .bytes(ByteSet($0)) })
        }
        return choices.count == 1 ? choices[0] : .either(choices)
    }

    /// A text that stands for itself.
    static func text(_ text: String, ignoresCase: Bool) -> PatternNode {
        .sequence(text.unicodeScalars.map { character($0, ignoresCase: ignoresCase) })
    }
}

/// Why a pattern is not taken, for the model.
package struct PatternError: Error, Equatable {
    package let message: String
    init(_ message: String) { self.message = message }
}
