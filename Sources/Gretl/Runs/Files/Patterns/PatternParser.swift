// Reads a regular expression as models write them (the common part of Python's, JavaScript's and
// ripgrep's) into a PatternNode. What only a matcher that goes back can do - back-references,
// look-around - is refused in words. Whatever the text is, it ends with a tree or an error. Pure.

/// Reads regular expressions.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var ignoresCase: Bool
    private var depth = 0

    /// The tree of `pattern`.
    static func parse(
        _ pattern: String, ignoresCase: Bool
    ) throws(PatternError) -> PatternNode {
        let scalars = Array(pattern.unicodeScalars)
        guard scalars.count <= FileToolLimits.patternCharacters else {
            throw PatternError("The pattern is too long: at most 1000 characters.")
        }
        var parser = PatternParser(scalars: scalars, ignoresCase: ignoresCase)
        let node = try parser.alternatives()
        guard parser.at == scalars.count else { throw PatternError("A \")\" has no \"(\".") }
        return node
    }

    private init(scalars: [Unicode.Scalar], ignoresCase: Bool) {
        self.scalars = scalars
        self.ignoresCase = ignoresCase
    }

    private var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        at += 1
        return true
    }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[at...].starts(with: wanted) else { return false }
        at += wanted.count
        return true
    }

    private mutating func alternatives() throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= FileToolLimits.patternDepth else {
            throw PatternError("The pattern has too many groups within groups.")
        }
        var choices = [try sequence()]
        while take("|" as Unicode.Scalar) { choices.append(try sequence()) }
        return choices.count == 1 ? choices[0] : .either(choices)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let node = try atom()
            nodes.append(try quantified(node))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    // MARK: Counts

    private mutating func quantified(_ node: PatternNode) throws(PatternError) -> PatternNode {
        var result = node
        var count = 0
        while let (least, most) = try quantifier() {
            count += 1
            guard count <= 2 else { throw PatternError("A repetition is repeated too often.") }
            // Whether few or many are taken decides nothing: only whether a line matches counts.
            if !take("?" as Unicode.Scalar), next == "+" {
                throw PatternError("Possessive repetitions such as \"a++\" are not supported.")
            }
            result = .repeated(result, least: least, most: most)
        }
        return result
    }

    private mutating func quantifier() throws(PatternError) -> (least: Int, most: Int?)? {
        switch next {
        case "*":
            at += 1
            return (0, nil)
        case "+":
            at += 1
            return (1, nil)
        case "?":
            at += 1
            return (0, 1)
        case "{": return try counted()
        default: return nil
        }
    }

    /// `{2}`, `{2,}`, `{2,5}`, `{,5}`; anything else in braces stands for itself.
    private mutating func counted() throws(PatternError) -> (least: Int, most: Int?)? {
        let start = at
        at += 1
        let least = number()
        var most = least
        var hasComma = false
        if take("," as Unicode.Scalar) {
            hasComma = true
            most = number()
        }
        guard take("}" as Unicode.Scalar), least != nil || (hasComma && most != nil) else {
            at = start
            return nil
        }
        guard least ?? 0 <= 1_000, most ?? 0 <= 1_000, most.map({ least ?? 0 <= $0 }) ?? true
        else { throw PatternError("A count in braces is larger than 1000, or turned round.") }
        return (least ?? 0, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar) {
            value = min(10_000, (value ?? 0) * 10 + Int(scalar.value - 0x30))
            at += 1
        }
        return value
    }

    // MARK: Atoms

    private mutating func atom() throws(PatternError) -> PatternNode {
        let scalar = scalars[at]
        switch scalar {
        case "(": return try group()
        case "[":
            at += 1
            var reader = PatternClassReader(scalars: scalars, at: at, ignoresCase: ignoresCase)
            let node = try reader.read()
            at = reader.at
            return node
        case "\\": return try escaped()
        case "*", "+", "?":
            throw PatternError("A \"\(scalar)\" has nothing to repeat; write \"\\\(scalar)\".")
        case "{":
            // Not one that counts something: as in Python it stands for itself.
            at += 1
            return .character("{", ignoresCase: false)
        default:
            at += 1
            switch scalar {
            case ".": return .anyCharacter
            case "^": return .assertion(.lineStart)
            case "$": return .assertion(.lineEnd)
            default: return .character(scalar, ignoresCase: ignoresCase)
            }
        }
    }

    private mutating func group() throws(PatternError) -> PatternNode {
        at += 1
        let outer = ignoresCase
        if take("?" as Unicode.Scalar) {
            if take("=") || take("!") || take("<=") || take("<!") || take(">") {
                throw PatternError(
                    "Look-around and atomic groups are not supported: search for a part, or use "
                        + "bash_exec.")
            }
            if take("P<") || take("<") {
                while let scalar = next, scalar != ">" { at += 1 }
                guard take(">" as Unicode.Scalar) else { throw Self.openGroup }
            } else if try flags() {
                return .empty
            }
        }
        let node = try alternatives()
        guard take(")" as Unicode.Scalar) else { throw Self.openGroup }
        ignoresCase = outer
        return node
    }

    /// `i`, `-i`, `m`, `s` and so on up to `:`, or to `)` for the rest of the group (true then).
    private mutating func flags() throws(PatternError) -> Bool {
        var isOn = true
        while let scalar = next {
            at += 1
            switch scalar {
            case ":": return false
            case ")": return true
            case "-": isOn = false
            case "i": ignoresCase = isOn
            case "m", "s", "u", "U": break
            default: throw PatternError("A group \"(?\(scalar)\" is not supported.")
            }
        }
        throw Self.openGroup
    }

    private static var openGroup: PatternError { PatternError("A \"(\" has no \")\".") }

    private mutating func escaped() throws(PatternError) -> PatternNode {
        at += 1
        guard let scalar = next else {
            throw PatternError("The pattern ends with a single \"\\\".")
        }
        switch scalar {
        case "b", "B":
            at += 1
            return .assertion(scalar == "b" ? .wordEdge : .noWordEdge)
        case "A":
            at += 1
            return .assertion(.lineStart)
        case "z", "Z":
            at += 1
            return .assertion(.lineEnd)
        case "1"..."9", "k":
            throw PatternError(
                "Back-references are not supported: search for a part, or use bash_exec.")
        default: break
        }
        var reader = PatternClassReader(scalars: scalars, at: at, ignoresCase: ignoresCase)
        let item = try reader.escape()
        at = reader.at
        switch item {
        case .one(let scalar): return .character(scalar, ignoresCase: ignoresCase)
        case .set(let set, let isBeyondASCII):
            return isBeyondASCII ? .either([.bytes(set), .beyondASCII]) : .bytes(set)
        }
    }
}
