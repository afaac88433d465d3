// POST /v1/ports/{port}/adopt: a server somebody started by hand becomes a service as it runs,
// stays one over the death of the daemon, and is stopped with its own tree and nobody else.

import Glibc
import TestSupport
import Testing

@Suite struct PortAdoptionTests {
    let fixture: ServiceFixture
    var daemon: DaemonProcess { fixture.daemon }
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    private func adopt(
        _ body: String = #"{"name":"web"}"#, _ query: String = "", port other: UInt16? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> WireAnswer {
        try daemon.ask(
            "POST", "/v1/ports/\(other ?? port)/adopt\(query)", body,
            sourceLocation: sourceLocation)
    }

    private var python: String { "python3 -m http.server \(port) --bind 127.0.0.1" }

    /// A shell that starts a server and waits for it, as npm does.
    private func wrapped() throws -> Outsider {
        let server = try Outsider(
            ["sh", "-c", "\(python); true"], directory: "/tmp",
            environment: ["SECRET=do-not-copy"])
        try #require(eventually(within: 20_000) { Outsider.accepts("127.0.0.1", port) })
        server.descendants()
        return server
    }

    private func isGone(_ server: Outsider) -> Bool {
        !server.isAlive && !Outsider.accepts("127.0.0.1", port)
    }

    @Test func theTopOfAWrapperChainIsTakenWithItsCommandAndDirectory() throws {
        let server = try wrapped()
        let answer = try adopt(#"{"name":"web","group":"@site"}"#)
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.value("Location") == "/v1/services/web")
        #expect(!answer.text.contains("do-not-copy"))
        let service = try fixture.service("web")
        #expect(service["adopted"] == .bool(true))
        #expect(service["status"] == .string("running"))
        #expect(service["pid"].integer == Int(server.pid))
        #expect(service["port"].integer == Int(port))
        #expect(service["group"] == .string("@site"))
        #expect(service["cmd"] == .string("sh -c '\(python); true'"))
        #expect(service["cwd"] == .string("/tmp"))
        #expect(service["env"].items.isEmpty)
        #expect(service["logFile"] == .null)
        #expect(service["pendingChange"] == .bool(false))
        #expect(service["startedAt"].text != nil)
        let holder = try daemon.ask("GET", "/v1/ports/\(port)").json["holders"][0]
        #expect(holder["service"] == .string("web"))
        let resolved = try daemon.ask("GET", "/v1/resolve/web").json
        #expect(resolved["status"] == .string("running"))
        #expect(try fixture.start("web").code == "already_running")
    }

    @Test func aStopEndsItsTreeAndAStartRunsTheSameUnderAMonitor() throws {
        let server = try wrapped()
        #expect(try adopt().status == 201)
        let answer = try fixture.stop("web")
        #expect(answer.status == 200)
        #expect(answer.json["status"] == .string("stopped"))
        #expect(answer.json["exitCode"] == .null)
        #expect(answer.json["forced"] == .bool(false))
        #expect(isGone(server))
        let stopped = try fixture.service("web")
        #expect(stopped["adopted"] == .bool(false))
        #expect(stopped["stopReason"] == .string("stopped on request"))
        let started = try fixture.start("web")
        #expect(started.status == 200, "\(started.text)")
        #expect(started.json["pid"].integer != Int(server.pid))
        let service = try fixture.service("web")
        #expect(service["adopted"] == .bool(false))
        #expect(service["logFile"].text != nil)
        #expect(try fixture.stop("web").json["exitCode"] != .null)
    }

    @Test func aRestartPutsItUnderAMonitor() throws {
        let server = try wrapped()
        #expect(try adopt().status == 201)
        let answer = try daemon.ask("POST", "/v1/services/web/restart")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["status"] == .string("running"))
        #expect(!server.isAlive)
        #expect(Outsider.accepts("127.0.0.1", port))
        #expect(try fixture.service("web")["adopted"] == .bool(false))
        #expect(try fixture.stop("web").status == 200)
    }

    @Test func aStopKillsWhoIgnoresTermAndSaysSo() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"], ignoresTerm: true)
        #expect(try adopt().status == 201)
        let answer = try fixture.stop("web", "?grace=300")
        #expect(answer.json["forced"] == .bool(true))
        #expect(server.reap())
    }

    @Test func itsEndIsToldAsAStopWithoutACodeAndNothingIsStarted() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        #expect(try adopt().status == 201)
        server.signal(SIGKILL)
        #expect(try fixture.waits("web", for: "failed"))
        let service = try fixture.service("web")
        #expect(service["pid"] == .null)
        #expect(service["exitCode"] == .null)
        #expect(service["adopted"] == .bool(false))
        usleep(600_000)
        #expect(try fixture.service("web")["status"] == .string("failed"))
        let told = try DaemonProcess.run(
            "/usr/bin/curl",
            ["curl", "-s", "-m", "1", "http://127.0.0.1:\(daemon.port)/v1/events?since=0"]
        ).1
        #expect(told.contains("service.started"), "\(told)")
        #expect(
            told.contains(#"{"name":"web","exitCode":null,"reason":"unknown"}"#), "\(told)")
        #expect(!told.contains("service.crashed"))
    }

    @Test func itStaysAdoptedOverTheDeathOfTheDaemonAndItsStopSparesABystander() throws {
        // Job control gives each job a group of its own; the session is the same.
        let server = try Outsider([
            "bash", "-c", "set -m; sleep 299 & sh -c '\(python); true' & wait",
        ])
        try #require(eventually(within: 20_000) { Outsider.accepts("127.0.0.1", port) })
        let all = server.descendants()
        let bystander = all.filter { ProcessTable.words($0, "cmdline").contains("299") }
        try #require(bystander.count == 1)
        let adopted = try adopt()
        #expect(adopted.status == 201, "\(adopted.text)")
        let pid = try #require(adopted.json["pid"].integer)
        #expect(ProcessTable.words(Int32(pid), "cmdline").first == "sh")
        daemon.kill()
        try daemon.restart()
        let service = try fixture.service("web")
        #expect(service["status"] == .string("running"))
        #expect(service["adopted"] == .bool(true))
        #expect(service["pid"].integer == pid)
        #expect(Outsider.accepts("127.0.0.1", port))
        #expect(try fixture.stop("web").status == 200)
        #expect(!Outsider.accepts("127.0.0.1", port))
        #expect(all.filter(ProcessTable.isAlive) == bystander)
        #expect(server.isAlive)
        // And it stays stopped.
        daemon.kill()
        try daemon.restart()
        #expect(try fixture.service("web")["status"] == .string("stopped"))
        #expect(try fixture.service("web")["adopted"] == .bool(false))
    }

    @Test func whatIsNotTheListenersJobIsNeitherTakenNorStopped() throws {
        // No job control: the shell leads the group of both, and is not in the tree.
        let server = try Outsider(["sh", "-c", "sleep 299 & \(python); wait"])
        try #require(eventually(within: 20_000) { Outsider.accepts("127.0.0.1", port) })
        let all = server.descendants()
        let bystander = all.filter { ProcessTable.words($0, "cmdline").contains("299") }
        let adopted = try adopt()
        #expect(adopted.status == 201, "\(adopted.text)")
        #expect(adopted.json["pid"].integer != Int(server.pid))
        #expect(try fixture.stop("web").status == 200)
        #expect(!Outsider.accepts("127.0.0.1", port))
        #expect(all.filter(ProcessTable.isAlive) == bystander)
        #expect(server.isAlive)
    }

    @Test func whoEndedWhileNoDaemonLivedIsNotTakenBackAndAZombieIsNotAlive() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        #expect(try adopt().status == 201)
        daemon.kill()
        server.signal(SIGKILL)
        // Ended, and not reaped by its parent, this test.
        #expect(eventually { !server.isAlive })
        try daemon.restart()
        let service = try fixture.service("web")
        #expect(service["status"] == .string("failed"))
        #expect(service["adopted"] == .bool(false))
        #expect(service["pid"] == .null)
        server.reap()
    }

    @Test func aProcessThatGotThePidOfTheAdoptedOneIsNotTakenBack() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        #expect(try adopt().status == 201)
        daemon.kill()
        // As if that had started a moment later, and so were another one.
        let edit = """
            import glob, sqlite3
            for path in glob.glob("\(daemon.home)/*.db"):
                base = sqlite3.connect(path)
                done = base.execute("UPDATE adoptions SET start_time = start_time - 1")
                assert done.rowcount == 1
                base.commit()
            """
        #expect(try DaemonProcess.run("/usr/bin/python3", ["python3", "-c", edit]).0 == 0)
        try daemon.restart()
        let service = try fixture.service("web")
        #expect(service["status"] == .string("failed"))
        #expect(service["adopted"] == .bool(false))
        #expect(try fixture.stop("web").status == 200)
        #expect(server.isAlive)
    }

    @Test func behindARebootNothingIsTakenBack() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        #expect(try adopt(#"{"name":"web","restart":"always"}"#).status == 201)
        daemon.kill()
        try daemon.restart(environment: ["GR_BOOT_ID=another"])
        let service = try fixture.service("web")
        #expect(service["status"] == .string("stopped"))
        #expect(service["stopReason"] == .string("reboot"))
        #expect(server.isAlive)
    }

    @Test func anotherUsersProcessIsNotAdopted() throws {
        guard geteuid() == 0 else {
            Issue.record("SKIPPED: needs root to start a process of another user")
            return
        }
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"], uid: 65_534)
        let answer = try adopt()
        #expect(answer.status == 403)
        #expect(answer.code == "foreign_process")
        #expect(answer.message.contains("uid 65534"), "\(answer.message)")
        #expect(try daemon.ask("GET", "/v1/services/web").status == 404)
        #expect(server.isAlive)
    }

    @Test func whatCannotBeAdoptedIsRefusedAndNothingIsRegistered() throws {
        #expect(try adopt().status == 404)
        #expect(try adopt(port: daemon.port).code == "foreign_process")
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        for body in [
            "{}", #"{"name":"1"}"#, #"{"name":"web","port":1}"#, #"{"name":"web","group":"x"}"#,
            #"{"name":"web","port":null}"#, "[]",
        ] {
            #expect(try adopt(body).status == 400, "\(body)")
        }
        #expect(try adopt(#"{"name":"web"}"#, "?pid=1").status == 409)
        #expect(try adopt(#"{"name":"web"}"#, "?pid=x").status == 400)
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.isEmpty)
        #expect(try adopt(#"{"name":"web"}"#, "?pid=\(server.pid)").status == 201)
    }

    @Test func aServicesOwnProcessAndANameThatRunsAreConflicts() throws {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let own = try adopt()
        #expect(own.status == 409)
        #expect(own.message.contains("the service 'a'"), "\(own.message)")
        let other = ServiceFixture.freePort()
        let server = try Outsider(listensOn: ["127.0.0.1:\(other)"])
        let runs = try adopt(#"{"name":"a"}"#, port: other)
        #expect(runs.status == 409)
        #expect(runs.code == "already_running")
        #expect(try fixture.service("a")["port"].integer == Int(port))
        #expect(try adopt(#"{"name":"b"}"#, port: other).status == 201)
        #expect(try adopt(#"{"name":"c"}"#, port: other).status == 409)
        #expect(server.isAlive)
    }

    @Test func aRegisteredServiceKeepsItsOwnCommand() throws {
        try fixture.register("web", port: port, command: "exec my-server")
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let answer = try adopt()
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.json["cmd"] == .string("exec my-server"))
        #expect(answer.json["pid"].integer == Int(server.pid))
    }

    @Test func ofManyAtOnceOneAdoptsIt() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let clients = try (0..<8).map { _ in try WireClient(daemon) }
        let body = #"{"name":"web"}"#
        for client in clients {
            client.send(
                "POST /v1/ports/\(port)/adopt HTTP/1.1\r\nHost: localhost\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                    + "\r\n\(body)")
        }
        let statuses = try clients.map { try $0.answer().status }
        #expect(statuses.filter { $0 == 201 }.count == 1, "\(statuses)")
        #expect(statuses.allSatisfy { [201, 409, 503].contains($0) }, "\(statuses)")
        #expect(try fixture.service("web")["pid"].integer == Int(server.pid))
        daemon.kill()
        try daemon.restart()
        #expect(try fixture.service("web")["adopted"] == .bool(true))
    }

    @Test func ofManyNamesAtOnceOneGetsTheProcessAndTheOthersAreNotRegistered() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let clients = try (0..<12).map { _ in try WireClient(daemon) }
        for (number, client) in clients.enumerated() {
            let body = #"{"name":"web\#(number)"}"#
            client.send(
                "POST /v1/ports/\(port)/adopt HTTP/1.1\r\nHost: localhost\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                    + "\r\n\(body)")
        }
        let answers = try clients.map { try $0.answer() }
        let statuses = answers.map(\.status)
        #expect(statuses.filter { $0 == 201 }.count == 1, "\(statuses)")
        for answer in answers where answer.status != 201 {
            #expect(answer.status == 409)
            #expect(answer.code == "port_in_use")
            #expect(answer.message.contains("the service 'web"), "\(answer.message)")
        }
        let services = try daemon.ask("GET", "/v1/services").json["services"].items
        #expect(services.map { $0["pid"].integer } == [Int(server.pid)])
    }

    @Test func aRemovalEndsItAndAKillOfItsPortIsAStop() throws {
        let server = try wrapped()
        #expect(try adopt().status == 201)
        let killed = try daemon.ask("POST", "/v1/ports/\(port)/kill")
        #expect(killed.status == 200, "\(killed.text)")
        #expect(killed.json["service"] == .string("web"))
        #expect(isGone(server))
        #expect(try fixture.service("web")["status"] == .string("stopped"))
        let second = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        #expect(try adopt().status == 201)
        #expect(try daemon.ask("DELETE", "/v1/services/web").status == 200)
        #expect(second.reap())
        daemon.kill()
        try daemon.restart()
        #expect(try daemon.ask("GET", "/v1/services/web").status == 404)
    }
}
