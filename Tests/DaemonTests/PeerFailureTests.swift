// Failures that users of other supervisors have reported, each one provoked here with real programs
// (docs/failures.md has the list and where the others are tested).

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct PeerFailureTests {
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture(environment: ["GR_RESTART_PAUSE_MS=10"]) }

    private func pid(_ name: String) throws -> Int32 {
        Int32(try #require(try fixture.service(name)["pid"].integer))
    }

    private func servers() -> [Int32] {
        ProcessTable.descendants(of: [fixture.daemon.pid]).filter {
            ProcessTable.words($0, "cmdline").contains { $0.hasSuffix("server.pl") }
        }
    }

    /// The exit code of TERM is one of failure: only that it was asked for makes the difference.
    @Test func `An end that was asked for is a stop, whatever its exit code`() throws {
        try fixture.register("a", port: port, env: ["TERM_DOES": "7"])
        #expect(try fixture.start("a").status == 200)
        let listener = try EventListener(fixture.daemon, "?stats=0")
        let path = "/v1/services/a/restart"
        for _ in 0..<3 { #expect(try fixture.daemon.ask("POST", path).status == 200) }
        #expect(try fixture.service("a")["restarts"].integer == 0)
        #expect(try fixture.stop("a").json["exitCode"].integer == 7)
        #expect(listener.wait { $0.events.filter { $0.type == "service.stopped" }.count == 4 })
        let types = Set(listener.events.map(\.type))
        #expect(types == ["service.started", "service.stopped"])
        #expect(try fixture.service("a")["status"].text == "stopped")
        usleep(300_000)
        #expect(servers().isEmpty, "a stop is not made good by the policy")
    }

    @Test
    func `A process outside the tree that holds the log open delays neither stop nor removal`()
        throws
    {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let output = "/proc/\(try pid("a"))/fd/1"
        // It is nobody's child here: no kill of the tree reaches it, no end of file ever comes.
        let holder = try Outsider(["sh", "-c", "exec 3>\(output); exec sleep 300"])
        #expect(
            eventually { ProcessTable.words(holder.pid, "cmdline").first == "sleep" })
        try #require(ProcessTable.descriptors(holder.pid).contains(3))
        var status = 0
        let took = try milliseconds { status = try fixture.stop("a", "?grace=20000").status }
        #expect(status == 200)
        #expect(took < 10_000, "\(took) ms")
        #expect(try fixture.start("a").status == 200)
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/a").status == 200)
        #expect(holder.isAlive)
    }

    @Test func `A crowd of orphans that ends at once leaves no zombie`() throws {
        let go = fixture.folder.file("go")
        // Each is its own grandparent's grandchild: their ends come to the monitor.
        let command = """
            i=0; while [ $i -lt 100 ]; do i=$((i+1))
            (setsid sh -c 'while ! test -e \(go); do sleep 0.05; done' &) ; done
            echo up; exec sleep 300
            """
        try fixture.register("a", command: command)
        #expect(try fixture.start("a").status == 200)
        let log = fixture.daemon.file("logs/a.log")
        #expect(eventually(within: 20_000) { TextFile.read(log)?.contains("up") == true })
        let program = try pid("a")
        let monitor = try #require(ProcessTable.parents()[program])
        try #require(ProcessTable.descendants(of: [monitor]).count > 100)
        TemporaryFolder.write("", to: go)
        #expect(
            eventually(within: 20_000) {
                ProcessTable.descendants(of: [monitor]) == [program]
                    && ProcessTable.zombies(of: monitor).isEmpty
            })
        #expect(ProcessTable.zombies(of: fixture.daemon.pid).isEmpty)
        #expect(try fixture.service("a")["status"].text == "running")
    }

    @Test func `When every service has failed the daemon and their output are still there`() throws
    {
        for index in 0..<5 {
            try fixture.register(
                "f\(index)", command: "echo last words \(index); exit 3",
                more: "\"restart\":\"never\"")
            _ = try fixture.start("f\(index)")
        }
        for index in 0..<5 {
            #expect(try fixture.waits("f\(index)", for: "failed"))
            let answer = try fixture.daemon.ask("GET", "/v1/services/f\(index)/logs")
            #expect(answer.json["lines"][0]["text"].text == "last words \(index)")
        }
        #expect(fixture.daemon.isAlive)
        #expect(try fixture.daemon.ask("GET", "/health").status == 200)
    }

    @Test func `A name with a slash is reached on every route there is`() throws {
        try fixture.register("web/api", port: port, more: "\"group\":\"@x/y\"")
        let requests = RouteCatalogue.requests(
            service: "web%2Fapi", group: "%40x%2fy", port: port, registered: port
        ).filter { $0.target.lowercased().contains("%2f") }
        try #require(requests.count > 10)
        for request in requests {
            let client = try WireClient(fixture.daemon)
            client.send(request.bytes())
            let status = try client.head(within: 20_000).status
            #expect(status != 404 && status != 405, "\(request.name): \(status)")
            var plain = request
            plain.target = request.target.prefix { $0 != "?" }
                .split(separator: "%2F", omittingEmptySubsequences: false).joined(separator: "/")
                .split(separator: "%2f", omittingEmptySubsequences: false).joined(separator: "/")
            let other = try WireClient(fixture.daemon)
            other.send(plain.bytes())
            let head = try other.head()
            #expect(head.status == 404, "\(plain.name): \(head.status)")
        }
        #expect(try fixture.daemon.ask("GET", "/v1/services").json["services"].items.isEmpty)
    }

    /// A shell in front of a server whose port somebody else took goes on living: it is not what
    /// answers there.
    @Test func `A wrapper whose server lost its port does not pass for the server`() throws {
        let command = "perl \(fixture.folder.file("server.pl")); exec sleep 300"
        try fixture.register("a", port: port, command: command, env: ["DELAY": "1.5"])
        #expect(try fixture.start("a", "?timeout=0").status == 200)
        var other: Holder? = Holder("127.0.0.1", port: port)
        try #require(other?.isListening == true)
        // It can mean that others serve for it; so it is up, and says who they are.
        #expect(try fixture.waits("a", for: "running", within: 10_000))
        func warning() throws -> String {
            try fixture.service("a")["warnings"].items.compactMap(\.text).joined()
        }
        #expect(try eventually(within: 10_000) { try warning().contains("pid \(getpid()) ") })
        #expect(try warning().hasSuffix("on port \(port), and no process of 'a' does"))
        // One that has its own again says nothing any more.
        other = nil
        #expect(try fixture.daemon.ask("POST", "/v1/services/a/restart").status == 200)
        usleep(300_000)
        #expect(try warning() == "")
    }
}
