// `.retrai.yml` of a project: which goal it has, and what its check needs. A file of a repository,
// so hostile until proven otherwise: its size and depth are bounded, wrong types are named and
// never guessed, and the commands in it run in the jail only. Read once, when a run is made: what
// the model writes into it later changes nothing.

/// What a project says of its goal.
struct GoalFile: Sendable, Equatable {
    static let name = ".retrai.yml"
    private static let bytesMost = 64 << 10
    private static let textMost = 16 << 10

    /// As written; nil when the file does not say.
    var goal: String?
    /// For RunGoal.settings.
    var settings: [String: JSONValue] = [:]

    struct Problem: Error, Equatable {
        var message: String
    }

    /// Nil when there is none. Blocking calls.
    static func read(in folder: String) throws(Problem) -> GoalFile? {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try PrivateFile.read("\(folder)/\(name)", limit: bytesMost)
        } catch {
            if error.reason == .missing { return nil }
            throw Problem(message: "it cannot be read: \(error.message)")
        }
        return try parse(bytes)
    }

    static func parse(_ bytes: [UInt8]) throws(Problem) -> GoalFile {
        let root: JSONValue
        do throws(YAMLFailure) { root = try YAMLText.parse(bytes) } catch {
            throw Problem(message: "line \(error.line): \(error.message)")
        }
        if root == .null { return GoalFile() }
        guard case .object(let members) = root else { throw Problem(message: "it is no map") }
        var file = GoalFile()
        file.goal = try text("goal", members)
        for name in ["check_command", "system_prompt"] {
            if let text = try text(name, members) { file.settings[name] = .string(text) }
        }
        var condition: [String: JSONValue] = [:]
        switch members["success_condition"] {
        case nil, .null?: break
        case .object(let inner)?: condition = inner
        default: throw Problem(message: "'success_condition' is no map")
        }
        for name in ["output_contains", "output_regex"] {
            if let text = try text(name, condition) { file.settings[name] = .string(text) }
        }
        if let code = try number("exit_code", condition) {
            guard let whole = Int64(exactly: code), (0...255).contains(whole) else {
                throw Problem(message: "'exit_code' must be from 0 to 255")
            }
            file.settings["exit_code"] = .integer(whole)
        }
        var limit = try number("max_seconds", condition)
        if limit == nil { limit = try number("max_seconds", members) }
        if let most = limit {
            guard most > 0, most <= 3_600 else {
                throw Problem(message: "'max_seconds' must be above 0 and at most 3600")
            }
            file.settings["max_seconds"] = .number(most)
        }
        return file
    }

    private static func text(
        _ name: String, _ members: [String: JSONValue]
    ) throws(Problem) -> String? {
        switch members[name] {
        case nil, .null?: return nil
        case .string(let text)?:
            guard text.utf8.count <= textMost, !text.utf8.contains(0) else {
                throw Problem(message: "'\(name)' is too long, or has a zero byte")
            }
            return text
        case .bool(let flag)?: return flag ? "true" : "false"
        default: throw Problem(message: "'\(name)' is no text")
        }
    }

    private static func number(
        _ name: String, _ members: [String: JSONValue]
    ) throws(Problem) -> Double? {
        guard let text = try text(name, members) else { return nil }
        // Numbers come as they were written.
        guard let number = Double(text), number.isFinite else {
            throw Problem(message: "'\(name)' is no number")
        }
        return number
    }
}
