// The goals there are: what GET /api/goals lists, what a model is told to reach, and what is run to
// see whether it has been reached. A new goal is one case here and its reader in GoalCheck.

/// A kind of goal.
package enum GoalKind: String, Sendable, CaseIterable {
    case pytest
    case shell = "shell-goal"
    case make = "make-test"
    case cargo = "cargo-test"
    case go = "go-test"
    case npm = "npm-test"

    /// For lists.
    package var summary: String {
        switch self {
        case .pytest: "all tests of pytest pass"
        case .shell: "the command of .retrai.yml ends as it says there"
        case .make: "'make test' succeeds"
        case .cargo: "'cargo test' passes"
        case .go: "'go test ./...' passes"
        case .npm: "'npm test' succeeds"
        }
    }

    /// For the model.
    func prompt(_ settings: [String: JSONValue]) -> String {
        let told: String
        switch self {
        case .pytest:
            told = "Make all tests of this project pass. They are run with pytest."
        case .shell:
            let command = settings["check_command"]?.text ?? ""
            told = "Make this command succeed: \(command)\(GoalKind.conditions(settings))"
        case .make: told = "Make the command 'make test' succeed."
        case .cargo: told = "Make all tests of this Rust project pass ('cargo test')."
        case .go: told = "Make all tests of this Go project pass ('go test ./...')."
        case .npm: told = "Make the command 'npm test' succeed."
        }
        let rule = "Repair the code rather than the tests, and do not delete or skip tests."
        let further = settings["system_prompt"]?.text.map { "\n\n\($0)" } ?? ""
        return "\(told) \(rule)\(further)"
    }

    private static func conditions(_ settings: [String: JSONValue]) -> String {
        var parts: [String] = []
        if case .integer(let code)? = settings["exit_code"], code != 0 {
            parts.append("it ends with exit code \(code)")
        }
        if let text = settings["output_contains"]?.text { parts.append("it prints '\(text)'") }
        if let text = settings["output_regex"]?.text {
            parts.append("its output matches the regular expression \(text)")
        }
        if let most = settings["max_seconds"]?.seconds {
            parts.append("it takes at most \(most) s")
        }
        return parts.isEmpty ? "." : ". It succeeds when \(parts.joined(separator: ", and "))."
    }

    /// What is run, and for how long at most; pytest has a way of its own.
    var command: (words: [String], limit: Duration) {
        switch self {
        case .pytest, .shell: ([], .seconds(120))
        case .make: (["make", "test"], .seconds(300))
        case .cargo: (["cargo", "test", "--no-fail-fast"], .seconds(300))
        case .go: (["go", "test", "./...", "-json", "-count=1"], .seconds(300))
        case .npm: (["npm", "test"], .seconds(180))
        }
    }
}

extension JSONValue {
    /// Of a setting that counts seconds.
    var seconds: Double? {
        switch self {
        case .integer(let whole): Double(whole)
        case .number(let number): number
        default: nil
        }
    }
}
