// The tools that start programs: bash_exec, git_diff, git_status, git_log and run_pytest. Arguments
// are checked first and told to the model when they are wrong; whatever a program does, the outcome
// is bounded text. git runs nothing that a repository names: no hook, no monitor, no external diff,
// no text conversion, no pager, no signature program.

package import NetCore

/// Runs the tools that are programs.
@ReactorActor
package final class ProgramTools: ToolBox {
    private let programs: JailedPrograms

    package static let names = ["bash_exec", "git_diff", "git_status", "git_log", "run_pytest"]
    private static let gitLimit = Duration.seconds(30)
    private static let pytestLimit = Duration.seconds(120)
    /// Bytes of what git says: a diff, anything else.
    private static let gitBytes = (diff: 8_000, other: 4_000)

    package init(_ programs: JailedPrograms) { self.programs = programs }

    package func run(_ call: ToolCall, in context: ToolContext) async -> ToolOutcome {
        do throws(ProgramArguments.Problem) {
            switch call.name {
            case "bash_exec": return try await bash(call, context)
            case "git_diff":
                let arguments = try ProgramArguments(call, known: ["staged"])
                let isStaged = try arguments.boolean("staged", or: false)
                let words = ["diff", "--no-ext-diff", "--no-textconv", "--no-color"]
                return await git(
                    words + (isStaged ? ["--cached"] : []), most: ProgramTools.gitBytes.diff,
                    nothing: "No changes.", context)
            case "git_status":
                _ = try ProgramArguments(call, known: [])
                return await git(
                    ["status", "--porcelain=v1", "--branch"], most: ProgramTools.gitBytes.other,
                    nothing: "Nothing to say.", context)
            case "git_log":
                let count = try ProgramArguments(call, known: ["count"])
                    .integer("count", 1...100, or: 10)
                return await git(
                    [
                        "log", "-n", "\(count)", "--no-color", "--no-show-signature",
                        "--date=short", "--format=%h %ad %an: %s",
                    ], most: ProgramTools.gitBytes.other, nothing: "No commits.", context)
            case "run_pytest": return try await pytest(call, context)
            default: return ToolOutcome("Unknown tool: \(call.name)", isError: true)
            }
        } catch {
            return ToolOutcome(
                "Invalid arguments for \(call.name): \(error.message)", isError: true)
        }
    }

    // MARK: bash_exec

    private func bash(
        _ call: ToolCall, _ context: ToolContext
    ) async throws(ProgramArguments.Problem) -> ToolOutcome {
        let arguments = try ProgramArguments(call, known: ["command", "timeout"])
        let command = try arguments.text("command")
        let seconds = try arguments.number("timeout", 1...600, or: 60)
        guard command.utf8.count <= ProgramTools.commandBytesMost else {
            throw ProgramArguments.Problem(message: "'command' is too long; write it to a file")
        }
        for word in programs.settings.blockedCommands where command.contains(word) {
            return ToolOutcome(
                "Refused: commands with '\(word)' are blocked by the configuration.",
                isError: true, isBlocked: true)
        }
        var request = ProgramRequest(
            shell: command, timeLimit: .milliseconds(Int64(seconds * 1_000)))
        keep(programs.settings.outputBytes, &request)
        return outcome(
            await programs.run(request, in: context), limit: seconds, mayHaveChanged: true)
    }

    /// The kernel takes 128 KiB in one argument.
    private static let commandBytesMost = 120_000

    // MARK: git

    private func git(
        _ words: [String], most: Int, nothing: String, _ context: ToolContext
    ) async -> ToolOutcome {
        var request = ProgramRequest(
            ProgramTools.gitWords + words
                + ["--ignore-submodules=dirty"].filter { _ in
                    words[0] != "log"
                }, timeLimit: ProgramTools.gitLimit)
        request.environment = [
            "GIT_CEILING_DIRECTORIES": programs.environment.home, "GIT_OPTIONAL_LOCKS": "0",
            "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0",
        ]
        request.isReadOnly = true
        keep(most, &request)
        let result = await programs.run(request, in: context)
        if result.ending == .exited(0), result.output.total == 0 {
            return ToolOutcome(nothing, exitCode: 0)
        }
        return outcome(result, limit: 30, mayHaveChanged: false)
    }

    /// What a repository's configuration names is not run, nor anything that asks.
    private static let gitWords = [
        "git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
        "-c", "core.pager=cat", "-c", "core.sshCommand=false", "-c", "core.untrackedCache=false",
        "-c", "credential.helper=", "-c", "diff.external=", "-c", "gpg.program=false",
        "-c", "protocol.allow=never", "-c", "safe.directory=*",
    ]

    // MARK: run_pytest

    private func pytest(
        _ call: ToolCall, _ context: ToolContext
    ) async throws(ProgramArguments.Problem) -> ToolOutcome {
        let further = try ProgramArguments(call, known: ["args"]).texts("args", most: 100)
        guard further.reduce(0, { $0 + $1.utf8.count }) <= ProgramTools.commandBytesMost else {
            throw ProgramArguments.Problem(message: "'args' are too long")
        }
        let (folder, path) = (context.folder, programs.environment.path)
        let python = try? await programs.background.perform {
            PythonProgram.find(in: folder, path: path)
        }
        let words = [
            "-m", "pytest", "-q", "--no-header", "--tb=short", "--color=no", "-p",
            "no:cacheprovider",
        ]
        var request = ProgramRequest(
            (python ?? ["python3"]) + words + further, timeLimit: ProgramTools.pytestLimit)
        request.environment = GoalCheck.environment
        keep(programs.settings.outputBytes, &request)
        return outcome(
            await programs.run(request, in: context), limit: 120, mayHaveChanged: true)
    }

    // MARK: Words for the model

    private func keep(_ bytes: Int, _ request: inout ProgramRequest) {
        // What went wrong mostly stands at the end.
        request.headBytes = bytes / 4
        request.tailBytes = bytes - bytes / 4
    }

    private func outcome(
        _ result: ProgramResult, limit: Double, mayHaveChanged: Bool
    ) -> ToolOutcome {
        var text = ProgramText.render(result.output)
        if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
        var outcome = ToolOutcome("", mayHaveChanged: mayHaveChanged)
        outcome.isTruncated = result.output.cut > 0
        switch result.ending {
        case .exited(let code):
            outcome.exitCode = code
            outcome.isError = code != 0
            text += "Exit code: \(code)"
        case .timedOut:
            outcome.isError = true
            text += "Timed out: ended after \(Int(limit)) s; what it had written stands above."
        case .cancelled:
            outcome.isError = true
            text += "Cancelled."
        case .refused(let error):
            return ToolOutcome(
                "Refused: \(error.message)\nHint: \(error.hint)", isError: true, isBlocked: true)
        }
        outcome.content = text
        return outcome
    }
}
