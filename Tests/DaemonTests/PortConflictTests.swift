// A start that finds its port held: who holds it, and what can be done, in the words of the
// contract. And two listeners that `localhost` cannot tell apart.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct PortConflictTests {
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    @Test func theContractsWordsNameThePidAndBothFixes() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        try fixture.register("a", port: port)
        let answer = try fixture.start("a")
        #expect(answer.status == 409)
        #expect(answer.code == "port_in_use")
        #expect(answer.message == "port \(port) is held by pid \(server.pid) (perl)")
        #expect(answer.hint == "run 'gr adopt \(port) --as <name>' or 'gr kill :\(port)'")
        #expect(try fixture.service("a")["status"] == .string("stopped"))
        #expect(server.isAlive)
    }

    @Test func anotherUsersProcessIsNamedByItsUser() throws {
        guard geteuid() == 0 else {
            Issue.record("SKIPPED: needs root to start a process of another user")
            return
        }
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"], uid: 65_534)
        try fixture.register("a", port: port)
        let answer = try fixture.start("a")
        #expect(answer.status == 409)
        #expect(answer.message.contains("another user (uid 65534)"), "\(answer.message)")
        #expect(answer.message.contains("pid \(server.pid)"))
        #expect(!answer.hint.contains("gr kill"), "\(answer.hint)")
    }

    @Test func aServiceOfOursIsNamedAndSoIsTheWayOut() throws {
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let second = try fixture.register("b", port: port)
        #expect(second.json["warnings"].items.count == 1)
        #expect(second.json["warnings"][0].text?.contains("'a'") == true)
        let answer = try fixture.start("b")
        #expect(answer.status == 409)
        let pid = try fixture.service("a")["pid"].integer ?? 0
        #expect(answer.message == "port \(port) is held by the service 'a' (pid \(pid))")
        #expect(answer.hint.contains("gr stop a"))
        #expect(try fixture.stop("a").status == 200)
        #expect(try fixture.start("b").status == 200)
    }

    @Test func aContainersForwarderHasAHintOfItsOwn() throws {
        let proxy = fixture.folder.file("docker-proxy")
        _ = try DaemonProcess.run("/bin/cp", ["cp", "/usr/bin/perl", proxy])
        let server = try Outsider([proxy] + Outsider.perl(["127.0.0.1:\(port)"]).dropFirst())
        #expect(eventually { Outsider.accepts("127.0.0.1", port) })
        try fixture.register("a", port: port)
        let answer = try fixture.start("a")
        #expect(answer.message.contains("pid \(server.pid) (docker-proxy)"), "\(answer.message)")
        #expect(answer.hint.contains("docker ps --filter publish=\(port)"), "\(answer.hint)")
    }

    @Test func manyRefusedStartsAtOnceNameTheSameHolder() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        try fixture.register("a", port: port)
        let clients = try (0..<20).map { _ in try WireClient(fixture.daemon) }
        for client in clients {
            client.send(
                "POST /v1/services/a/start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                    + "\r\n")
        }
        for client in clients {
            let answer = try client.answer()
            #expect(answer.status == 409)
            #expect(answer.message.contains("pid \(server.pid) "), "\(answer.message)")
        }
    }

    @Test func thePortOfAReadyURLNamesItsHolderToo() throws {
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let own = ServiceFixture.freePort()
        try fixture.register("a", port: own, more: #""ready":"http://localhost:\#(port)/""#)
        let answer = try fixture.start("a")
        #expect(answer.status == 409)
        #expect(answer.message.contains("pid \(server.pid) (perl)"), "\(answer.message)")
    }

    @Test func twoListenersThatLocalhostCannotTellApartAreSaid() throws {
        // It takes the other family only after the check before the start.
        try fixture.register("a", port: port, env: ["DELAY": "0.6"])
        let client = try WireClient(fixture.daemon)
        client.send(
            "POST /v1/services/a/start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        #expect(try eventually { try fixture.service("a")["pid"].integer != nil })
        let other = try Outsider(listensOn: ["::1:\(port)"])
        // Ready by its own listener, or by the other one: up it is either way.
        let answer = try client.answer()
        #expect(answer.status == 200, "\(answer.text)")
        let isSaid = try eventually {
            try fixture.service("a")["warnings"].items.contains {
                $0.text?.contains("localhost") == true
                    && $0.text?.contains("pid \(other.pid) (perl)") == true
            }
        }
        let shown = try fixture.service("a")
        #expect(isSaid, "\(shown)")
        #expect(try fixture.stop("a").status == 200)
        #expect(try fixture.service("a")["warnings"] == .missing)
    }

    @Test func aServiceThatListensOnBothFamiliesItselfHasNoWarning() throws {
        let words = Outsider.perl(["127.0.0.1:\(port)", "::1:\(port)"])
        let script = fixture.folder.file("both.pl")
        TemporaryFolder.write(words[2], to: script)
        try fixture.register(
            "a", port: port,
            command: "exec perl \(script) 127.0.0.1:\(port) ::1:\(port)")
        #expect(try fixture.start("a").status == 200)
        usleep(300_000)
        #expect(try fixture.service("a")["warnings"] == .missing)
    }
}
