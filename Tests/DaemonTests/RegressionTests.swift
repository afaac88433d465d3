// Mistakes the daemon once made about services, each kept from coming back by a test from outside:
// names compared as text instead of bytes, starts that answered something untrue, ready checks that
// told the wrong reason. Each test has its own daemon, ports and programs; every wait has a limit.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct RegressionTests {
    /// One letter in two canonically equivalent spellings, decomposed and composed.
    static let spellings = ["a\u{301}", "\u{e1}"]
    let fixture: ServiceFixture
    var daemon: DaemonProcess { fixture.daemon }

    init() throws { fixture = try ServiceFixture() }

    // MARK: Names

    /// A name as a path segment, every byte encoded.
    private func encoded(_ name: String) -> String {
        name.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return (digits.utf8.count == 1 ? "%0" : "%") + digits
        }.joined()
    }

    private func add(_ name: String, _ more: String = "") throws -> WireAnswer {
        let body = "{\"name\":\(fixture.quote(name)),\"port\":7000\(more)}"
        return try daemon.ask("POST", "/v1/services", body)
    }

    /// The names of the list as bytes: texts would compare equal.
    private func listed() throws -> [[UInt8]] {
        try daemon.ask("GET", "/v1/services").json["services"].items
            .map { Array(($0["name"].text ?? "").utf8) }
    }

    @Test(arguments: [(0, 1), (1, 0)]) func namesAreBytes(first: Int, second: Int) throws {
        let name = Self.spellings[first]
        let other = Self.spellings[second]
        #expect(Array(name.utf8) != Array(other.utf8))
        #expect(try add(name).status == 201)
        let refused = try add(other)
        #expect(refused.status == 400)
        #expect(refused.code == "invalid_spec")
        #expect(refused.message.contains("equivalent"), "\(refused.message)")
        for (method, target) in [
            ("GET", "/v1/services/\(encoded(other))"), ("GET", "/v1/resolve/\(encoded(other))"),
            ("DELETE", "/v1/services/\(encoded(other))"),
            ("POST", "/v1/services/\(encoded(other))/stop"),
        ] {
            let answer = try daemon.ask(method, target)
            #expect(answer.status == 404, "\(method) \(target)")
            #expect(answer.code == "unknown_service", "\(method) \(target)")
        }
        for target in ["/v1/services/\(encoded(name))", "/v1/resolve/\(encoded(name))"] {
            let answer = try daemon.ask("GET", target)
            #expect(answer.status == 200, "\(target)")
            #expect(Array((answer.json["name"].text ?? "").utf8) == Array(name.utf8), "\(target)")
        }
        #expect(try listed() == [Array(name.utf8)])
        #expect(try add(name).status == 201, "its own name is not an equivalent one")
    }

    @Test(arguments: [(0, 1), (1, 0)])
    func aDeletedNameStaysGoneInEverySpelling(first: Int, second: Int) throws {
        let name = Self.spellings[first]
        #expect(try add(name).status == 201)
        // Neither a refused registration nor a missed delete may leave something that comes back.
        _ = try add(Self.spellings[second])
        let missed = try daemon.ask("DELETE", "/v1/services/\(encoded(Self.spellings[second]))")
        #expect(missed.status == 404)
        daemon.kill()
        try daemon.restart()
        #expect(try listed() == [Array(name.utf8)])
        #expect(try daemon.ask("DELETE", "/v1/services/\(encoded(name))").status == 200)
        daemon.kill()
        try daemon.restart()
        #expect(try listed() == [])
        for spelling in Self.spellings {
            let path = encoded(spelling)
            #expect(try daemon.ask("GET", "/v1/services/\(path)").status == 404, "\(path)")
            #expect(try daemon.ask("GET", "/v1/resolve/\(path)").status == 404, "\(path)")
        }
        #expect(try add(Self.spellings[second]).status == 201)
        #expect(try listed() == [Array(Self.spellings[second].utf8)])
    }

    /// U+0301 joins the character before it, which is then no longer equal to the plain one.
    @Test func aCombiningMarkHidesNoSpecialCharacter() throws {
        for name in ["@\u{301}x", ":\u{301}x"] {
            let answer = try add(name)
            #expect(answer.status == 400, "\(name)")
            #expect(answer.code == "invalid_spec", "\(name)")
        }
        let variable = try add("e", ",\"env\":{\"A=\u{301}\":\"1\"}")
        #expect(variable.status == 400)
        #expect(variable.code == "invalid_spec")
        #expect(try listed() == [])
        let folder = try add("d", ",\"cwd\":\"/\u{301}x\"")
        #expect(folder.status == 201, "\(folder.text)")
        #expect(try listed() == [Array("d".utf8)])
    }

    // MARK: Starts

    @Test(arguments: [true, false]) func aReadyPortHeldByAnotherIs409(hasPort: Bool) throws {
        let holder = Holder("127.0.0.1")
        try #require(holder.isListening)
        let file = fixture.folder.file("started")
        let ready = "\"ready\":\"http://127.0.0.1:\(holder.port)/\""
        let port = hasPort ? ServiceFixture.freePort() : nil
        try fixture.register(
            "a", port: port, command: "touch \(file); \(fixture.serverCommand)", more: ready)
        let answer = try fixture.start("a", "?timeout=1500")
        #expect(answer.status == 409, "\(answer.text)")
        #expect(answer.code == "port_in_use")
        #expect(answer.message.contains("\(holder.port)"), "\(answer.message)")
        #expect(try fixture.service("a")["status"] == .string("stopped"))
        #expect(try fixture.service("a")["pid"] == .null)
        #expect(TemporaryFolder.mode(file) == nil, "the program was started")
        withExtendedLifetime(holder) {}
    }

    /// The whole numbers in a text.
    private func numbers(_ text: String) -> [Int] {
        text.split { !("0"..."9").contains($0) }.compactMap { Int($0) }
    }

    @Test func aProgramThatEndsAtOnceIsNeverAnsweredAsSomethingElse() throws {
        try fixture.register("quick", command: "exit 3", more: #""restart":"never""#)
        for turn in 0..<40 {
            let answer = try fixture.start("quick")
            switch answer.status {
            case 200:
                #expect(answer.json["status"] == .string("running"), "\(turn): \(answer.text)")
                #expect((answer.json["pid"].integer ?? 0) > 1, "\(turn): \(answer.text)")
            case 502:
                #expect(answer.code == "ready_timeout", "\(turn): \(answer.text)")
                #expect(numbers(answer.message).contains(3), "\(turn): \(answer.message)")
            default: Issue.record("\(turn): \(answer.status) \(answer.text)")
            }
            #expect(try fixture.waits("quick", for: "failed"), "\(turn)")
        }
        #expect(try fixture.service("quick")["exitCode"].integer == 3)
    }

    /// Listens on 127.0.0.1 only, so that `localhost` is refused at ::1 first.
    private static let redirecting = #"""
        use Socket;
        socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
        setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($s, sockaddr_in($ENV{PORT}, inet_aton("127.0.0.1"))) or die "bind: $!";
        listen($s, 64) or die;
        while (1) {
            accept(my $c, $s) or next;
            my $line = <$c>;
            print $c "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n",
                "Connection: close\r\n\r\n";
            close $c;
        }
        """#

    @Test func aRedirectIsNamedAsWhatTheReadyCheckSaw() throws {
        let script = fixture.folder.file("redirect.pl")
        TemporaryFolder.write(Self.redirecting, to: script)
        let port = ServiceFixture.freePort()
        try fixture.register(
            "a", port: port, command: "exec perl \(script)",
            more: "\"ready\":\"http://localhost:\(port)/\"")
        let answer = try fixture.start("a", "?timeout=1500")
        #expect(answer.status == 502)
        #expect(answer.code == "ready_timeout")
        #expect(numbers(answer.message).contains(302), "\(answer.message)")
        #expect(!answer.message.lowercased().contains("refused"), "\(answer.message)")
        for _ in 0..<20 {
            let probe = try fixture.service("a")["lastProbe"].text ?? "none"
            #expect(numbers(probe).contains(302), "\(probe)")
            #expect(!probe.lowercased().contains("refused"), "\(probe)")
            usleep(20_000)
        }
    }

    // MARK: Stops

    @Test func aStopOfAnExternalServiceSaysWhetherItIsStopped() throws {
        let holder = Holder("127.0.0.1")
        try #require(holder.isListening)
        for (name, port) in [("held", holder.port), ("free", ServiceFixture.freePort())] {
            let body = "{\"name\":\"\(name)\",\"port\":\(port)}"
            #expect(try daemon.ask("POST", "/v1/services", body).status == 201)
        }
        let held = try fixture.stop("held")
        #expect(held.status == 400, "\(held.text)")
        #expect(held.code == "invalid_spec")
        #expect(try WireClient(port: holder.port).ending(within: 0) == .open)
        let free = try fixture.stop("free")
        #expect(free.status == 200, "\(free.text)")
        #expect(free.json["status"] == .string("stopped"), "\(free.text)")
        withExtendedLifetime(holder) {}
    }

    // MARK: Environment

    @Test func aServiceCannotReplaceWhatTheDaemonTellsIt() throws {
        let file = fixture.folder.file("environ")
        let port = ServiceFixture.freePort()
        try fixture.register(
            "a", port: port,
            command: "cat /proc/$$/environ > \(file).part; mv \(file).part \(file); exec sleep 300",
            env: [
                "GRETL_NAME": "mine", "GRETL_GROUP": "mine", "GRETL_DAEMON": "mine",
                "GRETL_INCARNATION": "mine", "PORT": "1234",
            ], more: #""group":"@jobs""#)
        #expect(try fixture.start("a", "?timeout=0").status == 200)
        #expect(eventually { TemporaryFolder.mode(file) != nil })
        let words = (TextFile.bytes(file) ?? []).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
        let incarnations = ProcessTable.folderNames(daemon.file("run"))
            .filter { $0.hasSuffix(".sock") }.map { String($0.dropLast(5)) }
        #expect(incarnations.count == 1)
        for (name, value) in [
            ("GRETL_NAME", "a"), ("GRETL_GROUP", "@jobs"),
            ("GRETL_DAEMON", "http://127.0.0.1:\(daemon.port)"),
            ("GRETL_INCARNATION", incarnations.first ?? ""), ("PORT", "1234"),
        ] {
            let found = words.filter { $0.hasPrefix("\(name)=") }
            #expect(found == ["\(name)=\(value)"], "\(name)")
        }
    }
}
