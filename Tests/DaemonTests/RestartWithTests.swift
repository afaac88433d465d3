// `restartWith`: who is restarted behind a restart of what it depends on, and who is not. Real
// programs.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct RestartWithTests {
    let fixture: ServiceFixture

    init() throws { fixture = try ServiceFixture(environment: ["GR_RESTART_PAUSE_MS=10"]) }

    private func server(
        _ name: String, needs: [String] = [], with: [String] = [], delay: String = "0",
        restart: String = "on-failure"
    ) throws {
        func list(_ names: [String]) -> String {
            "[" + names.map(fixture.quote).joined(separator: ",") + "]"
        }
        try fixture.register(
            name, port: ServiceFixture.freePort(), env: ["DELAY": delay],
            more: "\"dependsOn\":\(list(needs)),\"restartWith\":\(list(with)),"
                + "\"restart\":\"\(restart)\"")
    }

    private func pid(_ name: String) throws -> Int? { try fixture.service(name)["pid"].integer }

    private func starts(_ name: String) throws -> Int {
        let log = TextFile.read(try fixture.service(name)["logFile"].text ?? "") ?? ""
        return log.split(separator: "\n").filter { $0.hasPrefix("starting") }.count
    }

    private func restart(_ name: String) throws {
        #expect(try fixture.daemon.ask("POST", "/v1/services/\(name)/restart").status == 200)
    }

    private func isRunning(_ name: String, afterStarts count: Int) throws -> Bool {
        try eventually(within: 10_000) {
            try starts(name) == count && fixture.service(name)["status"].text == "running"
        }
    }

    @Test func `A restart takes those along that want it, and nobody else`() throws {
        try server("db", delay: "0.4")
        try server("web", needs: ["db"], with: ["db"])
        try server("other", needs: ["db"])
        try server("idle", needs: ["db"], with: ["db"])
        for name in ["web", "other"] { #expect(try fixture.start(name).status == 200) }
        let before = try pid("other")
        let listener = try EventListener(fixture.daemon, "?stats=0")
        try restart("db")
        #expect(try isRunning("web", afterStarts: 2))
        #expect(listener.waits(for: "service.started", "web"))
        let told = listener.events.map { "\($0.type) \($0.name ?? "")" }
        // The old program serves until there is something to connect to.
        #expect(
            told == [
                "service.stopped db", "service.started db", "service.stopped web",
                "service.started web",
            ])
        #expect(try pid("other") == before)
        #expect(try fixture.service("idle")["status"].text == "stopped")
        #expect(try fixture.service("web")["restarts"].integer == 0)
    }

    @Test func `A chain is restarted link by link, once`() throws {
        try server("db")
        try server("api", needs: ["db"], with: ["db"], delay: "0.3")
        try server("web", needs: ["api"], with: ["api"])
        #expect(try fixture.start("web").status == 200)
        let clients = try (0..<20).map { _ in try WireClient(fixture.daemon) }
        for client in clients { client.send(request("POST /v1/services/db/restart HTTP/1.1")) }
        for client in clients { #expect(try client.answer().status == 200) }
        #expect(try isRunning("api", afterStarts: 2))
        #expect(try isRunning("web", afterStarts: 2))
        usleep(500_000)
        for name in ["db", "api", "web"] { #expect(try starts(name) == 2, "\(name)") }
    }

    @Test func `A change that is applied counts, a crash does not`() throws {
        try server("db")
        try server("web", needs: ["db"], with: ["db"])
        #expect(try fixture.start("web").status == 200)
        let change = #"{"name":"db","env":{"X":"1"}}"#
        #expect(try fixture.daemon.ask("POST", "/v1/services?restart=1", change).status == 201)
        #expect(try isRunning("web", afterStarts: 2))
        kill(Int32(try #require(try pid("db"))), SIGKILL)
        #expect(try isRunning("db", afterStarts: 3))
        usleep(300_000)
        #expect(try starts("web") == 2)
    }

    @Test func `Who is restarted with another undoes no stop, and no start of its own alone`()
        throws
    {
        for name in ["db", "cache"] { try server(name) }
        try server("web", needs: ["db", "cache"], with: ["db"])
        try server("alone", needs: ["db", "cache"], with: ["db"])
        #expect(try fixture.start("web").status == 200)
        #expect(try fixture.stop("cache").status == 200)
        #expect(try fixture.start("alone", "?deps=0").status == 200)
        try restart("db")
        for name in ["web", "alone"] { #expect(try isRunning(name, afterStarts: 2)) }
        #expect(try fixture.service("cache")["status"].text == "stopped")
        #expect(try starts("cache") == 1)
        kill(Int32(try #require(try pid("alone"))), SIGKILL)
        #expect(try isRunning("alone", afterStarts: 3))
    }

    @Test func `Who is started or stopped during a restart is left as it is`() throws {
        try server("db")
        for name in ["late", "early"] { try server(name, needs: ["db"], with: ["db"]) }
        #expect(try fixture.start("early").status == 200)
        try server("db", delay: "1.5")
        let client = try WireClient(fixture.daemon)
        client.send(request("POST /v1/services/db/restart HTTP/1.1"))
        #expect(try eventually(within: 10_000) { try starts("db") == 2 })
        #expect(try fixture.stop("early").status == 200)
        #expect(try fixture.start("late", "?deps=0").status == 200)
        let wasEarly = try fixture.service("db")["status"].text == "starting"
        #expect(try client.answer().status == 200)
        usleep(500_000)
        // On a machine that is too busy for the order above, nothing is said.
        if wasEarly {
            #expect(try starts("late") == 1)
            #expect(try starts("early") == 1)
            #expect(try fixture.service("early")["status"].text == "stopped")
        }
    }

    @Test func `Where nothing was restarted nobody is restarted with it`() throws {
        try server("slow", delay: "1.5")
        try server("db", restart: "never")
        try server("web", needs: ["db"], with: ["db"])
        #expect(try fixture.start("web").status == 200)
        let client = try WireClient(fixture.daemon)
        let change = #"{"name":"db","dependsOn":["slow"]}"#
        client.send(post("/v1/services?restart=1", change))
        #expect(try fixture.waits("slow", for: "starting"))
        kill(Int32(try #require(try pid("db"))), SIGKILL)
        #expect(try fixture.waits("db", for: "failed"))
        _ = try client.answer()
        usleep(500_000)
        #expect(try starts("web") == 1)
        #expect(try starts("db") == 1)
    }

    @Test func `It names dependencies, follows them, and outlives the daemon`() throws {
        let odd = #"{"name":"web","port":null,"dependsOn":["db"],"restartWith":["x"]}"#
        let refused = try fixture.daemon.ask("POST", "/v1/services", odd)
        #expect(refused.code == "invalid_spec")
        #expect(refused.message == "'restartWith' names 'x', which is not in 'dependsOn'")
        try server("web", needs: ["db", "cache"], with: ["db", "cache"])
        let fewer = #"{"name":"web","dependsOn":["cache"]}"#
        let answer = try fixture.daemon.ask("POST", "/v1/services", fewer)
        #expect(answer.json["restartWith"] == .array([.string("cache")]))
        fixture.daemon.kill()
        try fixture.daemon.restart()
        #expect(try fixture.service("web")["restartWith"] == .array([.string("cache")]))
        let none = #"{"name":"web","restartWith":null}"#
        #expect(
            try fixture.daemon.ask("POST", "/v1/services", none).json["restartWith"] == .array([]))
    }
}
