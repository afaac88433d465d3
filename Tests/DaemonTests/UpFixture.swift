// A daemon, a repository with a gr.toml, and the real `gr` run in it: in a pipe, or on a terminal.
// Used by the tests of gr up and gr down.

import CEpoll
import Glibc
import TestSupport
import Testing

/// Folders named like worktrees, side by side.
final class UpFixture {
    let services: ServiceFixture
    var daemon: DaemonProcess { services.daemon }
    var folder: TemporaryFolder { services.folder }

    init(configuration: String? = nil, environment: [String] = []) throws {
        services = try ServiceFixture(configuration: configuration, environment: environment)
        _ = unsafe mkdir(folder.file("repo"), 0o700)
    }

    /// Writes the gr.toml of a worktree.
    func write(_ text: String, in worktree: String = "repo") {
        _ = unsafe mkdir(folder.file(worktree), 0o700)
        TemporaryFolder.write(text, to: folder.file("\(worktree)/gr.toml"))
    }

    private var environment: [String] {
        ["GR_HOME=\(daemon.home)", "HOME=\(folder.path)", "LANG=C.UTF-8", "TERM=xterm"]
    }

    /// Runs gr in a worktree.
    func gr(_ words: String..., in worktree: String = "repo") throws -> ProgramResult {
        try gr(words, in: worktree)
    }

    func gr(_ words: [String], in worktree: String = "repo") throws -> ProgramResult {
        try Program.run(
            [BuildProducts.gr] + words, environment: environment,
            directory: folder.file(worktree), seconds: 60)
    }

    /// Begins gr on a terminal of its own, of 30 rows.
    func grOnTerminal(
        _ words: String..., columns: UInt16 = 90, environment more: [String] = [],
        in worktree: String = "repo"
    ) throws -> CommandProcess {
        try daemon.gr(
            words, environment: more, on: .terminal(rows: 30, columns: columns),
            directory: folder.file(worktree))
    }

    /// Makes the folder a git repository with its gr.toml in it, and another worktree beside it.
    func addWorktree(_ name: String) throws {
        let author = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
        let second = folder.file(name)
        for words in [
            ["init", "-q"], ["add", "gr.toml"], ["commit", "-q", "-m", "one"],
            ["worktree", "add", "-q", "-b", name, second],
        ] {
            let run = try Program.run(
                ["git"] + author + words,
                environment: [
                    "HOME=\(folder.path)", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
                ], directory: folder.file("repo"), seconds: 60)
            try #require(run.exit == 0, "git \(words): \(run.output)\(run.errors)")
        }
        try #require(TextFile.read("\(second)/gr.toml") != nil)
    }

    /// Names of all registered services, sorted.
    func registered() throws -> [String] {
        try daemon.ask("GET", "/v1/services").json["services"].items.compactMap { $0["name"].text }
    }

    func status(_ name: String) throws -> String? { try services.service(name)["status"].text }

    /// The lines of a file in a worktree.
    func lines(_ path: String) -> [String] {
        (TextFile.read(folder.file(path)) ?? "").split(separator: "\n").map(String.init)
    }

    /// A command that serves PORT and leaves a mark in the worktree when it begins.
    func server(_ name: String) -> String {
        "echo \(name) >> order; exec perl \(folder.file("server.pl"))"
    }
}
