// The commands about one service, on a pipe and on a terminal: the exact text, with what differs
// from run to run replaced.

import TestSupport
import Testing

struct CommandListTests {
    /// The output of a command that succeeds; numbers are N, blanks in a row are one.
    private func golden(
        _ fixture: ServiceFixture, _ words: [String], _ surroundings: CommandProcess.Surroundings,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let run = try fixture.daemon.gr(words, on: surroundings, directory: fixture.folder.path)
        #expect(run.end() == 0, "\(run.errors)\(run.output)", sourceLocation: sourceLocation)
        #expect(run.errors == "", sourceLocation: sourceLocation)
        let text = run.output.replacing("\r\n", with: "\n")
        return CommandText.withoutNumbers(text).replacing(#/ +/#, with: " ")
    }

    @Test("a service is added, started, restarted, stopped and removed in the same words")
    func words() throws {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        for surroundings in [
            CommandProcess.Surroundings.pipes, .terminal(rows: 24, columns: 80),
        ] {
            for (words, text) in [
                (
                    [
                        "add", "web", "-p", "\(port)", "--", "perl",
                        fixture.folder.file("server.pl"),
                    ],
                    "web added, http://localhost:N\n"
                ),
                (["start", "web"], "web running, pid N\n"),
                (["restart", "web"], "web running, pid N\n"),
                (["url", "web"], "http://localhost:N\n"),
                (["wait", "web"], "web running\n"),
                (["stop", "web"], "web stopped, ended by SIGTERM\n"),
                (
                    ["add", "web", "--stop-signal", "int", "--tty"],
                    "web added, http://localhost:N\n"
                ),
                (["start", "-q", "web"], ""),
                (["stop", "web"], "web stopped, ended by SIGINT\n"),
                (["rm", "web", "--purge"], "web removed\n"),
                (["health", "-q"], ""),
            ] {
                #expect(try golden(fixture, words, surroundings) == text, "\(words)")
            }
        }
    }

    @Test("a list and a status have marks and colours on a terminal, and none on a pipe")
    func marks() throws {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        try fixture.register("web", port: port, more: "\"group\":\"@site\"")
        try fixture.register("worker", command: "exec sleep 1000")
        try fixture.start("web")
        let terminal = CommandProcess.Surroundings.terminal(rows: 24, columns: 100)
        let plain = try golden(fixture, ["ls"], .pipes)
        #expect(plain.hasPrefix("NAME STATUS PORT PID UP CPU RSS GROUP\nweb running N N Ns "))
        #expect(plain.hasSuffix(" @site\nworker stopped - - - - - -\n"), "\(plain)")
        let dressed = try golden(fixture, ["ls"], terminal)
        #expect(dressed.hasPrefix("\u{1B}[NmNAME \u{1B}[Nm \u{1B}[NmSTATUS \u{1B}[Nm "))
        #expect(dressed.contains("\nweb \u{1B}[Nm● running\u{1B}[Nm N N Ns "))
        #expect(dressed.contains("\nworker \u{1B}[Nm○ stopped\u{1B}[Nm - "))
        let status = try golden(fixture, ["status", "worker"], .pipes)
        #expect(
            status == """
                name worker
                status stopped
                port none
                cmd exec sleep N
                restart on-failure
                log file \(CommandText.withoutNumbers(fixture.daemon.home))/logs/worker.log
                next gr start worker

                """)
        #expect(
            try golden(fixture, ["status", "worker"], terminal)
                .contains("\u{1B}[Nmstatus \u{1B}[Nm\u{1B}[Nm○ stopped\u{1B}[Nm\n"))
    }

    @Test("a start that fails shows what the program wrote last")
    func failure() throws {
        let fixture = try ServiceFixture()
        try fixture.register(
            "bad", port: ServiceFixture.freePort(), command: "echo no config; sleep 0.2; exit 3",
            more: "\"restart\":\"never\"")
        let run = try fixture.daemon.gr(["start", "bad"])
        #expect(run.end() == 6 && run.output == "")
        #expect(
            run.errors.hasPrefix(
                "gr: 'bad' ended before it was ready: exit code 3\n  no config\nhint: "))
    }
}
