// DELETE /v1/services/{name} while the program does not want to end: what others see and may do
// meanwhile.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ServiceRemovalTests {
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    /// A service whose program ignores TERM.
    init() throws {
        fixture = try ServiceFixture()
        try fixture.register("a", port: port, env: ["TERM_DOES": "ignore"])
        #expect(try fixture.start("a").status == 200)
    }

    /// Asks for the removal and waits until it is under way.
    private func removing(_ query: String) throws -> WireClient {
        let client = try WireClient(fixture.daemon)
        client.send(request("DELETE /v1/services/a\(query) HTTP/1.1"))
        #expect(try eventually { try fixture.service("a")["status"] == .string("stopping") })
        return client
    }

    @Test func `It is seen until its program has ended`() throws {
        let pid = Int32(try fixture.service("a")["pid"].integer ?? 0)
        let client = try removing("?grace=1500")
        #expect(try fixture.service("a")["pid"].integer == Int(pid))
        let list = try fixture.daemon.ask("GET", "/v1/services").json["services"].items
        #expect(list.map { $0["status"] } == [.string("stopping")])
        let resolved = try fixture.daemon.ask("GET", "/v1/resolve/a")
        #expect(resolved.status == 200 && resolved.json["status"] == .string("stopping"))
        #expect(try client.answer(within: 10_000).status == 200)
        #expect(!ProcessTable.isAlive(pid))
        for path in ["/v1/services/a", "/v1/resolve/a"] {
            #expect(try fixture.daemon.ask("GET", path).code == "unknown_service")
        }
    }

    @Test func `Nothing starts it any more, and a stop is joined`() throws {
        let client = try removing("?grace=1500")
        for action in ["start", "restart"] {
            let answer = try fixture.daemon.ask("POST", "/v1/services/a/\(action)")
            #expect(answer.status == 503 && answer.code == "daemon_busy")
            #expect(answer.value("Retry-After") == "1")
        }
        let stopped = try fixture.stop("a")
        #expect(stopped.status == 200 && stopped.json["status"] == .string("stopped"))
        #expect(try client.answer(within: 10_000).status == 200)
    }

    @Test func `A second removal is joined, and the least patient one decides`() throws {
        let client = try removing("?grace=60000")
        let second = try fixture.daemon.ask("DELETE", "/v1/services/a?grace=100&purge=1")
        #expect(second.status == 200 && second.json["ok"] == .bool(true), "\(second.text)")
        #expect(second.json["warnings"] == .missing)
        #expect(try client.answer(within: 5_000).status == 200)
        #expect(TextFile.read(fixture.daemon.file("logs/a.log")) == nil)
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/a").status == 404)
    }

    @Test func `A registration of its name waits, and is another service`() throws {
        let pid = Int32(try fixture.service("a")["pid"].integer ?? 0)
        let client = try removing("?grace=700")
        let other = ServiceFixture.freePort()
        try fixture.register("a", port: other)
        #expect(!ProcessTable.isAlive(pid))
        #expect(try client.answer(within: 5_000).status == 200)
        let service = try fixture.service("a")
        #expect(service["port"].integer == Int(other) && service["status"] == .string("stopped"))
        #expect(try fixture.start("a").status == 200)
    }
}
