// A stage for the programs of runs: a project in a folder of its own, a home folder with secrets,
// and what runs programs on the reactor of the test process. Real bubblewrap, where the machine has
// it.

import Glibc
import NetCore
import TestSupport
import Testing

@testable import Gretl

/// Where programs of a test run.
final class ProgramStage: Sendable {
    let outside = TemporaryFolder()
    var project: String { outside.file("home/project") }
    var home: String { outside.file("home") }
    var daemonHome: String { outside.file("home/.gr") }
    let background: BackgroundThread
    let confinement: Confinement

    /// Whether bubblewrap works here: without it the tests that need it are skipped, and say so.
    static let hasJail: Bool = {
        let words = [
            "bwrap", "--unshare-user", "--unshare-pid", "--disable-userns", "--ro-bind", "/", "/",
            "true",
        ]
        let isThere = (try? Program.run(words))?.exit == 0
        if !isThere {
            let text = "SKIPPED: bubblewrap does not work here, the jail of runs is not tested\n"
            _ = unsafe Glibc.write(2, text, text.utf8.count)
        }
        return isThere
    }()

    init(_ confinement: Confinement = Confinement()) throws {
        self.confinement = confinement
        background = try BackgroundThread(name: "programs")
        for folder in [home, project, daemonHome, home + "/.ssh", home + "/.npm"] {
            unsafe mkdir(folder, 0o700)
        }
        TemporaryFolder.write("key of ssh", to: home + "/.ssh/id_rsa")
        TemporaryFolder.write("machine password", to: home + "/.netrc")
        TemporaryFolder.write("token of the daemon", to: daemonHome + "/token")
    }

    deinit { background.stop() }

    func write(_ text: String, _ name: String) {
        TemporaryFolder.write(text, to: "\(project)/\(name)")
    }

    /// What the daemon has in its environment, keys included.
    private static let keys = [
        "ANTHROPIC_API_KEY": "sk-secret-1", "OPENAI_API_KEY": "sk-secret-2",
        "GR_TOKEN": "secret-3", "GR_AUTH_TOKEN": "secret-4", "LC_ALL": "C.UTF-8",
    ]

    @ReactorActor func programs(
        _ change: (inout RunSettings) -> Void = { _ in }
    )
        -> JailedPrograms
    {
        var settings = RunSettings()
        change(&settings)
        var environment = Self.keys
        environment["HOME"] = home
        environment["PATH"] = HomeFolder.environment("PATH") ?? "/usr/bin:/bin"
        return JailedPrograms(
            on: ReactorThread.reactor, children: ChildProcesses(), background: background,
            settings: settings, environment: environment, daemonHome: daemonHome)
    }

    @ReactorActor func context(
        _ cancellation: Cancellation = Cancellation(), run: String = "run-1"
    ) -> ToolContext {
        ToolContext(
            folder: PathLook.resolved(project) ?? project, confinement: confinement,
            cancellation: cancellation, run: run)
    }

    /// A call of a tool with these arguments.
    func tool(
        _ name: String, _ arguments: [String: JSONValue]?,
        _ change: @escaping @Sendable (inout RunSettings) -> Void = { _ in }
    ) async throws -> ToolOutcome {
        try await onReactor { [self] in
            let tools = ProgramTools(programs(change))
            let call = ToolCall(id: "1", name: name, text: "", arguments: arguments)
            return await tools.run(call, in: context())
        }
    }

    func bash(_ command: String, timeout: Int64 = 60) async throws -> ToolOutcome {
        try await tool(
            "bash_exec", ["command": .string(command), "timeout": .integer(timeout)])
    }

    func check(_ name: String) async throws -> GoalVerdict {
        try await onReactor { [self] in
            let goals = ProjectGoals(programs())
            let goal = try await goals.find(name, in: project)
            return await goals.check(goal, in: context())
        }
    }
}
