// GET /v1/ports and /v1/ports/{port}: who listens on this machine, whoever started it.

import Glibc
import TestSupport
import Testing

@Suite struct PortListTests {
    let fixture: ServiceFixture
    var daemon: DaemonProcess { fixture.daemon }
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    private func holders(_ port: UInt16) throws -> JSONValue {
        let answer = try daemon.ask("GET", "/v1/ports/\(port)")
        #expect(answer.status == 200, "\(answer.text)")
        return answer.json["holders"]
    }

    @Test func aForeignServerIsNamedWithPidAndProgram() throws {
        let server = try Outsider([
            "python3", "-m", "http.server", "\(port)", "--bind", "127.0.0.1",
        ])
        #expect(eventually(within: 20_000) { Outsider.accepts("127.0.0.1", port) })
        let found = try holders(port)
        #expect(found.items.count == 1)
        #expect(found[0]["pid"].integer == Int(server.pid))
        #expect(found[0]["port"].integer == Int(port))
        #expect(found[0]["program"].text?.hasPrefix("python3") == true)
        #expect(found[0]["addresses"].items == [.string("127.0.0.1")])
        #expect(found[0]["uid"].integer == Int(geteuid()))
        #expect(found[0]["service"] == .null)
        #expect(found[0]["registered"] == .bool(false))
        #expect(found[0]["isDocker"] == .bool(false))
    }

    @Test(arguments: ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"])
    func everyAddressIsSeen(host: String) throws {
        let server = try Outsider(listensOn: ["\(host):\(port)"])
        let found = try holders(port)
        #expect(found.items.count == 1)
        #expect(found[0]["pid"].integer == Int(server.pid))
        #expect(found[0]["addresses"].items == [.string(host)])
    }

    @Test func twoSocketsOfOneProcessAreOneEntryAndTwoProcessesAreTwo() throws {
        let one = try Outsider(listensOn: ["127.0.0.1:\(port)", "127.0.0.2:\(port)"])
        let other = try Outsider(listensOn: ["::1:\(port)"])
        let found = try holders(port)
        #expect(found.items.count == 2)
        #expect(found[0]["pid"].integer == Int(one.pid))
        #expect(found[0]["addresses"].items == [.string("127.0.0.1"), .string("127.0.0.2")])
        #expect(found[1]["pid"].integer == Int(other.pid))
        #expect(found[1]["addresses"].items == [.string("::1")])
    }

    @Test func aSocketThatWasForkedIsTheParents() throws {
        let script = """
            use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET,
            SO_REUSEADDR, 1); bind($s, sockaddr_in(\(port), inet_aton("127.0.0.1"))) or die;
            listen($s, 8); for (1..3) { if (!fork) { sleep 300; exit } } sleep 300;
            """
        let server = try Outsider(["perl", "-e", script])
        #expect(eventually { server.descendants().count == 3 })
        let found = try holders(port)
        #expect(found.items.count == 1)
        #expect(found[0]["pid"].integer == Int(server.pid))
    }

    @Test func aServiceOfOursIsNamed() throws {
        // The listener is a grandchild in a session of its own.
        try fixture.register(
            "deep", port: port,
            command: "(setsid sh -c '\(fixture.serverCommand)' &) ; sleep 300")
        #expect(try fixture.start("deep").status == 200)
        let found = try holders(port)
        #expect(found.items.count == 1)
        #expect(found[0]["service"] == .string("deep"))
        #expect(found[0]["registered"] == .bool(true))
        #expect(found[0]["program"] == .string("perl"))
        #expect(try fixture.stop("deep").status == 200)
        #expect(try daemon.ask("GET", "/v1/ports/\(port)").status == 404)
    }

    @Test func aServiceWithoutACommandIsWhoeverListens() throws {
        _ = try daemon.ask("POST", "/v1/services", #"{"name":"ext","port":\#(port)}"#)
        let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let found = try holders(port)
        #expect(found[0]["service"] == .string("ext"))
        #expect(found[0]["registered"] == .bool(true))
        #expect(found[0]["pid"].integer == Int(server.pid))
    }

    @Test func theListHasEverybodyInOrder() throws {
        let high = try Outsider(listensOn: ["127.0.0.1:\(port)"])
        let answer = try daemon.ask("GET", "/v1/ports")
        #expect(answer.status == 200)
        let ports = answer.json["ports"].items
        let numbers = ports.compactMap { $0["port"].integer }
        #expect(numbers == numbers.sorted())
        #expect(numbers.count == ports.count)
        let mine = ports.filter { $0["pid"].integer == Int(daemon.pid) }
        #expect(mine.map { $0["port"].integer } == [Int(daemon.port)])
        #expect(mine.first?["program"] == .string("gr"))
        #expect(ports.filter { $0["pid"].integer == Int(high.pid) }.count == 1)
    }

    @Test func aContainersForwarderIsNamedAsSuch() throws {
        // Only its name tells: a copy of perl under that name listens.
        let proxy = fixture.folder.file("docker-proxy")
        _ = try DaemonProcess.run("/bin/cp", ["cp", "/usr/bin/perl", proxy])
        let server = try Outsider([proxy] + Outsider.perl(["127.0.0.1:\(port)"]).dropFirst())
        #expect(eventually { Outsider.accepts("127.0.0.1", port) })
        let found = try holders(port)
        #expect(found[0]["isDocker"] == .bool(true))
        #expect(found[0]["program"] == .string("docker-proxy"))
        #expect(found[0]["pid"].integer == Int(server.pid))
    }

    @Test func aFreePortAndSocketsNobodyHasAreNotFound() throws {
        let answer = try daemon.ask("GET", "/v1/ports/\(port)")
        #expect(answer.status == 404)
        #expect(answer.code == "not_found")
        #expect(answer.message.contains("\(port)"))
        // Closed ends of connections keep the port for a minute, and nobody listens there.
        do {
            let server = try Outsider(listensOn: ["127.0.0.1:\(port)"])
            let client = try WireClient(port: port)
            client.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            usleep(50_000)
            server.signal(SIGKILL)
            server.reap()
        }
        #expect(try daemon.ask("GET", "/v1/ports/\(port)").status == 404)
    }

    @Test(arguments: ["0", "65536", "-1", "1e3", "abc", "08x", "7401.0", "%20", "99999999999"])
    func whatIsNoPortIsInvalid(text: String) throws {
        let answer = try daemon.ask("GET", "/v1/ports/\(text)")
        #expect(answer.status == 400, "\(text)")
        #expect(answer.code == "invalid_spec")
    }
}
