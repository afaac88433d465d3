// The goal `shell-goal`: a command of the project's own, judged by its exit code, what it prints
// and how long it takes. The regular expression is the repository's too, so grep looks for it
// inside the jail: one that takes for ever is ended there.

import NetCore

/// One run of the command.
@ReactorActor
struct ShellCheck {
    private let check: GoalCheck

    init(_ check: GoalCheck) { self.check = check }

    private static let regexLimit = Duration.seconds(5)
    /// Bytes of output it looks at: one argument of a program holds 128 KiB.
    private static let regexBytes = 100_000

    func run() async -> GoalVerdict {
        let settings = check.goal.settings
        guard let command = settings["check_command"]?.text else {
            return GoalVerdict(isAchieved: false, reason: "the goal has no check_command")
        }
        let most = settings["max_seconds"]?.seconds
        let limit = Duration.seconds(Int64(min(3_600, max(120, 2 * (most ?? 0)))))
        let result = await check.programs.run(
            check.request(["/bin/sh", "-c", command], limit), in: check.context)
        guard case .exited(let code) = result.ending else {
            return check.unfinished(result, "the check command", limit)
        }
        var problems: [String] = []
        var wanted: Int64 = 0
        if case .integer(let exit)? = settings["exit_code"] { wanted = exit }
        if Int64(code) != wanted { problems.append("exit_code=\(code) (expected \(wanted))") }
        let text = ProgramText.render(result.output)
        if let part = settings["output_contains"]?.text, !text.contains(part) {
            problems.append("output does not contain '\(part.prefix(200))'")
        }
        if let pattern = settings["output_regex"]?.text,
            let problem = await missing(pattern, in: result.output)
        {
            problems.append(problem)
        }
        let seconds = Double(result.duration.inNanoseconds) / 1e9
        if let most, seconds > most {
            let tenths = (seconds * 10).rounded() / 10
            problems.append("took \(tenths) s (at most \(most) s)")
        }
        return GoalVerdict(
            isAchieved: problems.isEmpty,
            reason: problems.isEmpty
                ? "The check command succeeded" : problems.joined(separator: "; "),
            details: GoalDetails.make(
                exit: code, result.duration, failures: problems, output: text))
    }

    /// Nil when a line matches.
    private func missing(_ pattern: String, in output: HeadAndTail) async -> String? {
        let text = ProgramText.tail(output, bytes: ShellCheck.regexBytes)
        // Extended expressions where grep has no others.
        let script = """
            printf '%s\\n' "$1" | grep -qP -e "$2"; code=$?
            [ $code -lt 2 ] && exit $code
            printf '%s\\n' "$1" | grep -qE -e "$2"
            """
        var request = ProgramRequest(
            ["/bin/sh", "-c", script, "sh", text, pattern], timeLimit: ShellCheck.regexLimit)
        request.isReadOnly = true
        let shown = pattern.prefix(200)
        switch await check.programs.run(request, in: check.context).ending {
        case .exited(0): return nil
        case .exited(1): return "output does not match /\(shown)/"
        case .exited: return "output_regex is no regular expression: /\(shown)/"
        case .timedOut: return "output_regex takes too long: /\(shown)/"
        case .cancelled: return "cancelled"
        case .refused(let error): return error.message
        }
    }
}
