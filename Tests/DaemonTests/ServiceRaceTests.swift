// Many clients at once on the same few services, in an order a seed decides: whatever happens,
// every request is answered once and well, and afterwards exactly the services that say so are
// running.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ServiceRaceTests {
    let fixture: ServiceFixture

    init() throws { fixture = try ServiceFixture() }

    /// One request of the mix.
    private func line(_ name: String, _ port: UInt16, _ random: inout SeededGenerator) -> String {
        let delay = Int.random(in: 0..<3, using: &random)
        let command = fixture.quote(fixture.serverCommand)
        let env = "{\"DELAY\":\"0.0\(delay)\",\"TERM_DOES\":\"\(delay == 2 ? "ignore" : "0")\"}"
        let body = "{\"name\":\"\(name)\",\"port\":\(port),\"cmd\":\(command),\"env\":\(env)}"
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<3: return post("/v1/services", body)
        case 3..<6: return request("POST /v1/services/\(name)/start?timeout=3000 HTTP/1.1")
        case 6: return request("POST /v1/services/\(name)/start?timeout=0 HTTP/1.1")
        case 7..<9: return request("POST /v1/services/\(name)/stop?grace=50 HTTP/1.1")
        case 9: return request("DELETE /v1/services/\(name)?grace=0 HTTP/1.1")
        case 10: return get("/v1/resolve/\(name)")
        default: return get("/v1/services")
        }
    }

    @Test(arguments: [1, 2, 3]) func nothingIsLostOrDoubled(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let services = (0..<3).map { ("r\($0)", ServiceFixture.freePort()) }
        var clients: [WireClient] = []
        for index in 0..<150 {
            let (name, port) = services.randomElement(using: &random) ?? ("r0", 1)
            let client = try WireClient(fixture.daemon)
            client.send(line(name, port, &random))
            // Some leave without waiting.
            if index % 10 == 9 { client.reset() } else { clients.append(client) }
            if index % 3 == 0 { usleep(8_000) }
        }
        for client in clients {
            let answer = try client.answer(within: 10_000)
            #expect(answer.problems(answering: "POST").isEmpty)
            #expect(answer.status != 500, "\(answer.text)")
        }
        let calm = try eventually(within: 6_000) {
            try fixture.daemon.ask("GET", "/v1/services").json["services"].items.allSatisfy {
                ["running", "stopped", "failed"].contains($0["status"].text ?? "")
            }
        }
        #expect(calm)
        let list = try fixture.daemon.ask("GET", "/v1/services").json["services"].items
        let pids = Set(list.compactMap { $0["pid"].integer }.map { Int32($0) })
        #expect(pids.allSatisfy(ProcessTable.isAlive))
        #expect(
            eventually {
                let programs = ProcessTable.descendants(of: [fixture.daemon.pid]).filter {
                    ProcessTable.words($0, "cmdline").joined(separator: " ").contains("server.pl")
                }
                return programs == pids
            }, "programs that nobody lists, or the other way round")
        for service in list {
            let isRunning = service["status"] == .string("running")
            #expect(isRunning == (service["pid"].integer != nil), "\(service)")
        }
        for (name, _) in services { _ = try fixture.daemon.ask("DELETE", "/v1/services/\(name)") }
        #expect(eventually { ProcessTable.descendants(of: [fixture.daemon.pid]).isEmpty })
        #expect(ProcessTable.folderNames(fixture.daemon.file("run")).isEmpty)
        #expect(eventually { ProcessTable.zombies(of: fixture.daemon.pid).isEmpty })
    }

    /// The daemon is told to end while somebody waits: it answers, and the program goes on.
    @Test func anEndWhileAStartWaits() throws {
        try fixture.register("a", port: ServiceFixture.freePort(), env: ["DELAY": "0.6"])
        let waiting = try WireClient(fixture.daemon)
        waiting.send(request("POST /v1/services/a/start HTTP/1.1"))
        #expect(try eventually { try fixture.service("a")["pid"].integer != nil })
        let pid = Int32(try fixture.service("a")["pid"].integer ?? 0)
        var code: Int32?
        let took = milliseconds { code = fixture.daemon.stop() }
        #expect(code == 0)
        #expect(took < 3_000, "\(took) ms")
        let answer = try waiting.answer()
        #expect(answer.status / 100 != 2 || answer.json["status"] == .string("running"))
        #expect(answer.problems(answering: "POST").isEmpty)
        #expect(ProcessTable.isAlive(pid))
        try fixture.daemon.restart()
        #expect(try fixture.waits("a", for: "running"))
        #expect(try fixture.service("a")["pid"].integer == Int(pid))
    }

    /// What was answered with 201 is there after a KILL at any moment.
    @Test func acknowledgedRegistrationsSurviveAKill() throws {
        for round in 0..<4 {
            let clients = try (0..<20).map { index in
                let client = try WireClient(fixture.daemon)
                client.send(post("/v1/services", "{\"name\":\"k\(round)-\(index)\",\"port\":7}"))
                return client
            }
            usleep(UInt32(round) * 1_500)
            fixture.daemon.kill()
            let kept = clients.enumerated().filter { (try? $0.element.answer())?.status == 201 }
            try fixture.daemon.restart()
            for (index, _) in kept {
                #expect(
                    try fixture.daemon.ask("GET", "/v1/resolve/k\(round)-\(index)").status == 200)
            }
        }
    }
}
