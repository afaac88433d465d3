// gr doctor: what is wrong is found and explained, with the next step, by a client that changes
// nothing; whatever the home folder holds.

import Glibc
import TestSupport
import Testing

@Suite struct DoctorTests {
    let folder = TemporaryFolder()

    /// One run, and what it found.
    private struct Diagnosis {
        let result: ProgramResult
        let findings: [JSONValue]

        /// The findings of a check that are not as they should be.
        func wrong(_ check: String) -> [JSONValue] {
            findings.filter { $0["check"].text == check && $0["state"].text != "ok" }
        }

        func states(_ check: String) -> [String] {
            findings.filter { $0["check"].text == check }.compactMap { $0["state"].text }
        }

        /// Whether a finding in that state says `words`, and its next step `step`.
        func says(_ state: String, _ check: String, _ words: String, _ step: String = "") -> Bool {
            findings.contains { finding in
                finding["check"].text == check && finding["state"].text == state
                    && finding["message"].text?.contains(words) == true
                    && (step.isEmpty || finding["hint"].text?.contains(step) == true)
            }
        }
    }

    private func diagnose(_ home: String, program: String = BuildProducts.gr) throws -> Diagnosis {
        let result = try Program.run([program, "doctor", "--json", "--home", home])
        let json = JSONValue(Array(result.output.utf8)) ?? .missing
        let findings = json["findings"].items
        #expect(result.errors.isEmpty, "\(result.errors)")
        #expect(findings.count > 4, "\(result.output)")
        let isBroken = findings.contains { $0["state"].text == "broken" }
        #expect(json["ok"] == .bool(!isBroken))
        #expect(result.exit == (isBroken ? 1 : 0), "\(result.output)")
        for finding in findings where finding["state"].text != "ok" {
            #expect(finding["hint"].text?.isEmpty == false, "\(finding)")
        }
        return Diagnosis(result: result, findings: findings)
    }

    /// A home folder without a daemon whose port nobody has.
    private func home(_ configuration: String? = nil) -> String {
        let home = folder.file("home")
        _ = unsafe mkdir(home, 0o700)
        let text = configuration ?? "port = \(ServiceFixture.freePort())\n"
        TemporaryFolder.write(text, to: home + "/config.toml")
        return home
    }

    @Test func nothingIsWrongWithADaemonThatRuns() throws {
        let fixture = try ServiceFixture()
        try fixture.register("web", port: ServiceFixture.freePort())
        #expect(try fixture.start("web").status == 200)
        let found = try diagnose(fixture.daemon.home)
        for check in [
            "kernel", "programs", "home", "configuration", "disk", "clock", "daemon", "versions",
            "ports", "services", "monitors",
        ] { #expect(found.states(check) == ["ok"], "\(check): \(found.result.output)") }
        #expect(found.result.exit == 0)
    }

    @Test func withoutADaemonItSaysHowToStartOneAndStartsNone() throws {
        let found = try diagnose(home())
        #expect(found.says("notice", "daemon", "no daemon runs", "gr daemon start"))
        #expect(found.result.exit == 0, "\(found.result.output)")
        #expect(ProcessTable.folderNames(folder.file("home")) == ["config.toml"])
        let nowhere = folder.file("nowhere")
        #expect(try diagnose(nowhere).states("home") == ["ok"])
        #expect(!ProcessTable.folderNames(folder.path).contains("nowhere"))
    }

    @Test func whoHoldsTheDaemonsPortIsNamed() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(ServiceFixture.freePort())"])
        let holder = Holder("127.0.0.1")
        let found = try diagnose(home("port = \(holder.port)"))
        #expect(found.says("broken", "daemon", "port \(holder.port) is held by pid"))
        #expect(!found.result.output.contains("pid \(server.pid) "))
    }

    @Test func whoHoldsTheDaemonsSecondPortIsNamed() throws {
        let holder = Holder("127.0.0.1")
        let free = ServiceFixture.freePort()
        let found = try diagnose(home("port = \(free)\nsdk_port = \(holder.port)"))
        #expect(found.says("broken", "daemon", "port \(holder.port) is held by pid", "config.toml"))
    }

    @Test func aForeignListenerOnARegisteredPortIsNamedWithTheWayOut() throws {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        try fixture.register("web", port: port)
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let found = try diagnose(fixture.daemon.home)
        #expect(
            found.says(
                "broken", "ports", "port \(port) of 'web' is held by pid \(server.pid)",
                "gr adopt \(port)"), "\(found.result.output)")
        #expect(found.wrong("ports").count == 1)
    }

    @Test func twoServicesOnOnePortAndAFailedOneAreNoticed() throws {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        try fixture.register("a", port: port)
        try fixture.register("b", port: port)
        try fixture.register("bad", command: "exit 3", more: "\"restart\":\"never\"")
        _ = try fixture.start("bad")
        #expect(try fixture.waits("bad", for: "failed"))
        let found = try diagnose(fixture.daemon.home)
        #expect(found.says("notice", "ports", "'a', 'b'"), "\(found.result.output)")
        #expect(found.says("notice", "services", "'bad' failed: exit code 3", "gr logs bad"))
        #expect(found.result.exit == 0)
    }

    @Test func servicesWhoseFolderIsGoneAreNoticed() throws {
        let fixture = try ServiceFixture()
        let root = fixture.folder.file("my repo")
        for path in [root, root + "-2"] {
            _ = unsafe mkdir(path, 0o700)
            for name in ["a", "b c"] {
                let of = path == root ? name : "2\(name)"
                let body = "{\"name\":\"\(of)\",\"port\":null,\"root\":\"\(path)\"}"
                #expect(try fixture.daemon.ask("POST", "/v1/services", body).status == 201)
            }
        }
        #expect(try diagnose(fixture.daemon.home).wrong("folders").isEmpty)
        _ = unsafe rmdir(root)
        let found = try diagnose(fixture.daemon.home)
        #expect(found.result.exit == 0 && found.wrong("folders").count == 1)
        #expect(
            found.says("notice", "folders", "2 services from \(root), which is", "gr rm a 'b c';"),
            "\(found.wrong("folders"))")
    }

    @Test func whatAKilledDaemonLeftBehindIsExplained() throws {
        let fixture = try ServiceFixture()
        try fixture.register("web", port: ServiceFixture.freePort())
        #expect(try fixture.start("web").status == 200)
        let home = fixture.daemon.home
        fixture.daemon.kill()
        let found = try diagnose(home)
        #expect(found.says("notice", "daemon", "no daemon runs"), "\(found.result.output)")
        #expect(found.says("notice", "daemon", "\(home)/address is of a daemon that is gone"))
        #expect(
            found.says("notice", "monitors", "1 program running without a daemon", "takes them"))
        try fixture.daemon.restart()
        let after = try diagnose(home)
        #expect(after.wrong("daemon").isEmpty && after.wrong("monitors").isEmpty)
    }

    @Test func aDaemonThatDoesNotAnswerIsFoundInTime() throws {
        let daemon = try DaemonProcess()
        daemon.signal(SIGSTOP)
        defer { daemon.signal(SIGCONT) }
        let taken = try milliseconds {
            let found = try diagnose(daemon.home)
            #expect(
                found.says("broken", "daemon", "it runs (pid \(daemon.pid))", "kill -CONT"),
                "\(found.result.output)")
        }
        #expect(taken < 15_000)
    }

    @Test func aDamagedDatabaseIsFoundWithoutADaemonAndTheWayOutWorks() throws {
        let fixture = try ServiceFixture()
        let home = fixture.daemon.home
        try fixture.register("web", port: ServiceFixture.freePort())
        #expect(try diagnose(home).states("database").isEmpty)
        fixture.daemon.kill()
        #expect(try diagnose(home).states("database") == ["ok"])
        let before = ProcessTable.folderNames(home)
        _ = unsafe unlink("\(home)/state.db-wal")
        _ = unsafe unlink("\(home)/state.db-shm")
        TemporaryFolder.write(
            String(repeating: "random bytes ", count: 900), to: home + "/state.db")
        let found = try diagnose(home)
        #expect(
            found.says("broken", "database", "\(home)/state.db is damaged", "mkdir"),
            "\(found.result.output)")
        #expect(Set(ProcessTable.folderNames(home)).isSubset(of: Set(before)))
        let refused = try Program.run([BuildProducts.gr, "daemon", "start", "--home", home])
        #expect(refused.exit == 3 && refused.errors.contains("gr doctor"), "\(refused.errors)")
        #expect(refused.errors.contains("move it away"), "\(refused.errors)")
        let hint = found.wrong("database").first?["hint"].text ?? ""
        let step = hint.split(separator: "anew: ").last.map(String.init) ?? "false"
        _ = try Program.run(["sh", "-c", step])
        #expect(!ProcessTable.folderNames(home).contains("state.db"), "\(step)")
        try fixture.daemon.restart()
    }

    @Test func anAddressFileThatIsNoneIsTold() throws {
        let home = home()
        TemporaryFolder.write("garbage\u{1B}[31m", to: home + "/address")
        let found = try diagnose(home)
        #expect(found.says("notice", "address", "no address of this machine", "gr daemon start"))
        #expect(found.says("notice", "daemon", "no daemon runs"), "\(found.result.output)")
    }

    @Test func aHomeFolderThatOthersCanEnterIsNotGood() throws {
        let home = home()
        _ = unsafe chmod(home, 0o755)
        #expect(try diagnose(home).says("notice", "home", "(mode 755)", "chmod 700"))
        _ = unsafe chmod(home, 0o777)
        #expect(try diagnose(home).says("broken", "home", "(mode 777)", "chmod 700"))
        let file = folder.file("file")
        TemporaryFolder.write("", to: file)
        #expect(try diagnose(file).says("broken", "home", "is no folder"))
        let link = folder.file("link")
        _ = unsafe symlink("/nowhere/at/all", link)
        #expect(try diagnose(link).says("broken", "home", "or to nowhere"))
    }

    @Test func mistakesInTheConfigurationAreListedWithTheirLines() throws {
        let found = try diagnose(home("port = 80\nprot = 1\n[log]\nlevel = 7\n"))
        #expect(found.says("broken", "configuration", "config.toml:2: unknown key \"prot\""))
        #expect(found.says("broken", "configuration", "config.toml:4: log.level"))
    }

    @Test func aHostileHomeFolderNeitherHangsNorSpeaks() throws {
        let home = home()
        for name in ["address", "daemon.sock", "state.db", "events.log"] {
            _ = unsafe mkfifo("\(home)/\(name)", 0o600)
        }
        _ = unsafe unlink("\(home)/config.toml")
        _ = unsafe mkfifo("\(home)/config.toml", 0o600)
        _ = unsafe mkdir("\(home)/run", 0o700)
        for number in 0..<300 {
            let name = String(repeating: "0", count: 16 - "\(number)".count) + "\(number)"
            TemporaryFolder.write("", to: "\(home)/run/\(name).sock")
        }
        _ = unsafe mkdir("\(home)/logs", 0o700)
        TemporaryFolder.write("x", to: "\(home)/logs/\u{1B}[31mred\u{7}.log")
        let taken = try milliseconds {
            let found = try diagnose(home)
            #expect(found.says("notice", "monitors", "300 sockets"), "\(found.result.output)")
            #expect(found.says("broken", "configuration", "not a regular file"))
        }
        #expect(taken < 15_000)
    }

    @Test func theNameOfAForeignProgramCannotColourTheTerminal() throws {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        try fixture.register("web", port: port)
        let script = """
            use Socket; $0 = "\\e[31mred\\a"; socket(my $s, PF_INET, SOCK_STREAM, 0);
            setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
            bind($s, sockaddr_in(\(port), inet_aton("127.0.0.1"))) or die; listen($s, 8);
            sleep 300;
            """
        let server = try Outsider(["perl", "-e", script])
        #expect(eventually { Outsider.accepts("127.0.0.1", port) })
        let result = try Program.run([BuildProducts.gr, "doctor", "--home", fixture.daemon.home])
        #expect(result.exit == 1)
        #expect(result.output.contains("pid \(server.pid) (\\x1b[31mred\\x07)"), "\(result.output)")
        #expect(!result.output.utf8.contains { $0 < 0x20 && $0 != 0x0A })
    }

    @Test func aClockThatWasSetBackIsNoticed() throws {
        let home = home()
        let touched = try Program.run(["touch", "-d", "+3 hours", "\(home)/events.log"])
        #expect(touched.exit == 0)
        let found = try diagnose(home)
        let isNamed =
            found.says("notice", "clock", "2h59m") || found.says("notice", "clock", "3h00m")
        #expect(isNamed, "\(found.result.output)")
        #expect(found.says("notice", "clock", "from now: the clock was set back"))
    }

    @Test func aMissingMonitorIsFound() throws {
        let alone = folder.file("gr")
        // A link of its own where that is possible, since the program is large.
        let made = try Program.run(
            ["sh", "-c", "cp -l \"$0\" \"$1\" 2>&1 || cp \"$0\" \"$1\"", BuildProducts.gr, alone])
        #expect(made.exit == 0)
        let found = try diagnose(home(), program: alone)
        #expect(found.says("broken", "programs", "\(folder.path)/gr-monitor is not there"))
    }

    @Test func onATerminalEachFindingHasAMarkAndOnAPipeAWord() throws {
        let home = home()
        let command = "\(BuildProducts.gr) doctor --home \(home)"
        func terminal(_ environment: [String]) throws -> String {
            try Program.run(
                ["script", "-qec", command, "/dev/null"],
                environment: ["TERM=xterm", "LC_ALL=C.UTF-8"] + environment
            ).output
        }
        let colored = try terminal([])
        #expect(colored.contains("\u{1B}[32m✓\u{1B}[0m kernel: Linux"), "\(colored)")
        #expect(colored.contains("\u{1B}[33m!\u{1B}[0m daemon: no daemon runs"), "\(colored)")
        let plain = try terminal(["NO_COLOR=1"])
        #expect(plain.contains("✓ kernel: ") && !plain.contains("\u{1B}"), "\(plain)")
        let piped = try Program.run([BuildProducts.gr, "doctor", "--home", home])
        #expect(piped.output.contains("ok     kernel: Linux"), "\(piped.output)")
        #expect(piped.output.contains("notice daemon: no daemon runs\n       start it: "))
        #expect(piped.output.hasSuffix("0 broken, 1 notice\n"), "\(piped.output)")
        let quiet = try Program.run([BuildProducts.gr, "doctor", "-q", "--home", home])
        #expect(quiet.output.hasPrefix("notice daemon: no daemon runs\n"), "\(quiet.output)")
        #expect(!quiet.output.contains("kernel"))
    }
}
