// Checks a goal: runs what tells whether it has been reached, in the jail like everything that a
// repository holds, and reads the answer from exit status and report. One object is one check.

import NetCore

/// One check of one goal.
@ReactorActor
struct GoalCheck {
    let programs: JailedPrograms
    let goal: RunGoal
    let kind: GoalKind
    let context: ToolContext

    /// No colours, no questions, and nothing left in the project.
    nonisolated static let environment = [
        "CI": "1", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1",
    ]
    /// Bytes of output that are read for failures.
    private static let readBytes = (head: 64 << 10, tail: 192 << 10)

    func run() async -> GoalVerdict {
        switch kind {
        case .pytest: return await PytestCheck(self).run()
        case .shell: return await ShellCheck(self).run()
        case .make, .cargo, .go, .npm: return await runCommand()
        }
    }

    /// A request for a program of this check.
    func request(_ words: [String], _ limit: Duration) -> ProgramRequest {
        var request = ProgramRequest(words, timeLimit: limit)
        request.environment = GoalCheck.environment
        if !context.confinement.hasNetwork {
            // What could only wait for the network fails at once.
            request.environment["CARGO_NET_OFFLINE"] = "true"
            request.environment["GOPROXY"] = "off"
        }
        request.environment["GOTOOLCHAIN"] = "local"
        request.environment["GOFLAGS"] = "-buildvcs=false"
        request.headBytes = GoalCheck.readBytes.head
        request.tailBytes = GoalCheck.readBytes.tail
        return request
    }

    private func runCommand() async -> GoalVerdict {
        let (words, limit) = kind.command
        let shown = words.prefix(2).joined(separator: " ")
        var request = request(words, limit)
        if kind == .go, context.confinement.isSandboxed {
            // Where there is no cache that may be written.
            let cache = "\(programs.environment.home)/.cache/go-build"
            let isThere = try? await programs.background.perform { PathLook.kind(of: cache) }
            if (isThere ?? nil) == nil { request.environment["GOCACHE"] = "/tmp/go-build" }
        }
        let result = await programs.run(request, in: context)
        guard case .exited(let code) = result.ending else {
            return unfinished(result, shown, limit)
        }
        let (kind, output) = (kind, result.output)
        let read = try? await programs.background.perform {
            let text = ProgramText.render(output)
            return switch kind {
            case .cargo: (GoalReading.cargoFailures(text), text)
            case .go: (GoalReading.goFailures(text), GoalReading.goText(text))
            default: ([String](), text)
            }
        }
        let (failures, text) = read ?? ([], "")
        var reason = "'\(shown)' succeeded"
        if code != 0 {
            let tests = GoalReading.list(failures, of: failures.count)
            reason =
                if !failures.isEmpty {
                    "\(failures.count) test(s) failed: \(tests)"
                } else if code == GoalCheck.notFound {
                    "'\(shown)' cannot run: a program it needs was not found (exit code 127)"
                } else {
                    "'\(shown)' failed with exit code \(code)"
                }
        }
        return GoalVerdict(
            isAchieved: code == 0, reason: reason,
            details: GoalDetails.make(
                exit: code, result.duration, failures: failures, output: text))
    }

    /// What shells say of a command that is not there.
    private static let notFound = 127

    /// The verdict on a check that has no end of its own.
    func unfinished(
        _ result: ProgramResult, _ what: String, _ limit: Duration, further: String = ""
    ) -> GoalVerdict {
        let reason: String
        var code: String?
        switch result.ending {
        case .timedOut:
            reason =
                "\(what) was ended: it took longer than \(limit.components.seconds) s\(further)"
            code = "timeout"
        case .cancelled: (reason, code) = ("\(what) was cancelled", "cancelled")
        case .refused(let error): (reason, code) = (error.message, error.code.rawValue)
        case .exited(let exit): reason = "\(what) ended with exit code \(exit)"
        }
        return GoalVerdict(
            isAchieved: false, reason: reason,
            details: GoalDetails.make(
                exit: nil, result.duration, failures: [],
                output: ProgramText.tail(result.output, bytes: GoalDetails.outputMost),
                error: code))
    }
}

/// The facts of a check as JSON.
enum GoalDetails {
    /// Bytes of output among them.
    static let outputMost = 2_000

    static func make(
        exit: Int?, _ duration: Duration, failures: [String], output: String,
        error: String? = nil, counts: JUnitReport? = nil
    ) -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.field("exit_code", exit)
        json.field("duration_ms", duration.inNanoseconds / 1_000_000)
        if let error { json.field("error", error) }
        if let counts {
            json.field("passed", counts.passed)
            json.field("failed", counts.failed)
            json.field("skipped", counts.skipped)
        }
        json.field("failures", Array(failures.prefix(GoalReading.namesMost)))
        json.field("output", String(output.suffix(outputMost)))
        json.endObject()
        return json.bytes
    }
}
