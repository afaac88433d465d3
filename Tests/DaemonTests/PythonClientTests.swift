// The public Python client, as it is on PyPI, against the real daemon: add, start, wait, group,
// stop, logs, remove. Only its BASE address is set, as its users would. Needs PyPI once.

import TestSupport
import Testing

@Suite struct PythonClientTests {
    let fixture: ServiceFixture
    var daemon: DaemonProcess { fixture.daemon }

    init() throws { fixture = try ServiceFixture() }

    /// Where both versions are; fetched on the first run in a build folder.
    private static let client = Result { () throws -> String in
        let folder = BuildProducts.directory + "/python-client"
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let made = try Program.run(
            ["\(root)/scripts/python-client", folder],
            environment: Program.inheritedEnvironment, seconds: 300)
        guard made.exit == 0 else { throw NotFetched(description: made.errors) }
        return folder
    }

    private struct NotFetched: Error, CustomStringConvertible { let description: String }

    /// Runs `script` with the client imported; it must end by itself and complain about nothing.
    private func drive(
        _ version: String, _ script: String, port: UInt16? = nil, _ arguments: [String],
        environment: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let program = fixture.folder.file("script.py")
        let opening = """
            import sys, time, gretl
            gretl.BASE = sys.argv[1]
            gr = gretl.gr

            def names(ports): return sorted(p.name for p in ports)

            """
        TemporaryFolder.write(opening + script, to: program)
        let folder = try Self.client.get()
        let base = "http://127.0.0.1:\(port ?? daemon.port)"
        let result = try Program.run(
            ["python3", "-B", program, base] + arguments,
            environment: ["PYTHONPATH=\(folder)/\(version)"] + environment,
            directory: fixture.folder.path,
            seconds: 120)
        #expect(
            result.exit == 0 && result.errors.isEmpty,
            "\(version): \(result.output)\(result.errors)", sourceLocation: sourceLocation)
    }

    private static let wholeLife = """
        a, b, cmd, cwd = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
        assert gr.ports() == []
        made = gr.add(a, name="jobs-server", cmd=cmd, group="backend", cwd=cwd)
        assert (made.port, made.name, made.active, made.has_command) == (
            a, "jobs-server", False, True), vars(made)
        assert (made.group, made.is_docker, made.links, made.pid) == ("backend", False, [], None)
        gr.add(b, name="jobs-worker", cmd=cmd, group="backend")
        assert names(gr.ports()) == ["jobs-server", "jobs-worker"]
        assert names(gr.port("JOBS")) == ["jobs-server", "jobs-worker"]
        assert names(gr.port(str(b))) == ["jobs-worker"]

        assert names(gr.start("jobs-server")) == ["jobs-server"]
        up = gr.wait_for_active("jobs-server", timeout=60, interval=0.1)
        assert up.port == a and up.active and up.pid > 1, vars(up)
        assert names(gr.active()) == ["jobs-server"]
        assert names(gr.inactive()) == ["jobs-worker"]

        assert len(gr.start_group("Backend")) == 2
        gr.wait_for_active(str(b), timeout=60, interval=0.1)
        still = gr.wait_for_active(str(a), timeout=1)
        assert still.pid == up.pid, "a start of what runs is none"
        assert all(p.active for p in gr.status_group("backend"))

        lines = gretl._request("GET", f"/ports/{a}/logs?lines=1")["lines"]
        assert lines == ["listening"], lines

        gr.stop(str(a))
        gr.wait_for_inactive("jobs-server", timeout=60, interval=0.1)
        gr.stop_group("backend")
        gr.wait_for_inactive("jobs-worker", timeout=60, interval=0.1)

        gr.start("jobs-server")
        assert names(gr.remove("jobs")) == ["jobs-server", "jobs-worker"]
        assert gr.ports() == []
        for call in [gr.start, gr.stop, gr.remove, gr.start_group, gr.status_group]:
            try:
                call("jobs")
                assert False, call
            except ValueError:
                pass
        """

    @Test(arguments: ["1.0.3", "1.1.0"])
    func theWholeLifeOfServices(version: String) throws {
        let ports = [ServiceFixture.freePort(), ServiceFixture.freePort()]
        try drive(
            version, Self.wholeLife,
            ports.map { "\($0)" } + [fixture.serverCommand, fixture.folder.path])
    }

    @Test func anAgentIsSpunUpReadAndSpunDown() throws {
        let script = """
            port, cmd = int(sys.argv[2]), sys.argv[3]
            agent = gr.agent_spinup("Planner Nr. 1", cmd=cmd, port=port)
            assert agent.group == "Agents" and agent.port == port, vars(agent)
            gr.wait_for_active("planner", timeout=60, interval=0.1)
            assert names(gr.agent_list()) == ["Planner Nr. 1"]
            lines = gr.agent_logs("planner nr. 1")
            assert lines[0].startswith("starting ") and lines[1:] == ["listening"], lines
            assert gr.agent_logs("planner nr. 1", lines=1) == ["listening"]
            again = gr.agent_spinup("Planner Nr. 1", cmd=cmd, port=port)
            assert again.active, "spinning up twice is no error"
            gr.agent_spindown("Planner Nr. 1")
            assert gr.ports() == []
            """
        try drive("1.1.0", script, ["\(ServiceFixture.freePort())", fixture.serverCommand])
    }

    @Test func aProgramThatIgnoresTheSignalDoesNotOutlastTheClientsPatience() throws {
        let script = """
            port, cmd = int(sys.argv[2]), sys.argv[3]
            gr.add(port, name="stubborn", cmd=cmd)
            gr.start("stubborn")
            gr.wait_for_active("stubborn", timeout=60, interval=0.1)
            # The client's own limit is 5 s; the program goes after as much.
            gr.stop("stubborn")
            gr.wait_for_inactive("stubborn", timeout=60, interval=0.1)
            gr.start("stubborn")
            gr.wait_for_active("stubborn", timeout=60, interval=0.1)
            gr.remove("stubborn")
            assert gr.ports() == []
            """
        try drive(
            "1.1.0", script,
            ["\(ServiceFixture.freePort())", "TERM_DOES=ignore \(fixture.serverCommand)"])
    }

    @Test func whatSomebodyElseRunsIsSeen() throws {
        let holder = Holder("127.0.0.1")
        let script = """
            port = int(sys.argv[2])
            db = gr.add(port, name="db", group="data")
            assert db.active and not db.has_command, vars(db)
            assert db.pid and db.process, vars(db)
            assert names(gr.start_group("data")) == ["db"]
            try:
                gr.stop("db")
                assert False
            except ConnectionError as error:
                assert "400" in str(error), error
            gr.remove("db")
            """
        try drive("1.1.0", script, ["\(holder.port)"])
        withExtendedLifetime(holder) {}
    }

    @Test func thePortOfTheClientIsServedWhenTheConfigurationSaysSo() throws {
        // Another test can take the port in between.
        for attempt in 1...5 {
            let port = ServiceFixture.freePort()
            do {
                let daemon = try DaemonProcess(configuration: "sdk_port = \(port)")
                #expect(daemon.port != port)
                try drive("1.1.0", "assert gr.ports() == []", port: port, [])
                try drive("1.0.3", "assert gr.ports() == []", port: daemon.port, [])
                let own = try daemon.ask("POST", "/ports", #"{"port":\#(port)}"#)
                #expect(own.status == 400 && own.message.contains("the daemon's own"))
                // gr and services use the other one.
                let address = TextFile.read(daemon.file("address")) ?? ""
                #expect(!address.contains(":\(port)"))
                return
            } catch let error as DaemonProcessError { if attempt == 5 { throw error } }
        }
    }

    @Test(arguments: ["1.0.3", "1.1.0"])
    func theClientStartsTheDaemonItself(version: String) throws {
        let port = ServiceFixture.freePort()
        let background = BackgroundDaemon(configuration: "port = 0\nsdk_port = \(port)\n")
        // It gives a start 5 s, which a busy machine may exceed.
        let script = """
            for attempt in range(6):
                try:
                    assert gr.ports() == []
                    break
                except ConnectionError as error:
                    assert attempt < 5, error
            """
        let path = "PATH=\(BuildProducts.directory):/usr/local/bin:/usr/bin:/bin"
        try drive(version, script, port: port, [], environment: background.variables + [path])
        #expect(background.pid != nil)
        #expect(background.starts == 1, "\(background.log)")
    }

    @Test func aTakenClientPortIsSaid() throws {
        let holder = Holder("127.0.0.1")
        do {
            _ = try DaemonProcess(configuration: "sdk_port = \(holder.port)")
            Issue.record("it started")
        } catch DaemonProcessError.notListening(let exit, let said) {
            #expect(exit == 1)
            #expect(
                said.contains("127.0.0.1:\(holder.port)") && said.contains("sdk_port"), "\(said)")
        }
    }
}
