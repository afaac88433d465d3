// Starts that nobody asked for, of services that depend on others: they wait like a start that was
// asked for, undo no stop, and can be taken back at any moment. Real programs, short pauses.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct RestartDependencyTests {
    let fixture: ServiceFixture

    init() throws { fixture = try ServiceFixture(environment: ["GR_RESTART_PAUSE_MS=10"]) }

    private func server(
        _ name: String, needs: [String] = [], delay: String = "0", restart: String = "on-failure"
    ) throws {
        let needs = needs.map(fixture.quote).joined(separator: ",")
        try fixture.register(
            name, port: ServiceFixture.freePort(), env: ["DELAY": delay],
            more: "\"dependsOn\":[\(needs)],\"restart\":\"\(restart)\"")
    }

    private func crash(_ name: String) throws {
        let pid = try #require(try fixture.service(name)["pid"].integer)
        #expect(kill(Int32(pid), SIGKILL) == 0)
    }

    /// How often its program was started.
    private func starts(_ name: String) throws -> Int {
        let log = TextFile.read(try fixture.service(name)["logFile"].text ?? "") ?? ""
        return log.split(separator: "\n").filter { $0.hasPrefix("starting") }.count
    }

    private func waitsFor(_ name: String, _ needed: String) throws -> Bool {
        try eventually(within: 10_000) {
            let service = try fixture.service(name)
            return service["status"].text == "backoff"
                && service["stopReason"].text?.hasPrefix("waits for '\(needed)'") == true
        }
    }

    @Test func `What crashed waits for what it depends on, and undoes no stop`() throws {
        try server("db")
        try server("web", needs: ["db"])
        #expect(try fixture.start("web").status == 200)
        #expect(try fixture.stop("db").status == 200)
        try crash("web")
        #expect(try waitsFor("web", "db"))
        usleep(1_200_000)
        #expect(try starts("web") == 1)
        #expect(try fixture.service("db")["status"].text == "stopped")
        #expect(try fixture.service("web")["nextTryAt"] == .null)

        // Until it is ready, not only until it runs.
        try server("db", delay: "1.5")
        #expect(try fixture.start("db", "?timeout=0").status == 200)
        usleep(1_000_000)
        let early = try (starts("web"), fixture.service("db")["status"].text)
        #expect(early.0 == 1 || early.1 == "running")
        #expect(try fixture.waits("db", for: "running", within: 10_000))
        #expect(try fixture.waits("web", for: "running", within: 10_000))
        #expect(try starts("web") == 2)
        #expect(try fixture.service("web")["restarts"].integer == 1)
    }

    @Test func `Of two that crash together the one that is needed is up first`() throws {
        try server("db", delay: "0.7")
        try server("web", needs: ["db"])
        let answer = try fixture.start("web")
        #expect(answer.status == 200, "\(answer.text)")
        let listener = try EventListener(fixture.daemon, "?types=service.started")
        let pids = try ["web", "db"].map {
            Int32(try #require(try fixture.service($0)["pid"].integer))
        }
        for pid in pids { #expect(kill(pid, SIGKILL) == 0) }
        #expect(listener.waits(for: "service.started", "web", within: 20_000))
        #expect(listener.events.map(\.name) == ["db", "web"])
        #expect(try starts("web") == 2)
    }

    @Test func `Whoever waits by itself can be stopped, started and removed`() throws {
        try server("db", restart: "never")
        for name in ["stopped", "started", "removed"] {
            try server(name, needs: ["db"])
            #expect(try fixture.start(name).status == 200)
        }
        try crash("db")
        #expect(try fixture.waits("db", for: "failed"))
        for name in ["stopped", "started", "removed"] {
            try crash(name)
            #expect(try waitsFor(name, "db"))
        }
        #expect(try fixture.stop("stopped").status == 200)
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/removed").status == 200)
        // Asked for, it brings up what it needs.
        #expect(try fixture.start("started").status == 200)
        #expect(try fixture.service("db")["status"].text == "running")
        usleep(1_200_000)
        #expect(try fixture.service("stopped")["status"].text == "stopped")
        #expect(try starts("stopped") == 1)
        let programs = ProcessTable.descendants(of: [fixture.daemon.pid]).filter {
            ProcessTable.words($0, "cmdline").contains { $0.hasSuffix("server.pl") }
        }
        #expect(programs.count == 2, "db and the one that was started")
    }

    @Test func `Started without what it depends on, it is started again without it`() throws {
        try server("db")
        try server("web", needs: ["db"])
        #expect(try fixture.start("web", "?deps=0").status == 200)
        try crash("web")
        #expect(try eventually(within: 10_000) { try starts("web") == 2 })
        #expect(try fixture.waits("web", for: "running"))
        #expect(try fixture.service("db")["status"].text == "stopped")
    }

    @Test func `Started without what it depends on, a change is applied without it`() throws {
        try server("db")
        try server("web", needs: ["db"])
        #expect(try fixture.start("web", "?deps=0").status == 200)
        let change = #"{"name":"web","env":{"X":"1"}}"#
        #expect(try fixture.daemon.ask("POST", "/v1/services?restart=1", change).status == 201)
        #expect(try starts("web") == 2)
        #expect(try fixture.service("db")["status"].text == "stopped")
    }

    @Test func `A job that is done is not waited for, one that failed or was stopped is`() throws {
        let flag = fixture.folder.file("fails")
        try fixture.register(
            "job", command: "test -e \(flag) && exit 1; sleep 0.2", more: "\"restart\":\"never\"")
        try server("web", needs: ["job"])
        #expect(try fixture.start("web").status == 200)
        #expect(try fixture.waits("job", for: "stopped"))
        try crash("web")
        #expect(try eventually(within: 10_000) { try starts("web") == 2 })
        #expect(try fixture.waits("web", for: "running"))

        TemporaryFolder.write("", to: flag)
        _ = try fixture.start("job")
        #expect(try fixture.waits("job", for: "failed"))
        try crash("web")
        #expect(try waitsFor("web", "job"))
        _ = unsafe unlink(flag)
        #expect(try fixture.start("job").status == 200)
        #expect(try fixture.waits("web", for: "running", within: 10_000))
    }

    @Test func `Who waits for what was removed fails and says so`() throws {
        try server("db", restart: "never")
        try server("web", needs: ["db"])
        let script = #"""
            open(my $s, "+<&=3") or die;
            while (1) { accept(my $c, $s) or next; my $l = <$c>;
                print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; }
            """#
        TemporaryFolder.write(script, to: fixture.folder.file("held.pl"))
        let port = ServiceFixture.freePort()
        try fixture.register(
            "held", port: port, command: "exec perl \(fixture.folder.file("held.pl"))",
            more: #""dependsOn":["db"],"listen":true,"ready":"http://127.0.0.1:\#(port)/""#)
        for name in ["web", "held"] { #expect(try fixture.start(name).status == 200) }
        #expect(try fixture.stop("db").status == 200)
        for name in ["web", "held"] {
            try crash(name)
            #expect(try waitsFor(name, "db"))
        }
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/db").status == 200)
        for name in ["web", "held"] {
            #expect(try fixture.waits(name, for: "failed"))
            let service = try fixture.service(name)
            #expect(service["nextTryAt"] == .null)
            #expect(
                service["stopReason"].text == "'db', which it depends on, is not registered")
        }
        // Nothing of it is left, and it can be started again.
        #expect(Holder("127.0.0.1", port: port).isListening)
        try server("db")
        for name in ["web", "held"] { #expect(try fixture.start(name).status == 200) }
    }

    @Test func `The wait goes on behind a new daemon`() throws {
        try server("db", restart: "never")
        try server("web", needs: ["db"])
        #expect(try fixture.start("web").status == 200)
        #expect(try fixture.stop("db").status == 200)
        try crash("web")
        #expect(try waitsFor("web", "db"))
        fixture.daemon.kill()
        try fixture.daemon.restart()
        #expect(try waitsFor("web", "db"))
        #expect(try fixture.service("web")["nextTryAt"] == .null)
        #expect(try starts("web") == 1)
        #expect(try fixture.start("db").status == 200)
        #expect(try fixture.waits("web", for: "running", within: 10_000))
    }

    @Test func `What is removed while it waits for a dependency never runs`() throws {
        try server("db", delay: "0.7")
        try server("web", needs: ["db"])
        let starting = try WireClient(fixture.daemon)
        starting.send(request("POST /v1/services/web/start HTTP/1.1"))
        #expect(try fixture.waits("db", for: "starting"))
        let log = fixture.daemon.file("logs/web.log")
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/web").status == 200)
        #expect(try starting.answer().status / 100 != 2)
        #expect(try fixture.waits("db", for: "running"))
        usleep(300_000)
        #expect(TextFile.read(log) == nil, "a program that nobody knows was started")
        // Under its name something new can be.
        try server("web", needs: ["db"])
        #expect(try fixture.start("web").status == 200)
        #expect(try starts("web") == 1)
    }
}
