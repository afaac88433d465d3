// Globs over paths: `*` and `?` within a part, `**` over parts, `[a-z]`, `{a,b}`. Compiled to the
// same automaton as regular expressions, so that no glob takes long. A glob without a slash is
// meant for the name in whatever folder. Pure.

/// A compiled glob.
package struct Glob {
    private var matcher: LineMatcher
    private let isForName: Bool
    /// Its parts as they were written: a folder that searches skip is entered when it is named.
    let parts: Set<[UInt8]>

    package init(_ text: String) throws(PatternError) {
        var wanted = text[...]
        while wanted.hasPrefix("./") { wanted = wanted.dropFirst(2) }
        guard !wanted.isEmpty, wanted.unicodeScalars.count <= FileToolLimits.patternCharacters
        else { throw PatternError("The glob is empty, or longer than 1000 characters.") }
        guard !wanted.hasPrefix("/"), !wanted.split(separator: "/").contains("..") else {
            throw PatternError(
                "The glob is relative to the project folder and holds no \"..\", such as "
                    + "src/**/*.py")
        }
        isForName = !wanted.contains("/")
        parts = Set(wanted.utf8.split(separator: UInt8(ascii: "/")).map { Array($0) })
        var reader = GlobReader(scalars: Array(wanted.unicodeScalars))
        let node = try reader.read(isInBraces: false)
        let whole = PatternNode.sequence([.assertion(.lineStart), node, .assertion(.lineEnd)])
        matcher = LineMatcher(try PatternProgram(whole))
    }

    /// Whether the path, of which `name` is the last part, is meant.
    package mutating func matches(path: [UInt8], name: ArraySlice<UInt8>) -> Bool {
        isForName ? matcher.matches(name) : matcher.matches(path)
    }
}

/// Reads globs.
private struct GlobReader {
    let scalars: [Unicode.Scalar]
    var at = 0
    private var depth = 0

    init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        at + offset < scalars.count ? scalars[at + offset] : nil
    }

    /// Anything but a slash.
    private static var inPart: PatternNode {
        var set = ByteSet(UInt8(ascii: "/")).otherASCII
        set.insert(0x0A)
        return .either([.bytes(set), .beyondASCII])
    }

    mutating func read(isInBraces: Bool) throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 8 else { throw PatternError("The glob has too many braces in braces.") }
        var nodes: [PatternNode] = []
        while let scalar = peek(), !isInBraces || (scalar != "," && scalar != "}") {
            switch scalar {
            case "*": nodes.append(stars())
            case "?":
                at += 1
                nodes.append(Self.inPart)
            case "[": nodes.append(try bracketed())
            case "{": nodes.append(try braces())
            case "\\" where peek(1) != nil:
                nodes.append(.character(scalars[at + 1], ignoresCase: false))
                at += 2
            default:
                nodes.append(.character(scalar, ignoresCase: false))
                at += 1
            }
        }
        return .sequence(nodes)
    }

    private mutating func stars() -> PatternNode {
        let isPartStart = at == 0 || scalars[at - 1] == "/"
        var count = 0
        while peek() == "*" {
            count += 1
            at += 1
        }
        let anything = PatternNode.repeated(.bytes(ByteSet(0x00...0xFF)), least: 0, most: nil)
        guard count > 1 else { return .repeated(Self.inPart, least: 0, most: nil) }
        guard isPartStart, peek() == "/" else { return anything }
        // `**/` is any number of folders, none included.
        at += 1
        let slash = PatternNode.bytes(ByteSet(UInt8(ascii: "/")))
        return .repeated(.sequence([anything, slash]), least: 0, most: 1)
    }

    private mutating func bracketed() throws(PatternError) -> PatternNode {
        // As in the shell, `!` negates; without an end it stands for itself.
        guard scalars[(at + 1)...].contains("]") else {
            at += 1
            return .character("[", ignoresCase: false)
        }
        var own = scalars
        if peek(1) == "!" { own[at + 1] = "^" }
        var reader = PatternClassReader(scalars: own, at: at + 1, ignoresCase: false)
        let node = try reader.read()
        at = reader.at
        return node
    }

    private mutating func braces() throws(PatternError) -> PatternNode {
        let start = at
        at += 1
        var choices = [try read(isInBraces: true)]
        while peek() == "," {
            at += 1
            choices.append(try read(isInBraces: true))
        }
        guard peek() == "}" else {
            at = start + 1
            return .character("{", ignoresCase: false)
        }
        at += 1
        return .either(choices)
    }
}
