// What is wrong with a gr.toml, collected on the way through it: every complaint with line, column
// and key, all of them at once, a bounded number. The file is somebody else's more often than not:
// of what it holds only keys and names are repeated, shortened and printable.

/// A list of complaints.
struct ProjectProblems {
    /// More than these are counted, not listed.
    static let most = 50
    private(set) var list: [ConfigurationError.Problem] = []

    /// In the order of the lines.
    var sorted: [ConfigurationError.Problem] {
        list.sorted { ($0.line ?? .max, $0.column ?? 0) < ($1.line ?? .max, $1.column ?? 0) }
    }

    var isFull: Bool { list.count > Self.most }

    mutating func add(_ line: Int, _ column: Int, _ message: String) {
        if list.count == Self.most {
            list.append(.init(line: nil, column: nil, message: "and more"))
        }
        guard list.count < Self.most else { return }
        list.append(.init(line: line, column: column, message: message))
    }

    /// About a value.
    mutating func add(_ node: TOMLNode, _ message: String) {
        add(node.line, node.column, message)
    }

    mutating func expect(_ what: String, _ key: String, _ node: TOMLNode) {
        add(node, "\(Self.printable(key)) must be \(what), not \(node.value.kindName)")
    }

    /// A key or table nobody knows, with the one that was probably meant. `path` stands before the
    /// key in the message.
    mutating func unknown(_ entry: TOMLEntry, in path: String, _ candidates: [String]) {
        // Looking for near misses is the costly part.
        guard !isFull else { return }
        let what = if case .table = entry.node.value { "table" } else { "key" }
        let meant =
            Spelling.nearest(entry.key, candidates).map { "; did you mean \"\(path)\($0)\"?" }
            ?? (candidates.count < 20 ? "; known are \(candidates.joined(separator: ", "))" : "")
        add(
            entry.line, entry.column,
            "unknown \(what) \"\(Self.printable(path + entry.key))\"\(meant)")
    }

    // MARK: Types

    mutating func string(_ key: String, _ node: TOMLNode) -> String? {
        if case .string(let text) = node.value { return text }
        expect("text in quotes", key, node)
        return nil
    }

    mutating func boolean(_ key: String, _ node: TOMLNode) -> Bool? {
        if case .boolean(let value) = node.value { return value }
        expect("true or false", key, node)
        return nil
    }

    /// The entries of a table.
    mutating func table(_ key: String, _ node: TOMLNode) -> [TOMLEntry]? {
        if case .table(let entries) = node.value { return entries }
        expect("a table, as in [\(Self.printable(key))]", key, node)
        return nil
    }

    /// A message that may repeat what the file holds.
    static func shown(_ text: String) -> String {
        DisplayText.escaped(text.utf8.count > 512 ? String(text.prefix(400)) + "…" : text)
    }

    /// A name of somebody else's as messages may repeat it.
    static func printable(_ text: String) -> String {
        let bytes = text.utf8.prefix(96).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self) + (text.utf8.count > 96 ? "…" : "")
    }
}
