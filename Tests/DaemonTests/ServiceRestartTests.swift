// What is started again, by whom and how often: the restart policy, and restarts that are asked
// for. Real programs; the pauses of the policy are shortened where a test would wait for minutes.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ServiceRestartTests {
    private let port = ServiceFixture.freePort()

    private func quick() throws -> ServiceFixture {
        try ServiceFixture(environment: ["GR_RESTART_PAUSE_MS=10"])
    }

    private func starts(_ fixture: ServiceFixture, _ name: String) throws -> Int {
        let log = TextFile.read(try fixture.service(name)["logFile"].text ?? "") ?? ""
        return log.split(separator: "\n").filter { $0.hasPrefix("starting") }.count
    }

    private func pid(_ fixture: ServiceFixture, _ name: String) throws -> Int32 {
        Int32(try fixture.service(name)["pid"].integer ?? 0)
    }

    // MARK: Asked for

    @Test func `A hundred restarts at once are one restart, and all get its answer`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port, env: ["DELAY": "1"])
        #expect(try fixture.start("a").status == 200)
        let before = try pid(fixture, "a")
        let clients = try (0..<100).map { _ in try WireClient(fixture.daemon) }
        for client in clients { client.send(request("POST /v1/services/a/restart HTTP/1.1")) }
        let answers = try clients.map { try $0.answer(within: 20_000) }
        #expect(answers.allSatisfy { $0.status == 200 })
        let pids = Set(answers.compactMap { $0.json["pid"].integer })
        #expect(pids.count == 1)
        #expect(!pids.contains(Int(before)))
        #expect(try starts(fixture, "a") == 2)
        let programs = ProcessTable.descendants(of: [fixture.daemon.pid]).filter {
            ProcessTable.words($0, "cmdline").contains { $0.hasSuffix("server.pl") }
        }
        #expect(programs.map { Int($0) } == Array(pids))
    }

    @Test func `A restart that was asked for is no failure`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port)
        let path = "/v1/services/a/restart"
        #expect(try fixture.daemon.ask("POST", path).status == 200)
        for _ in 0..<3 { #expect(try fixture.daemon.ask("POST", path).status == 200) }
        let service = try fixture.service("a")
        #expect(service["status"] == .string("running"))
        #expect(service["restarts"].integer == 0)
        #expect(service["stopReason"] == .null)
    }

    @Test func `What is being stopped is not restarted, and a stop takes a restart back`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port, env: ["TERM_DOES": "ignore"])
        #expect(try fixture.start("a").status == 200)
        let stopping = try WireClient(fixture.daemon)
        stopping.send(request("POST /v1/services/a/stop?grace=700 HTTP/1.1"))
        #expect(try fixture.waits("a", for: "stopping"))
        let refused = try fixture.daemon.ask("POST", "/v1/services/a/restart")
        #expect(refused.status == 503)
        #expect(refused.value("Retry-After") == "1")
        #expect(try stopping.answer().status == 200)

        #expect(try fixture.start("a").status == 200)
        let restarting = try WireClient(fixture.daemon)
        restarting.send(request("POST /v1/services/a/restart?grace=60000 HTTP/1.1"))
        #expect(try fixture.waits("a", for: "stopping"))
        #expect(try fixture.stop("a", "?grace=0").status == 200)
        let told = try restarting.answer()
        #expect(told.status == 502)
        #expect(told.message.contains("stopped before it was ready"))
        #expect(try fixture.service("a")["status"] == .string("stopped"))
    }

    @Test func `A changed port that is taken does not cost the old program its life`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let before = try pid(fixture, "a")
        let holder = Holder("127.0.0.1")
        let change = "{\"name\":\"a\",\"port\":\(holder.port)}"
        #expect(try fixture.daemon.ask("POST", "/v1/services", change).status == 201)
        #expect(try fixture.daemon.ask("POST", "/v1/services/a/restart").code == "port_in_use")
        #expect(try pid(fixture, "a") == before)
        #expect(try fixture.service("a")["status"] == .string("running"))
    }

    @Test func `A registration with restart=1 is applied when it is answered`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port)
        let same = "{\"name\":\"a\"}"
        // What does not run is not started by it.
        #expect(try fixture.daemon.ask("POST", "/v1/services?restart=1", same).status == 201)
        #expect(try fixture.service("a")["status"] == .string("stopped"))
        #expect(try fixture.start("a").status == 200)
        let before = try pid(fixture, "a")
        #expect(try fixture.daemon.ask("POST", "/v1/services?restart=1", same).status == 201)
        #expect(try pid(fixture, "a") == before)

        let other = ServiceFixture.freePort()
        let change = "{\"name\":\"a\",\"port\":\(other)}"
        let answer = try fixture.daemon.ask("POST", "/v1/services?restart=1", change)
        #expect(answer.status == 201)
        #expect(answer.json["port"].integer == Int(other))
        #expect(answer.json["pendingChange"] == .bool(false))
        #expect(answer.json["status"] == .string("running"))
        #expect(try pid(fixture, "a") != before)
        #expect(try fixture.daemon.ask("POST", "/v1/services?restart=2", same).status == 400)
    }

    @Test func `While it is being stopped a registration with restart changes nothing`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port, env: ["TERM_DOES": "ignore"])
        #expect(try fixture.start("a").status == 200)
        let stop = try WireClient(fixture.daemon)
        stop.send(request("POST /v1/services/a/stop?grace=60000 HTTP/1.1"))
        #expect(try fixture.waits("a", for: "stopping"))
        let change = #"{"name":"a","group":"@later"}"#
        let answer = try fixture.daemon.ask("POST", "/v1/services?restart=1", change)
        #expect(answer.status == 503, "\(answer.text)")
        #expect(answer.code == "daemon_busy")
        #expect(answer.value("Retry-After") != nil)
        #expect(try fixture.service("a")["group"] == .null)
        // Without that it is only registered, as ever.
        #expect(try fixture.daemon.ask("POST", "/v1/services", change).status == 201)
        #expect(try fixture.service("a")["group"].text == "@later")
        #expect(try fixture.stop("a", "?grace=0").status == 200)
        #expect(try stop.answer().status == 200)
        #expect(try fixture.daemon.ask("POST", "/v1/services?restart=1", change).status == 201)
    }

    @Test func `Who registers with restart=1 is told when a stop was quicker`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", command: "exec sleep 300")
        var warned = 0
        for round in 0..<20 where warned < 3 {
            #expect(try fixture.start("a").status == 200)
            let change = try WireClient(fixture.daemon)
            let stop = try WireClient(fixture.daemon)
            change.send(post("/v1/services?restart=1", #"{"name":"a","group":"@g\#(round)"}"#))
            stop.send(request("POST /v1/services/a/stop HTTP/1.1"))
            #expect(try stop.answer().status == 200)
            let answer = try change.answer()
            // 502 and 503 tell it too.
            guard answer.status == 201, answer.json["status"].text != "running" else { continue }
            let warning = answer.json["warnings"].items.first?.text ?? ""
            #expect(warning.contains("stopped"), "\(answer.text)")
            warned += 1
            #expect(try fixture.service("a")["group"].text == "@g\(round)")
            #expect(try fixture.service("a")["status"].text == "stopped")
        }
        #expect(warned > 0, "a stop came in between at no time")
    }

    // MARK: By itself

    @Test func `A crash loop ends after ten failures`() throws {
        let fixture = try quick()
        try fixture.register("a", command: "echo starting; exit 3")
        let answer = try fixture.start("a")
        #expect(answer.status == 502 || answer.status == 200)
        #expect(try fixture.waits("a", for: "failed", within: 20_000))
        let service = try fixture.service("a")
        #expect(service["restarts"].integer == 9)
        #expect(service["exitCode"].integer == 3)
        #expect(service["stopReason"].text?.contains("10 times") == true)
        #expect(service["nextTryAt"] == .null)
        #expect(try starts(fixture, "a") == 10)
        usleep(300_000)
        #expect(try starts(fixture, "a") == 10)
        // Asked for, it has all its tries again.
        _ = try fixture.start("a")
        #expect(try fixture.waits("a", for: "failed", within: 20_000))
        #expect(try starts(fixture, "a") == 20)
    }

    @Test func `Of a service on demand only programs count as restarts`() throws {
        let fixture = try quick()
        let script = #"""
            open(my $s, "+<&=3") or die;
            while (1) { accept(my $c, $s) or next; my $l = <$c>;
                print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; }
            """#
        TemporaryFolder.write(script, to: fixture.folder.file("held.pl"))
        try fixture.register(
            "a", port: port, command: "exec perl \(fixture.folder.file("held.pl"))",
            more: #""start":"on-demand","ready":"http://127.0.0.1:\#(port)/""#)
        #expect(try fixture.start("a").json["status"] == .string("armed"))
        for count in 0..<3 {
            let visitor = try WireClient(port: port)
            visitor.send(request("GET / HTTP/1.1"))
            #expect(try visitor.answer().status == 200)
            #expect(try fixture.waits("a", for: "running"))
            #expect(try fixture.service("a")["restarts"].integer == count)
            kill(try pid(fixture, "a"), SIGKILL)
            #expect(try fixture.waits("a", for: "armed"))
            let armed = try fixture.service("a")
            #expect(armed["restarts"].integer == count)
            #expect(armed["exitCode"].integer == 137)
            #expect(armed["signal"] == .string("SIGKILL"))
        }
        #expect(try fixture.stop("a").status == 200)
        // Asked for, it begins anew.
        #expect(try fixture.start("a").json["status"] == .string("armed"))
        #expect(try fixture.service("a")["restarts"].integer == 0)
        #expect(try fixture.service("a")["exitCode"] == .null)
    }

    @Test func `A pause is told, and a start does not wait for it`() throws {
        let fixture = try ServiceFixture(environment: ["GR_RESTART_PAUSE_MS=30000"])
        let flag = fixture.folder.file("works")
        try fixture.register(
            "a", port: port, command: "test -e \(flag) || exit 1; \(fixture.serverCommand)")
        #expect(try fixture.start("a").status == 502)
        #expect(try fixture.waits("a", for: "backoff"))
        let service = try fixture.service("a")
        #expect(service["nextTryAt"].text?.count == 25)
        #expect(service["pid"] == .null)
        #expect(service["exitCode"].integer == 1)
        #expect(try fixture.daemon.ask("GET", "/v1/resolve/a").json["status"].text == "backoff")
        TemporaryFolder.write("", to: flag)
        #expect(try fixture.start("a").status == 200)
        #expect(try fixture.service("a")["restarts"].integer == 0)
    }

    @Test func `A stop in the pause is the end of it`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", command: "echo starting; exit 1")
        _ = try fixture.start("a")
        #expect(try fixture.waits("a", for: "backoff"))
        let answer = try fixture.stop("a")
        #expect(answer.status == 200)
        #expect(answer.json["status"] == .string("stopped"))
        let count = try starts(fixture, "a")
        usleep(900_000)
        #expect(try starts(fixture, "a") == count)
        // Nor does a later daemon take it up again.
        fixture.daemon.kill()
        try fixture.daemon.restart()
        usleep(600_000)
        #expect(try fixture.service("a")["status"] == .string("stopped"))
        #expect(try starts(fixture, "a") == count)
    }

    @Test func `Only what the policy names is started again`() throws {
        let fixture = try quick()
        let table = [
            ("never", "exit 1", "failed", 1), ("on-failure", "exit 0", "stopped", 1),
            ("on-failure", "kill -TERM $$", "stopped", 1),
        ]
        for (index, (policy, command, status, count)) in table.enumerated() {
            let name = "s\(index)"
            try fixture.register(
                name, command: "echo starting; \(command)", more: "\"restart\":\"\(policy)\"")
            _ = try fixture.start(name)
            #expect(try fixture.waits(name, for: status), "\(policy) \(command)")
            usleep(100_000)
            #expect(try starts(fixture, name) == count, "\(policy) \(command)")
        }
        try fixture.register("always", command: "echo starting", more: #""restart":"always""#)
        _ = try fixture.start("always")
        #expect(try eventually { try starts(fixture, "always") >= 3 })
        #expect(try fixture.stop("always").status == 200)
    }

    @Test func `Of a chain of wrappers the old end does not keep the port`() throws {
        let fixture = try quick()
        // As npm does it: a shell that waits for a shell that waits for the server.
        let chain = "sh -c 'perl \(fixture.folder.file("server.pl")); true'; true"
        try fixture.register("a", port: port, command: chain)
        #expect(try fixture.start("a").status == 200)
        let first = try pid(fixture, "a")
        for round in 0..<3 {
            let before = try pid(fixture, "a")
            #expect(kill(before, SIGKILL) == 0)
            #expect(
                try eventually {
                    let service = try fixture.service("a")
                    return service["status"] == .string("running")
                        && service["pid"].integer != Int(before)
                }, "round \(round)")
        }
        let servers = ProcessTable.descendants(of: [fixture.daemon.pid]).filter {
            ProcessTable.words($0, "cmdline").first == "perl"
        }
        #expect(servers.count == 1)
        #expect(try pid(fixture, "a") != first)
        let log = TextFile.read(try fixture.service("a")["logFile"].text ?? "") ?? ""
        #expect(!log.contains("bind:"), "\(log)")
    }

    @Test func `Many crashing services do not start more than their pauses allow`() throws {
        let fixture = try ServiceFixture()
        let names = (0..<100).map { "c\($0)" }
        for name in names { try fixture.register(name, command: "echo starting; exit 1") }
        let start = cepoll_monotonic()
        for name in names { _ = try fixture.start(name, "?timeout=0") }
        while cepoll_monotonic() - start < 3_000_000_000 {
            var status = 0
            let took = try milliseconds {
                status = try fixture.daemon.ask("GET", "/health").status
            }
            #expect(status == 200 && took < 1_000, "\(status) after \(took) ms")
            usleep(50_000)
        }
        let elapsed = Double(cepoll_monotonic() - start) / 1e9
        // 0, 0.25, 0.75, 1.75, 3.75, 7.75 s, each a fifth earlier at most.
        let most = [0.0, 0.2, 0.6, 1.4, 3.0, 6.2, 12.6].filter { $0 < elapsed + 0.5 }.count
        for name in names { #expect(try starts(fixture, name) <= most, "\(name)") }
        let listed = try fixture.daemon.ask("GET", "/v1/services").json["services"].items
        #expect(
            listed.allSatisfy { ["backoff", "starting", "stopping"].contains($0["status"].text) })
    }

    @Test func `Fifty programs that end at once are all noticed`() throws {
        let fixture = try ServiceFixture()
        let names = (0..<50).map { "z\($0)" }
        for name in names {
            try fixture.register(name, command: "exec sleep 300", more: #""restart":"never""#)
            #expect(try fixture.start(name, "?timeout=0").status == 200)
        }
        let pids = try names.map { try pid(fixture, $0) }
        for pid in pids { kill(pid, SIGKILL) }
        #expect(
            try eventually {
                try fixture.daemon.ask("GET", "/v1/services?status=failed").json["services"].items
                    .count == 50
            })
        #expect(eventually { ProcessTable.zombies(of: fixture.daemon.pid).isEmpty })
        #expect(pids.allSatisfy { !ProcessTable.isAlive($0) })
    }
}
