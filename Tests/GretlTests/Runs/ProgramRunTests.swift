// Programs of runs in their bounds: time, output, number, and what they leave behind. With the jail
// and without it.

import Glibc
import NetCore
import TestSupport
import Testing

@testable import Gretl

struct ProgramRunTests {
    /// Where the machine has no jail, the rest is tested without.
    static let ways =
        ProgramStage.hasJail
        ? [Confinement(), Confinement(isSandboxed: false)] : [Confinement(isSandboxed: false)]

    /// Processes whose command line has `word`.
    private func living(_ word: String) -> [Int32] {
        ProcessTable.parents().keys.filter { pid in
            ProcessTable.isAlive(pid)
                && ProcessTable.words(pid, "cmdline").contains { $0.contains(word) }
        }
    }

    private func waitUntilGone(_ word: String) async throws -> Bool {
        for _ in 0..<100 {
            if living(word).isEmpty { return true }
            try await onReactor { await ReactorThread.reactor.pause(.milliseconds(50)) }
        }
        return false
    }

    @Test(arguments: ways)
    func aGrandchildThatHoldsThePipeHoldsNobodyUp(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        let outcome = try await stage.bash("echo partial; sleep 7101 & sleep 7101", timeout: 1)
        #expect(outcome.isError && outcome.exitCode == nil)
        #expect(outcome.content.hasPrefix("partial\nTimed out"), "\(outcome.content)")
        #expect(try await waitUntilGone("7101"))
    }

    @Test(arguments: ways)
    func aProgramIsNicerThanTheDaemonAsIsItsSession(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        let outcome = try await stage.bash("nice; cat /proc/self/autogroup 2>/dev/null; true")
        #expect(outcome.content.hasPrefix("5\n"), "\(outcome.content)")
        // The kernel takes that word ten times a second from all who are not root outside of every
        // jail; the other tests say it too.
        if !way.isSandboxed, ProcessFacts.uid == 0, TextFile.read("/proc/self/autogroup") != nil {
            #expect(outcome.content.contains(" nice 5"), "\(outcome.content)")
        }
    }

    @Test(arguments: ways)
    func aProgramInTheBackgroundEndsWithTheCommand(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        let outcome = try await stage.bash("(sleep 7102 &) ; setsid sleep 7102 & echo over")
        #expect(outcome.content.hasPrefix("over") && outcome.exitCode == 0)
        #expect(try await waitUntilGone("7102"))
    }

    @Test(arguments: ways)
    func aCancelledRunLeavesNothing(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        // Both ways run at the same time.
        let word = way.isSandboxed ? "7103" : "7113"
        let result = try await onReactor { () -> ToolOutcome in
            let cancellation = Cancellation()
            let tools = ProgramTools(stage.programs())
            let context = stage.context(cancellation)
            spawn {
                await ReactorThread.reactor.pause(.milliseconds(500))
                cancellation.cancel()
            }
            let call = ToolCall(
                id: "1", name: "bash_exec", text: "",
                arguments: ["command": .string("trap '' TERM; sleep \(word) & sleep \(word)")])
            return await tools.run(call, in: context)
        }
        #expect(result.content.contains("Cancelled"))
        #expect(living(word).isEmpty)
    }

    @Test(arguments: ways)
    func longOutputIsCutInTheMiddle(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        let outcome = try await stage.bash("echo first; seq 1 200000; echo last >&2")
        #expect(outcome.isTruncated && outcome.exitCode == 0)
        #expect(outcome.content.hasPrefix("first\n1\n"))
        #expect(outcome.content.contains("bytes left out"))
        #expect(outcome.content.hasSuffix("200000\nlast\nExit code: 0"))
        #expect(outcome.content.utf8.count < 8_200)
    }

    @Test(arguments: ways)
    func exitCodesAreThoseOfTheShell(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        #expect(try await stage.bash("kill -9 $$").exitCode == 137)
        #expect(try await stage.bash("no-such-program").exitCode == 127)
        #expect(try await stage.bash("cat").exitCode == 0, "standard input is empty")
    }

    @Test func whatAKilledDaemonLeftIsEnded() async throws {
        let stage = try ProgramStage(Confinement(isSandboxed: false))
        let made = try DaemonProcess.spawn(
            "/bin/sleep", ["sleep", "7104"], ["GR_RUN=run-77", "PATH=/bin"], [])
        defer { close(made.pidfd) }
        let other = try DaemonProcess.spawn(
            "/bin/sleep", ["sleep", "7105"], ["GR_RUN=run-7", "PATH=/bin"], [])
        defer {
            ProcessTable.end(other.pid)
            waitpid(other.pid, nil, 0)
            close(other.pidfd)
        }
        try await onReactor { await stage.programs().endLeftovers(of: ["run-77"]) }
        #expect(DaemonProcess.waitReadable(made.pidfd, 5_000))
        waitpid(made.pid, nil, 0)
        #expect(ProcessTable.isAlive(other.pid))
    }

    @Test func wrongArgumentsAreTold() async throws {
        let stage = try ProgramStage(Confinement(isSandboxed: false))
        let cases: [(String, [String: JSONValue]?, String)] = [
            ("bash_exec", nil, "not one JSON object"), ("bash_exec", [:], "'command' is missing"),
            ("bash_exec", ["command": .integer(1)], "must be a string, not a number"),
            ("bash_exec", ["command": .string("a"), "time": .integer(1)], "unknown argument"),
            ("bash_exec", ["command": .string("a"), "timeout": .integer(0)], "from 1 to 600"),
            ("git_log", ["count": .integer(1_000)], "from 1 to 100"),
            ("git_status", ["x": .null], "it takes: none"),
            ("git_diff", ["staged": .string("yes")], "must be a boolean"),
            ("run_pytest", ["args": .array([.integer(1)])], "an array of strings"),
            ("other", [:], "Unknown tool: other"),
        ]
        for (name, arguments, said) in cases {
            let outcome = try await stage.tool(name, arguments)
            #expect(outcome.isError && outcome.content.contains(said), "\(outcome.content)")
        }
        let blocked = try await stage.tool(
            "bash_exec", ["command": .string("sudo rm x")]
        ) { $0.blockedCommands = ["sudo "] }
        #expect(blocked.isBlocked && blocked.isError)
    }

    @Test(arguments: ways)
    func gitRunsNothingOfTheRepository(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        let script = """
            git init -q . && git config user.email a@b && git config user.name a
            echo one > a.txt; git add .; git commit -qm first
            echo two >> a.txt
            echo 'echo RAN > ran; cat' > run.sh; chmod +x run.sh
            printf 'a.txt diff=x\\n' > .gitattributes
            git config core.fsmonitor "$PWD/run.sh"
            git config diff.external "$PWD/run.sh"
            git config diff.x.textconv "$PWD/run.sh"
            git config core.pager "$PWD/run.sh"
            git config log.showSignature true
            git config gpg.program "$PWD/run.sh"
            """
        let made = try await stage.bash(script)
        #expect(made.exitCode == 0, "\(made.content)")
        unsafe unlink(stage.project + "/ran")
        let diff = try await stage.tool("git_diff", [:])
        #expect(diff.content.contains("+two") && diff.exitCode == 0, "\(diff.content)")
        let status = try await stage.tool("git_status", [:])
        #expect(status.content.contains(" M a.txt"), "\(status.content)")
        let log = try await stage.tool("git_log", ["count": .integer(1)])
        #expect(log.content.contains("first"), "\(log.content)")
        let staged = try await stage.tool("git_diff", ["staged": .bool(true)])
        #expect(staged.content == "No changes.")
        #expect(TextFile.read(stage.project + "/ran") == nil)
        #expect(!diff.mayHaveChanged && !status.mayHaveChanged && !log.mayHaveChanged)
    }
}
