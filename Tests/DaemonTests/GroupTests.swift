// Groups with real programs: in which order they come up and go, what happens when some of them do
// not, and what a stop in the middle means. Programs note their start and end in one file.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct GroupTests {
    let fixture: ServiceFixture

    init() throws { fixture = try ServiceFixture() }

    /// A worker that notes when it begins and ends.
    private func worker(
        _ name: String, needs: [String] = [], group: String? = "@g"
    ) throws {
        let log = fixture.folder.file("order")
        let command =
            "trap 'echo -\(name) >> \(log); exit 0' TERM; echo +\(name) >> \(log); "
            + "while :; do sleep 0.02; done"
        try fixture.register(name, command: command, more: more(needs, group))
    }

    /// A server that notes when it begins to listen, `delay` seconds later.
    private func server(
        _ name: String, port: UInt16 = ServiceFixture.freePort(), needs: [String] = [],
        delay: String = "0", group: String? = "@g"
    ) throws {
        try fixture.register(
            name, port: port, env: ["DELAY": delay], more: more(needs, group))
    }

    private func more(_ needs: [String], _ group: String?) -> String {
        let names = needs.map(fixture.quote).joined(separator: ",")
        return "\"dependsOn\":[\(names)],\"restart\":\"never\""
            + (group.map { ",\"group\":\(fixture.quote($0))" } ?? "")
    }

    private var order: [String] {
        (TextFile.read(fixture.folder.file("order")) ?? "").split(separator: "\n").map(String.init)
    }

    private func ask(_ action: String, _ query: String = "") throws -> WireAnswer {
        try fixture.daemon.ask("POST", "/v1/groups/g/\(action)\(query)")
    }

    private func outcomes(_ results: JSONValue) -> [String: String] {
        var found: [String: String] = [:]
        for result in results.items { found[result["name"].text ?? ""] = result["outcome"].text }
        return found
    }

    private func status(_ name: String) throws -> String? {
        try fixture.service(name)["status"].text
    }

    // MARK: Look-up

    @Test func `Groups are listed by name with how many of each run`() throws {
        try worker("b1", group: "@b")
        try worker("b2", group: "@b")
        try worker("a1", group: "@a")
        try worker("alone", group: nil)
        #expect(try fixture.start("b2").status == 200)
        let list = try fixture.daemon.ask("GET", "/v1/groups")
        #expect(list.status == 200)
        let text =
            "{\"groups\":[{\"name\":\"@a\",\"services\":1,\"running\":0},"
            + "{\"name\":\"@b\",\"services\":2,\"running\":1}]}"
        #expect(list.text == text)
        _ = try fixture.daemon.ask("DELETE", "/v1/services/a1")
        #expect(try fixture.daemon.ask("GET", "/v1/groups").json["groups"].items.count == 1)
    }

    @Test func `A group answers to three spellings of its name, and to no other`() throws {
        try worker("a", needs: ["x"])
        for spelling in ["g", "@g", "%40g"] {
            let group = try fixture.daemon.ask("GET", "/v1/groups/\(spelling)")
            #expect(group.status == 200)
            #expect(group.json["name"].text == "@g")
            #expect(group.json["members"][0]["name"].text == "a")
            #expect(group.json["members"][0]["dependsOn"][0].text == "x")
            let stop = try fixture.daemon.ask("POST", "/v1/groups/\(spelling)/stop")
            #expect(stop.status == 200)
        }
        for spelling in ["h", "%40%40g", "G"] {
            for (method, path) in [("GET", ""), ("POST", "/start"), ("POST", "/stop")] {
                let answer = try fixture.daemon.ask(method, "/v1/groups/\(spelling)\(path)")
                #expect(answer.status == 404)
                #expect(answer.code == "unknown_group")
            }
        }
    }

    // MARK: Order

    @Test func `A group starts dependencies first and stops in reverse`() throws {
        // Registered in the wrong order; `db` is outside of the group.
        try worker("web", needs: ["api"])
        try worker("api", needs: ["db"])
        try worker("db", group: nil)
        let started = try ask("start")
        #expect(started.status == 200, "\(started.text)")
        #expect(started.json["name"].text == "@g")
        #expect(started.json["results"].items.map { $0["name"].text } == ["db", "api", "web"])
        for result in started.json["results"].items {
            let pid = try fixture.service(result["name"].text ?? "")["pid"].integer
            #expect(result["pid"].integer == pid && pid != nil)
        }
        #expect(outcomes(started.json["results"]).values.allSatisfy { $0 == "started" })
        #expect(eventually { order.count == 3 })

        let stopped = try ask("stop")
        #expect(stopped.status == 200)
        #expect(outcomes(stopped.json["results"]) == ["web": "stopped", "api": "stopped"])
        #expect(stopped.json["warnings"] == .missing)
        #expect(order[3...] == ["-web", "-api"])
        #expect(try status("db") == "running")
    }

    @Test func `Nothing starts before what it depends on is ready`() throws {
        try server("slow", delay: "0.6")
        try worker("after", needs: ["slow"])
        try worker("beside")
        let client = try WireClient(fixture.daemon)
        client.send(request("POST /v1/groups/g/start HTTP/1.1"))
        // Who depends on nothing does not wait.
        #expect(try fixture.waits("beside", for: "running"))
        #expect(try status("slow") == "starting")
        #expect(try status("after") == "stopped")
        #expect(try client.answer().status == 200)
        #expect(order == ["+beside", "+after"] || order == ["+beside"])
        #expect(eventually { order == ["+beside", "+after"] })
    }

    @Test func `Members that run are no conflict and are not started again`() throws {
        try worker("a")
        try worker("b", needs: ["a"])
        #expect(try fixture.start("a").status == 200)
        let pid = try fixture.service("a")["pid"].integer
        let answer = try ask("start")
        #expect(answer.status == 200)
        #expect(outcomes(answer.json["results"]) == ["a": "running", "b": "started"])
        let again = try ask("start")
        #expect(again.status == 200)
        #expect(outcomes(again.json["results"]) == ["a": "running", "b": "running"])
        #expect(try fixture.service("a")["pid"].integer == pid)
    }

    @Test func `One by one, nothing begins before the one before is ready`() throws {
        for name in ["a", "b", "c"] { try server(name, delay: "0.2") }
        for word in ["0", "false"] {
            let client = try WireClient(fixture.daemon)
            client.send(request("POST /v1/groups/g/start?parallel=\(word) HTTP/1.1"))
            var together = 0
            _ = try eventually(within: 8_000) {
                let list = try fixture.daemon.ask("GET", "/v1/services").json["services"].items
                let words = list.compactMap { $0["status"].text }
                together = max(together, words.filter { $0 == "starting" }.count)
                return words.allSatisfy { $0 == "running" }
            }
            #expect(together == 1)
            #expect(try client.answer().status == 200)
            #expect(try ask("stop", "?grace=0").status == 200)
        }
        #expect(try ask("start", "?parallel=maybe").code == "invalid_spec")
        #expect(try ask("start", "?total=-1").code == "invalid_spec")
    }

    // MARK: Failure

    @Test func `What fails takes its dependents along and nobody else`() throws {
        try fixture.register(
            "broken", command: "true", more: more([], "@g") + ",\"cwd\":\"/no/such/place\"")
        try worker("child", needs: ["broken"])
        try worker("grandchild", needs: ["child"])
        try worker("unsure", needs: ["nobody"])
        try worker("fine")
        let answer = try ask("start")
        #expect(answer.status == 502)
        #expect(answer.code == "group_failed")
        #expect(answer.message.contains("'broken' failed"))
        let results = answer.json["details"]["results"]
        #expect(
            outcomes(results) == [
                "broken": "failed", "child": "skipped", "grandchild": "skipped",
                "unsure": "failed", "fine": "started",
            ])
        for result in results.items where result["outcome"].text == "failed" {
            #expect(result["code"].text == "invalid_spec")
        }
        for result in results.items where result["outcome"].text == "skipped" {
            #expect(result["message"].text == "'broken' did not come up")
        }
        let unsure = results.items.first { $0["name"].text == "unsure" }
        #expect(unsure?["message"].text?.contains("'nobody', which is not registered") == true)
        #expect(try status("fine") == "running")
        #expect(eventually { order == ["+fine"] })
    }

    @Test func `A member that is not ready in time is told, and the time for all is kept`() throws {
        try server("slow", delay: "30")
        try worker("after", needs: ["slow"])
        let answer = try ask("start", "?timeout=300")
        #expect(answer.status == 502)
        let results = answer.json["details"]["results"]
        #expect(outcomes(results) == ["slow": "failed", "after": "skipped"])
        #expect(results[0]["code"].text == "ready_timeout")
        #expect(try ask("stop", "?grace=0").status == 200)

        try server("second", delay: "30")
        var late: WireAnswer?
        let took = try milliseconds { late = try ask("start", "?parallel=0&total=400") }
        #expect(late?.status == 502)
        #expect(took < 8_000)
        let second = late?.json["details"]["results"].items.first { $0["name"].text == "slow" }
        #expect(second?["message"].text?.contains("the time for all was over") == true)
    }

    // MARK: Together

    @Test func `A stop during a start starts nothing more`() throws {
        try server("slow", delay: "20")
        try worker("after", needs: ["slow"])
        let starting = try WireClient(fixture.daemon)
        starting.send(request("POST /v1/groups/g/start HTTP/1.1"))
        #expect(try fixture.waits("slow", for: "starting"))
        #expect(try ask("stop", "?grace=100").status == 200)
        let told = try starting.answer()
        #expect(told.status == 502)
        #expect(
            outcomes(told.json["details"]["results"]) == ["slow": "failed", "after": "cancelled"])
        #expect(try status("slow") == "stopped")
        #expect(try status("after") == "stopped")
        usleep(200_000)
        #expect(order.isEmpty)
        // And a new start is a new one.
        try server("slow", delay: "0")
        #expect(try ask("start").status == 200)
    }

    @Test func `A group that is being stopped is not started, and a second stop joins`() throws {
        try fixture.register(
            "stubborn", command: "trap '' TERM; while :; do sleep 0.05; done",
            more: more([], "@g"))
        #expect(try ask("start").status == 200)
        usleep(200_000)
        let stopping = try (0..<3).map { _ in try WireClient(fixture.daemon) }
        for client in stopping {
            client.send(request("POST /v1/groups/g/stop?grace=1000 HTTP/1.1"))
        }
        #expect(try fixture.waits("stubborn", for: "stopping"))
        let refused = try ask("start")
        #expect(refused.status == 503)
        #expect(refused.code == "daemon_busy")
        #expect(refused.value("Retry-After") == "1")
        for client in stopping { #expect(try client.answer().status == 200) }
        #expect(try status("stubborn") == "stopped")
        #expect(try ask("start").status == 200)
    }

    @Test func `Starts of one group at once are one start, and a client may leave`() throws {
        try server("slow", delay: "0.5")
        try worker("after", needs: ["slow"])
        let leaving = try WireClient(fixture.daemon)
        leaving.send(request("POST /v1/groups/g/start HTTP/1.1"))
        #expect(try fixture.waits("slow", for: "starting"))
        let clients = try (0..<20).map { _ in try WireClient(fixture.daemon) }
        for client in clients { client.send(request("POST /v1/groups/g/start HTTP/1.1")) }
        leaving.reset()
        let answers = try clients.map { try $0.answer() }
        for answer in answers {
            #expect(answer.status == 200)
            #expect(answer.text == answers[0].text)
        }
        #expect(outcomes(answers[0].json["results"]) == ["slow": "started", "after": "started"])
        #expect(eventually { order == ["+after"] })
    }

    @Test func `Who runs outside and depends on a stopped member is named`() throws {
        try worker("db")
        try worker("outside", needs: ["db"], group: nil)
        try worker("idle", needs: ["db"], group: nil)
        #expect(try ask("start").status == 200)
        #expect(try fixture.start("outside").status == 200)
        let stopped = try ask("stop")
        #expect(stopped.status == 200)
        #expect(
            stopped.json["warnings"].items.map(\.text) == [
                "'outside' still runs and depends on 'db'"
            ])
        #expect(try status("outside") == "running")
    }

    @Test func `A member that somebody else runs is left alone`() throws {
        let holder = Holder("127.0.0.1")
        let body = "{\"name\":\"theirs\",\"port\":\(holder.port),\"group\":\"@g\"}"
        #expect(try fixture.daemon.ask("POST", "/v1/services", body).status == 201)
        try worker("ours", needs: ["theirs"])
        let started = try ask("start")
        #expect(started.status == 200, "\(started.text)")
        #expect(outcomes(started.json["results"]) == ["theirs": "running", "ours": "started"])
        let stopped = try ask("stop")
        #expect(outcomes(stopped.json["results"]) == ["theirs": "external", "ours": "stopped"])
        #expect(holder.isListening)
    }

    @Test func `The event stream tells what became of a group`() throws {
        let listener = try EventListener(fixture.daemon)
        try worker("a")
        try worker("b", needs: ["a"])
        #expect(try ask("start").status == 200)
        try worker("c", needs: ["nobody"])
        #expect(try ask("start").status == 502)
        #expect(try ask("stop").status == 200)
        #expect(listener.wait { $0.frames.contains { $0.type == "group.stopped" } })
        // Nothing ran any more, and nothing happened.
        #expect(try ask("stop").status == 200)
        try worker("last")
        #expect(listener.waits(for: "service.registered", "last"))
        let told = listener.frames.filter { $0.type.hasPrefix("group.") }
        #expect(told.map(\.type) == ["group.started", "group.failed", "group.stopped"])
        #expect(told.map { $0.name } == ["@g", "@g", "@g"])
        #expect(told[0].json["services"].items.map(\.text) == ["a", "b"])
        #expect(told[1].json["failed"].items.map(\.text) == ["c"])
        #expect(told[2].json["services"].items.map(\.text) == ["a", "b", "c"])
        // What comes up is told before the group is.
        let order = listener.frames.map(\.type)
        let up = order.lastIndex(of: "service.started") ?? .max
        #expect(up < order.firstIndex(of: "group.started") ?? .min)
    }
}
