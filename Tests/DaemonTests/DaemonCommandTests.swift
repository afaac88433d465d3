// gr daemon start, stop, status, logs and install, with the real program on real folders.

import Glibc
import TestSupport
import Testing

@Suite struct DaemonCommandTests {
    @Test func `start and stop go back and forth and say so`() throws {
        let stage = BackgroundDaemon()
        let none = try stage.gr(["daemon", "status"])
        #expect(none.exit == 3 && none.output == "", "\(none.output)")
        #expect(try stage.gr(["daemon", "status", "-q"]).output == "stopped\n")
        let stopped = try stage.gr(["daemon", "stop"])
        #expect(stopped.exit == 0)
        #expect(stopped.output == "no daemon runs with the folder \(stage.home)\n")

        let start = try stage.gr(["daemon", "start"])
        let pid = try #require(stage.pid, "\(start.errors)")
        let url = (TextFile.read(stage.file("address")) ?? "").split(separator: "\n")[0]
        #expect(start.exit == 0 && start.output == "daemon started, pid \(pid), at \(url)\n")
        let again = try stage.gr(["daemon", "start"])
        #expect(again.exit == 0)
        #expect(again.output == "the daemon runs already, pid \(pid), at \(url)\n")
        let status = try stage.gr(["daemon", "status"])
        #expect(status.exit == 0)
        #expect(
            status.output == """
                daemon    running
                pid       \(pid)
                version   0.1.0
                address   \(url)
                socket    \(stage.home)/daemon.sock
                home      \(stage.home)
                log       \(stage.home)/daemon.log

                """)
        #expect(try stage.gr(["daemon", "status", "-q"]).output == "running\n")

        let stop = try stage.gr(["daemon", "stop"])
        #expect(stop.exit == 0 && stop.output == "daemon stopped; no service was running\n")
        #expect(!ProcessTable.isAlive(pid))
        #expect(unsafe access(stage.file("daemon.sock"), F_OK) != 0)
    }

    @Test func `services go on when the daemon is stopped and are taken back`() throws {
        let stage = BackgroundDaemon()
        let add = ["add", "worker", "--no-port", "--cmd", "exec sleep 300"]
        #expect(try stage.gr(add).exit == 0)
        #expect(try stage.gr(["start", "worker"]).exit == 0)
        let before = try service(stage)["pid"].integer
        let stop = try stage.gr(["daemon", "stop"])
        #expect(
            stop.output
                == "daemon stopped; 1 service goes on running, the next daemon takes it back\n")
        let pid = Int32(clamping: try #require(before))
        #expect(ProcessTable.isAlive(pid))
        #expect(try stage.gr(["daemon", "start", "-q"]).output == "")
        #expect(try service(stage)["pid"].integer == before)
        #expect(try stage.gr(["stop", "worker"]).exit == 0)
    }

    private func service(_ stage: BackgroundDaemon) throws -> JSONValue {
        let text = try stage.gr(["status", "worker", "--json"]).output
        return JSONValue(Array(text.utf8)) ?? .missing
    }

    @Test func `each has a body for programs`() throws {
        let stage = BackgroundDaemon()
        func body(_ words: [String]) throws -> JSONValue {
            let run = try stage.gr(["daemon"] + words + ["--json"])
            #expect(run.errors == "" && run.output.split(separator: "\n").count == 1)
            return JSONValue(Array(run.output.utf8)) ?? .missing
        }
        #expect(try body(["status"])["running"] == .bool(false))
        #expect(try body(["stop"])["stopped"] == .bool(false))
        let started = try body(["start"])
        #expect(started["running"] == .bool(true))
        #expect(started["pid"].integer == stage.pid.map { Int($0) })
        #expect(started["version"].text == "0.1.0")
        #expect(started["socket"].text == stage.file("daemon.sock"))
        // The last line comes with the first idle moment.
        let isSaid = try eventually {
            try body(["logs", "-n", "1"])["text"].text?.contains(" info started ") == true
        }
        #expect(isSaid, "\(stage.log)")
        let stopped = try body(["stop"])
        #expect(stopped["stopped"] == .bool(true))
        #expect(stopped["servicesRunning"].integer == 0)
        #expect(try body(["install", "--print"])["unit"].text?.contains("[Service]") == true)
    }

    @Test func `start listens where it is told`() throws {
        let stage = BackgroundDaemon(configuration: "port = 1\n")
        let run = try stage.gr(["daemon", "start", "--listen", "127.0.0.1:0"])
        #expect(run.exit == 0 && run.output.contains("at http://127.0.0.1:"), "\(run.errors)")
    }

    @Test func `a token does not hide that the daemon runs`() throws {
        let stage = BackgroundDaemon(configuration: "port = 0\n[auth]\ntoken = \"long-enough-1\"\n")
        #expect(try stage.gr(["daemon", "start"]).exit == 0)
        #expect(try stage.gr(["ls"]).exit == 0)
        let status = try stage.gr(["daemon", "status", "-q"], ["GR_AUTH_TOKEN=another one"])
        #expect(status.exit == 0 && status.output == "running\n", "\(status.errors)")
    }

    @Test(arguments: [
        ["daemon", "stop", "--address", "http://127.0.0.1:1"], ["daemon", "start"],
        ["daemon", "logs"],
    ])
    func `an address names no folder`(words: [String]) throws {
        let stage = BackgroundDaemon()
        let more = words.contains("--address") ? [] : ["GRETL_DAEMON=http://127.0.0.1:1"]
        let run = try stage.gr(words, more)
        #expect(run.exit == 2 && run.errors.contains("an address is given"), "\(run.errors)")
        #expect(stage.log == "")
    }

    // MARK: logs

    @Test func `the log is shown from its last lines on and harmless`() throws {
        let stage = BackgroundDaemon()
        let none = try stage.gr(["daemon", "logs"])
        #expect(none.exit == 1 && none.errors.contains("there is no log at"), "\(none.errors)")
        let text = (1...500).map { "line \($0)\n" }.joined() + "\u{1B}]0;title\u{7}\n"
        TemporaryFolder.write(text, to: stage.file("daemon.log"))
        let two = try stage.gr(["daemon", "logs", "-n", "2"])
        #expect(two.output == "line 500\n\\x1b]0;title\\x07\n")
        #expect(try stage.gr(["daemon", "logs"]).output.hasPrefix("line 402\n"))
        #expect(try stage.gr(["daemon", "logs", "-n", "0"]).output == "")
        #expect(try stage.gr(["daemon", "logs", "-n", "-1"]).exit == 2)
    }

    @Test func `a followed log goes on over a new file`() throws {
        let stage = BackgroundDaemon()
        let log = stage.file("daemon.log")
        TemporaryFolder.write("old\n", to: log)
        let heard = stage.user + "/heard"
        let reader = try Outsider(
            ["sh", "-c", "exec \"$0\" daemon logs -f > \"$1\"", BuildProducts.gr, heard],
            environment: stage.variables)
        #expect(eventually(within: 20_000) { TextFile.read(heard) == "old\n" })
        // What came last before it was moved counts too.
        let file = unsafe open(log, O_WRONLY | O_APPEND)
        #expect(unsafe write(file, "last\n", 5) == 5)
        close(file)
        #expect(unsafe rename(log, log + ".1") == 0)
        TemporaryFolder.write("new\n", to: log)
        #expect(eventually(within: 20_000) { TextFile.read(heard)?.hasSuffix("new\n") == true })
        #expect(TextFile.read(heard) == "old\nlast\nnew\n")
        #expect(reader.isAlive)
    }

    @Test func `a log that grows while the daemon runs begins anew, and one old one is kept`()
        throws
    {
        let stage = BackgroundDaemon()
        let line = String(repeating: "x", count: 1_023) + "\n"
        // As much as a start goes on with: what the daemon says then is too much.
        TemporaryFolder.write(
            String(repeating: line, count: 1_024), to: stage.file("daemon.log"), mode: 0o600)
        #expect(try stage.gr(["daemon", "start"]).exit == 0)
        let hasMoved = eventually(within: 20_000) {
            TextFile.read(stage.file("daemon.log.1"))?.hasPrefix(line) == true
        }
        #expect(hasMoved)
        #expect(eventually { TemporaryFolder.mode(stage.file("daemon.log")) == 0o600 })
        #expect(try stage.gr(["daemon", "stop"]).exit == 0)
        #expect(stage.log.contains("stopping") && !stage.log.contains(line), "\(stage.log)")
        #expect(TextFile.read(stage.file("daemon.log.1"))?.contains("started") == true)
    }

    // MARK: install

    /// A systemctl that writes down how it is called and starts the daemon as systemd would.
    private func fakeSystemctl(_ stage: BackgroundDaemon, _ body: String) -> String {
        let folder = stage.user + "/bin"
        _ = unsafe mkdir(folder, 0o755)
        TemporaryFolder.write(
            "#!/bin/sh\necho \"$@\" >> \"$HOME/calls\"\n\(body)\n", to: folder + "/systemctl",
            mode: 0o755)
        return "\(folder):/usr/bin:/bin"
    }

    @Test func `install takes the daemon's place with a unit that keeps services`() throws {
        let stage = BackgroundDaemon()
        #expect(try stage.gr(["daemon", "start"]).exit == 0)
        let path = fakeSystemctl(
            stage,
            "case \"$*\" in *enable*) setsid \"$GR_BINARY\" serve > \"$HOME/out\" 2>&1 & ;; esac")
        let run = try install(stage, path)
        #expect(run.exit == 0, "\(run.errors)")
        let unit = stage.user + "/.config/systemd/user/gr.service"
        #expect(run.output.hasPrefix("installed \(unit); the daemon runs, pid "))
        let calls = TextFile.read(stage.user + "/calls")
        let reload = "--user daemon-reload\n"
        #expect(calls == "\(reload)\(reload)--user enable --now gr.service\n")
        #expect(
            TextFile.read(unit) == """
                [Unit]
                Description=gr, the daemon that names, starts and watches services

                [Service]
                ExecStart=\(BuildProducts.gr) serve --home \(stage.home)
                # Services go on when the daemon ends, and the next start takes them back.
                KillMode=process
                Restart=on-failure
                RestartSec=1
                Environment=PATH=\(path)
                # No sandboxing here: services would inherit it.

                [Install]
                WantedBy=default.target

                """)
        // What the umask leaves, which another test may have changed for a moment.
        #expect([0o644, 0o600].contains(TemporaryFolder.mode(unit)))
        #expect(stage.pid != nil)
    }

    private func install(_ stage: BackgroundDaemon, _ path: String) throws -> ProgramResult {
        try Program.run(
            ["env", "PATH=\(path)", BuildProducts.gr, "daemon", "install"],
            environment: stage.variables + ["GR_BINARY=\(BuildProducts.gr)"], directory: stage.user,
            seconds: 60)
    }

    @Test func `install says what is missing`() throws {
        let stage = BackgroundDaemon()
        let none = try install(stage, "/nowhere")
        #expect(none.exit == 1 && none.errors.contains("there is no systemctl"), "\(none.errors)")
        #expect(unsafe access(stage.user + "/.config", F_OK) != 0)
        let path = fakeSystemctl(stage, "echo 'Failed to connect to bus' >&2; exit 1")
        let run = try install(stage, path)
        #expect(run.exit == 1)
        #expect(
            run.errors.contains("'systemctl --user daemon-reload' failed: Failed to connect to bus")
        )
        #expect(unsafe access(stage.user + "/.config", F_OK) != 0, "nothing was written")
    }

    @Test func `the unit of a chosen folder names it and escapes what systemd reads`() throws {
        let stage = BackgroundDaemon(subfolder: "odd \"$HOME\" 100%")
        let run = try stage.gr(["daemon", "install", "--print"])
        #expect(run.exit == 0)
        let line = run.output.split(separator: "\n").first { $0.hasPrefix("ExecStart=") } ?? ""
        #expect(
            line.hasSuffix(
                "serve --home \"\(stage.user)/odd \\\"$$HOME\\\" 100%%\""), "\(line)")
    }
}
