// One call of a file tool, on the background thread: which tool does what with which arguments.
// What a tool refuses becomes the outcome's text. Never on the reactor.

/// A call whose arguments were checked.
struct FileAction: Sendable {
    let name: String
    let arguments: ToolArguments
    let folder: String

    /// Does it, unless it is a search.
    func run() -> ToolOutcome {
        do throws(FileRefusal) {
            let confined = try ConfinedFolder(folder)
            switch name {
            case "file_read":
                return try FileReading.read(
                    try path("path"), in: confined, from: arguments.integer("start_line"),
                    through: arguments.integer("end_line"))
            case "file_list":
                let path = try path(arguments.optionalText("path") ?? ".", named: "path")
                return try FileReading.list(path, in: confined)
            case "file_write":
                return try FileChanges.write(
                    try path("path"), in: confined, Array(arguments.text("content").utf8))
            case "file_patch":
                return try FileChanges.patch(
                    try path("path"), in: confined, old: arguments.text("old"),
                    new: arguments.text("new"), occurrence: arguments.integer("occurrence") ?? 1)
            case "file_insert":
                return try FileChanges.insert(
                    try path("path"), in: confined, before: arguments.integer("line") ?? 0,
                    Array(arguments.text("content").utf8))
            case "file_delete": return try FileChanges.delete(try path("path"), in: confined)
            case "file_rename":
                return try FileChanges.rename(
                    try path("old_path"), to: try path("new_path"), in: confined)
            default: return ToolTable.unknown(name)
            }
        } catch {
            return Self.outcome(of: error)
        }
    }

    /// Begins the search it is.
    func search() -> Result<FileSearch, FileRefusal> {
        do throws(FileRefusal) {
            let confined = try ConfinedFolder(folder)
            do throws(PatternError) {
                return .success(FileSearch(try wanted(), in: confined))
            } catch {
                return .failure(FileRefusal(error.message))
            }
        } catch {
            return .failure(error)
        }
    }

    private func wanted() throws(PatternError) -> FileSearch.Wanted {
        let pattern = arguments.text("pattern")
        guard name == "grep_search" else { return .paths(try Glob(pattern), pattern) }
        guard !pattern.isEmpty else { throw PatternError("The pattern is empty.") }
        let ignoresCase = arguments.flag("case_insensitive", default: true)
        let matcher: LineMatcher
        if arguments.flag("is_regex", default: false) {
            matcher = try LineMatcher(regularExpression: pattern, ignoresCase: ignoresCase)
        } else {
            guard !pattern.utf8.contains(0x0A),
                pattern.unicodeScalars.count <= FileToolLimits.patternCharacters
            else {
                throw PatternError(
                    "The text has more than one line, or more than 1000 characters: lines are "
                        + "searched one by one.")
            }
            matcher = try LineMatcher(text: pattern, ignoresCase: ignoresCase)
        }
        var glob: Glob?
        if let text = arguments.optionalText("include_glob"), !text.isEmpty {
            glob = try Glob(text)
        }
        return .lines(matcher, glob, pattern)
    }

    static func outcome(of refusal: FileRefusal) -> ToolOutcome {
        ToolOutcome(refusal.message, isError: true, isBlocked: refusal.isForbidden)
    }

    private func path(_ name: String) throws(FileRefusal) -> ProjectPath {
        try path(arguments.text(name), named: name)
    }

    private func path(_ text: String, named name: String) throws(FileRefusal) -> ProjectPath {
        guard !text.isEmpty else { throw FileRefusal("\"\(name)\" is empty.") }
        return try ProjectPath(text, in: folder)
    }
}
