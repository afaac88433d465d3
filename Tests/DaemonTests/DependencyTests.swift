// Starts of single services that depend on others, with real programs: who is started first, what
// keeps a service from being started, circles, plans, and stops in the middle.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct DependencyTests {
    let fixture: ServiceFixture

    init() throws { fixture = try ServiceFixture() }

    private func server(
        _ name: String, port: UInt16 = ServiceFixture.freePort(), needs: [String] = [],
        delay: String = "0", more: String = ""
    ) throws {
        try fixture.register(
            name, port: port, env: ["DELAY": delay],
            more: dependsOn(needs) + ",\"restart\":\"never\"" + more)
    }

    private func dependsOn(_ needs: [String]) -> String {
        "\"dependsOn\":[\(needs.map(fixture.quote).joined(separator: ","))]"
    }

    private func status(_ name: String) throws -> String? {
        try fixture.service(name)["status"].text
    }

    private func actions(_ answer: WireAnswer) -> [String] {
        answer.json["plan"].items.map {
            "\($0["name"].text ?? "") \($0["action"].text ?? "") \($0["level"].integer ?? -1)"
        }
    }

    @Test func `A start brings up what the service depends on, and waits until it is ready`() throws
    {
        try server("web", needs: ["api"])
        try server("api", needs: ["db"], delay: "0.3")
        try server("db", delay: "0.3")
        let client = try WireClient(fixture.daemon)
        client.send(request("POST /v1/services/web/start HTTP/1.1"))
        #expect(try fixture.waits("db", for: "starting"))
        #expect(try status("api") == "stopped")
        #expect(try fixture.waits("api", for: "starting"))
        #expect(try status("db") == "running")
        #expect(try status("web") == "stopped")
        let answer = try client.answer()
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["name"].text == "web")
        #expect(answer.json["status"].text == "running")
        #expect(try fixture.start("web").code == "already_running")
    }

    @Test func `deps=0 starts the service alone`() throws {
        try server("db")
        try server("web", needs: ["db", "nobody"])
        #expect(try fixture.start("web", "?deps=0").status == 200)
        #expect(try status("db") == "stopped")
        #expect(try fixture.start("db", "?deps=2").code == "invalid_spec")
    }

    @Test func `What does not come up keeps the service from being started, and is named`() throws {
        try server("db", delay: "30")
        try server("api", needs: ["db"])
        try server("web", needs: ["api"])
        let answer = try fixture.start("web", "?timeout=300")
        #expect(answer.status == 502)
        #expect(answer.code == "ready_timeout")
        #expect(answer.message.hasPrefix("'web' was not started: 'db', which it depends on"))
        #expect(answer.message.contains("was not ready within 300 ms"))
        #expect(try status("web") == "stopped")
        #expect(try status("api") == "stopped")
        #expect(try fixture.stop("db", "?grace=0").status == 200)

        let holder = Holder("127.0.0.1")
        try server("db", port: holder.port)
        let held = try fixture.start("web")
        #expect(held.status == 409)
        #expect(held.code == "port_in_use")
        #expect(held.message.contains("'db', which it depends on"))
        #expect(held.message.contains("port \(holder.port) is held by"))
    }

    @Test func `A dependency nobody has registered is refused by name before anything starts`()
        throws
    {
        try server("db")
        try server("api", needs: ["db", "queue"])
        try server("web", needs: ["api"])
        let answer = try fixture.start("web")
        #expect(answer.status == 400)
        #expect(answer.code == "invalid_spec")
        #expect(answer.message == "'api' depends on 'queue', which is not registered")
        #expect(try status("db") == "stopped")
        try server("queue")
        #expect(try fixture.start("web").status == 200)
    }

    @Test func `A circle is refused at registration, with its path`() throws {
        try server("a", needs: ["b"])
        try server("b", needs: ["c"])
        for needs in [["a"], ["x", "b"], ["c"]] {
            let body = "{\"name\":\"c\",\"port\":null,\(dependsOn(needs))}"
            let answer = try fixture.daemon.ask("POST", "/v1/services", body)
            #expect(answer.status == 400)
            #expect(answer.code == "invalid_spec")
            if needs == ["a"] {
                #expect(answer.message.hasSuffix("in a circle: c -> a -> b -> c"))
            }
            if needs == ["x", "b"] { #expect(answer.message.hasSuffix(": c -> b -> c")) }
        }
        #expect(try fixture.daemon.ask("GET", "/v1/services/c").status == 404)
        try server("c", needs: ["x"])
    }

    @Test func `Two registrations at once cannot close a circle`() throws {
        for round in 0..<20 {
            let names = ["p\(round)", "q\(round)"]
            let clients = try (0..<2).map { _ in try WireClient(fixture.daemon) }
            for (index, client) in clients.enumerated() {
                let body =
                    "{\"name\":\"\(names[index])\",\"port\":null,"
                    + "\(dependsOn([names[1 - index]]))}"
                client.send(post("/v1/services", body))
            }
            let statuses = try clients.map { try $0.answer().status }.sorted()
            #expect(statuses == [201, 400], "round \(round)")
        }
    }

    @Test func `A restart waits for dependencies like a start, and stops nothing before`() throws {
        try server("db")
        try server("web", needs: ["db"])
        #expect(try fixture.start("web").status == 200)
        let pid = try fixture.service("web")["pid"].integer
        #expect(try fixture.stop("db").status == 200)
        let path = "/v1/services/web/restart"
        #expect(try fixture.daemon.ask("POST", path).status == 200)
        #expect(try status("db") == "running")
        let second = try fixture.service("web")["pid"].integer
        #expect(second != pid)

        #expect(try fixture.stop("db").status == 200)
        try server("db", delay: "30")
        let refused = try fixture.daemon.ask("POST", path + "?timeout=200")
        #expect(refused.code == "ready_timeout")
        #expect(try fixture.service("web")["pid"].integer == second)
        #expect(try status("web") == "running")
        #expect(try fixture.daemon.ask("POST", path + "?deps=0").status == 200)
    }

    @Test func `A stop takes back a start that waits for a dependency`() throws {
        try server("db", delay: "1")
        try server("web", needs: ["db"])
        let starting = try WireClient(fixture.daemon)
        starting.send(request("POST /v1/services/web/start HTTP/1.1"))
        #expect(try fixture.waits("db", for: "starting"))
        #expect(try fixture.stop("web").status == 200)
        let told = try starting.answer()
        #expect(told.status == 502)
        #expect(told.message == "'web' was stopped before it was ready")
        // What was begun goes on; what was taken back does not.
        #expect(try fixture.waits("db", for: "running"))
        usleep(200_000)
        #expect(try status("web") == "stopped")
        #expect(try fixture.start("web").status == 200)
    }

    @Test func `Starts at once share one wait and one program`() throws {
        try server("db", delay: "0.3")
        try server("web", needs: ["db"])
        let clients = try (0..<50).map { _ in try WireClient(fixture.daemon) }
        for client in clients { client.send(request("POST /v1/services/web/start HTTP/1.1")) }
        let answers = try clients.map { try $0.answer() }
        #expect(answers.allSatisfy { $0.status == 200 })
        #expect(Set(answers.map(\.text)).count == 1)
    }

    @Test func `A plan says what would happen, and nothing does`() throws {
        let holder = Holder("127.0.0.1")
        try server("db", more: ",\"group\":\"@g\"")
        try server("held", port: holder.port, more: ",\"group\":\"@g\"")
        try server("api", needs: ["db"], more: ",\"group\":\"@g\"")
        try server("web", needs: ["api"], more: ",\"group\":\"@g\"")
        try server("odd", needs: ["gone"], more: ",\"group\":\"@g\"")
        try server("late", needs: ["held"], more: ",\"group\":\"@g\"")
        #expect(try fixture.start("db").status == 200)
        let one = try fixture.start("web", "?plan=1")
        #expect(one.status == 200)
        #expect(actions(one) == ["db skip 0", "api start 1", "web start 2"])
        #expect(one.json["plan"][0]["reason"].text == "already running")
        #expect(one.json["plan"][1]["reason"] == .null)
        #expect(actions(try fixture.start("web", "?plan=1&deps=0")) == ["web start 0"])

        let group = try fixture.daemon.ask("POST", "/v1/groups/g/start?plan=1")
        #expect(
            actions(group) == [
                "db skip 0", "held conflict 0", "odd unknown 0", "api start 1", "late blocked 1",
                "web start 2",
            ])
        let reason = group.json["plan"][1]["reason"].text ?? ""
        #expect(reason.hasPrefix("port \(holder.port) is held by pid "))
        for name in ["held", "api", "web", "odd", "late"] { #expect(try status(name) == "stopped") }
        // And that is what then happens.
        let done = try fixture.daemon.ask("POST", "/v1/groups/g/start")
        #expect(done.status == 502)
        var outcomes: [String: String] = [:]
        for result in done.json["details"]["results"].items {
            outcomes[result["name"].text ?? ""] = result["outcome"].text
        }
        #expect(
            outcomes == [
                "db": "running", "held": "failed", "odd": "failed", "api": "started",
                "late": "skipped", "web": "started",
            ])
    }

    @Test func `After a boot, what starts by itself brings its dependencies up`() throws {
        try server("db")
        try server("web", needs: ["db"], more: ",\"autostart\":true")
        try fixture.daemon.restart()
        #expect(try status("web") == "stopped")
        try fixture.daemon.restart(environment: ["GR_BOOT_ID=another"])
        #expect(try fixture.waits("web", for: "running"))
        #expect(try status("db") == "running")
    }
}
