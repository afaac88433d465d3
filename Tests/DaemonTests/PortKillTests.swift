// POST /v1/ports/{port}/kill: the holder of a port is ended, and nobody else: not another process
// than the one meant, not another user's, not the daemon, no monitor.

import Glibc
import TestSupport
import Testing

@Suite struct PortKillTests {
    let fixture: ServiceFixture
    var daemon: DaemonProcess { fixture.daemon }
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    private func kill(
        _ port: UInt16, _ query: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> WireAnswer {
        try daemon.ask("POST", "/v1/ports/\(port)/kill\(query)", sourceLocation: sourceLocation)
    }

    @Test func theHolderIsEndedAndThePortIsFree() throws {
        let server = try Outsider([
            "python3", "-m", "http.server", "\(port)", "--bind", "127.0.0.1",
        ])
        #expect(eventually(within: 20_000) { Outsider.accepts("127.0.0.1", port) })
        let answer = try kill(port)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(!Outsider.accepts("127.0.0.1", port))
        #expect(answer.json["ok"] == .bool(true))
        #expect(answer.json["port"].integer == Int(port))
        #expect(answer.json["pid"].integer == Int(server.pid))
        #expect(answer.json["program"].text?.hasPrefix("python3") == true)
        #expect(answer.json["service"] == .null)
        #expect(answer.json["forced"] == .bool(false))
        #expect(server.reap())
        #expect(try kill(port).status == 404)
    }

    @Test func whoIgnoresTermIsKilledAfterTheGrace() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"], ignoresTerm: true)
        let taken = try milliseconds {
            let answer = try kill(port, "?grace=300")
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["forced"] == .bool(true))
        }
        #expect(taken >= 300)
        #expect(server.reap())
    }

    @Test func withAnotherPidNobodyIsEnded() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let bystander = try Outsider(["sleep", "300"])
        let answer = try kill(port, "?pid=\(bystander.pid)")
        #expect(answer.status == 409)
        #expect(answer.code == "port_in_use")
        #expect(answer.message.contains("pid \(server.pid) (perl)"), "\(answer.message)")
        #expect(server.isAlive && bystander.isAlive)
        #expect(Outsider.accepts("127.0.0.1", port))
        #expect(try kill(port, "?pid=\(server.pid)").status == 200)
        #expect(server.reap())
        #expect(bystander.isAlive)
    }

    @Test func ofTwoOnOnePortOneHasToBeNamed() throws {
        let one = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let other = try Outsider(listensOn: ["::1:\(port)"])
        let answer = try kill(port)
        #expect(answer.status == 409)
        for pid in [one.pid, other.pid] {
            #expect(answer.message.contains("pid \(pid) (perl)"), "\(answer.message)")
        }
        #expect(answer.hint.contains("such as --pid "), "\(answer.hint)")
        #expect(one.isAlive && other.isAlive)
        #expect(try kill(port, "?pid=\(other.pid)").status == 200)
        #expect(one.isAlive && !other.isAlive)
    }

    @Test func everybodyWhoSharesTheSocketIsEndedAndItsOtherChildrenAreNot() throws {
        let script = """
            use Socket; if (!fork) { exec "sleep", "299" } socket(my $s, PF_INET, SOCK_STREAM, 0);
            setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
            bind($s, sockaddr_in(\(port), inet_aton("127.0.0.1"))) or die;
            listen($s, 8); for (1..3) { if (!fork) { sleep 300; exit } } sleep 300;
            """
        let server = try Outsider(["perl", "-e", script])
        #expect(eventually { server.descendants().count == 4 })
        let below = server.descendants()
        let sleeper = below.filter { ProcessTable.words($0, "cmdline").contains("299") }
        #expect(sleeper.count == 1)
        #expect(try kill(port).status == 200)
        #expect(try daemon.ask("GET", "/v1/ports/\(port)").status == 404)
        #expect(server.reap())
        #expect(below.filter(ProcessTable.isAlive) == sleeper)
    }

    @Test func anotherUsersProcessIsNotTouched() throws {
        guard geteuid() == 0 else {
            Issue.record("SKIPPED: needs root to start a process of another user")
            return
        }
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"], uid: 65_534)
        for query in ["", "?grace=0", "?pid=\(server.pid)"] {
            let answer = try kill(port, query)
            #expect(answer.status == 403)
            #expect(answer.code == "foreign_process")
            #expect(answer.message.contains("uid 65534"), "\(answer.message)")
        }
        #expect(server.isAlive)
        #expect(Outsider.accepts("127.0.0.1", port))
    }

    @Test func theDaemonItselfIsNotEnded() throws {
        let answer = try kill(daemon.port, "?grace=0")
        #expect(answer.status == 403)
        #expect(answer.code == "foreign_process")
        #expect(try daemon.ask("GET", "/health").status == 200)
    }

    @Test func whatManagesOthersIsLeftAlone() throws {
        let proxy = fixture.folder.file("docker-proxy")
        _ = try DaemonProcess.run("/bin/cp", ["cp", "/usr/bin/perl", proxy])
        let server = try Outsider([proxy] + Outsider.perl(["127.0.0.1:\(port)"]).dropFirst())
        #expect(eventually { Outsider.accepts("127.0.0.1", port) })
        let answer = try kill(port, "?grace=0")
        #expect(answer.status == 403)
        #expect(answer.hint.contains("docker ps"), "\(answer.hint)")
        #expect(server.isAlive)
    }

    @Test func anotherDaemonAndWhatItHoldsAreLeftAlone() throws {
        let other = try ServiceFixture()
        let held = #""start":"on-demand","ready":"http://localhost:\#(port)/""#
        try other.register("a", port: port, more: held)
        #expect(try other.start("a").json["status"] == .string("armed"))
        let seen = try daemon.ask("GET", "/v1/ports/\(port)").json["holders"][0]
        #expect(seen["program"] == .string("gr-monitor"))
        for port in [port, other.daemon.port] {
            for action in ["kill", "adopt"] {
                let answer = try daemon.ask(
                    "POST", "/v1/ports/\(port)/\(action)",
                    action == "adopt" ? #"{"name":"b"}"# : nil)
                #expect(answer.status == 403, "\(answer.text)")
                #expect(answer.code == "foreign_process")
            }
        }
        #expect(try other.service("a")["status"] == .string("armed"))
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.isEmpty)
    }

    @Test func aServiceOfAnotherDaemonIsNeitherTakenNorEnded() throws {
        let other = try ServiceFixture()
        try other.register("a", port: port)
        try #require(try other.start("a").status == 200)
        for action in ["adopt", "kill"] {
            let answer = try daemon.ask(
                "POST", "/v1/ports/\(port)/\(action)",
                action == "adopt" ? #"{"name":"b"}"# : nil)
            #expect(answer.status == 403, "\(answer.text)")
            #expect(answer.code == "foreign_process")
            #expect(answer.message.contains("of another gr daemon"), "\(answer.message)")
            #expect(answer.hint.contains("gr --home FOLDER stop NAME"), "\(answer.hint)")
        }
        #expect(try other.service("a")["status"] == .string("running"))
        #expect(try daemon.ask("GET", "/v1/services").json["services"].items.isEmpty)
        // Whose start finds the port taken is told the same way out.
        try fixture.register("c", port: port)
        let refused = try fixture.start("c")
        #expect(refused.code == "port_in_use")
        #expect(refused.hint.contains("gr --home FOLDER stop NAME"), "\(refused.hint)")
    }

    @Test func aServiceIsStoppedAndHasNotCrashed() throws {
        try fixture.register("a", port: port, more: #""restart":"always""#)
        #expect(try fixture.start("a").status == 200)
        let answer = try kill(port)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["service"] == .string("a"))
        let service = try fixture.service("a")
        #expect(service["status"] == .string("stopped"))
        #expect(service["stopReason"] == .string("stopped on request"))
        #expect(try daemon.ask("GET", "/v1/ports/\(port)").status == 404)
        usleep(700_000)
        #expect(try fixture.service("a")["status"] == .string("stopped"))
    }

    @Test func thePortThatAMonitorHoldsIsLetGoByAStop() throws {
        let held = #""start":"on-demand","ready":"http://localhost:\#(port)/""#
        try fixture.register("a", port: port, more: held)
        #expect(try fixture.start("a").json["status"] == .string("armed"))
        let seen = try daemon.ask("GET", "/v1/ports/\(port)").json["holders"]
        #expect(seen.items.count == 1)
        #expect(seen[0]["service"] == .string("a"))
        #expect(seen[0]["program"] == .string("gr-monitor"))
        let adopted = try daemon.ask("POST", "/v1/ports/\(port)/adopt", #"{"name":"b"}"#)
        #expect(adopted.status == 409, "\(adopted.text)")
        let answer = try kill(port)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try fixture.service("a")["status"] == .string("stopped"))
        #expect(try daemon.ask("GET", "/v1/ports/\(port)").status == 404)
        #expect(try fixture.start("a").json["status"] == .string("armed"))
        try fixture.register("c", port: port)
        let refused = try fixture.start("c")
        #expect(refused.code == "port_in_use")
        #expect(refused.message.contains("the service 'a'"), "\(refused.message)")
    }

    @Test func whoIsStartedAgainByOthersIsSaid() throws {
        let server = try Outsider(
            ["sh", "-c", "while true; do \"$@\"; done", "sh"]
                + Outsider.perl(["127.0.0.1:\(port)"]))
        #expect(eventually { Outsider.accepts("127.0.0.1", port) })
        let first = try daemon.ask("GET", "/v1/ports/\(port)").json["holders"][0]["pid"].integer
        let answer = try kill(port)
        // Before or after the loop has started it again.
        #expect([200, 409].contains(answer.status), "\(answer.text)")
        if answer.status == 409 { #expect(answer.message.contains("was ended")) }
        #expect(server.isAlive)
        #expect(eventually { Outsider.accepts("127.0.0.1", port) })
        let second = try daemon.ask("GET", "/v1/ports/\(port)").json["holders"][0]["pid"].integer
        #expect(first != second)
    }

    @Test func twentyAtOnceEndItOnce() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let clients = try (0..<20).map { _ in try WireClient(daemon) }
        for client in clients {
            client.send(
                "POST /v1/ports/\(port)/kill HTTP/1.1\r\nHost: localhost\r\n"
                    + "Content-Length: 0\r\n\r\n")
        }
        for client in clients {
            let answer = try client.answer()
            #expect([200, 404].contains(answer.status), "\(answer.text)")
        }
        #expect(server.reap())
    }

    @Test(arguments: [
        "?grace=x", "?grace=600001", "?pid=0", "?pid=-1", "?pid=99999999999", "?pid=",
    ])
    func whatCannotBeUsedIsRefusedBeforeAnythingHappens(query: String) throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let answer = try kill(port, query)
        #expect(answer.status == 400, "\(query)")
        #expect(answer.code == "invalid_spec")
        #expect(server.isAlive)
    }
}
