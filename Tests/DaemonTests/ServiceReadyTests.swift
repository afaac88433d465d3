// When a service counts as ready, and what a start that fails says: whose answer it was, what the
// program wrote last, who has its port.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ServiceReadyTests {
    let fixture: ServiceFixture
    let port = ServiceFixture.freePort()

    init() throws { fixture = try ServiceFixture() }

    private func tail(_ answer: WireAnswer) -> [String] {
        answer.json["details"]["logTail"].items.compactMap(\.text)
    }

    @Test func `The answer of somebody who was there before is not taken for the program's`() throws
    {
        // On the other loopback address nobody looks before a start.
        let ready = "\"ready\":\"http://127.0.0.2:\(port)/\""
        try fixture.register("old", port: port, env: ["HOST": "127.0.0.2"], more: ready)
        #expect(try fixture.start("old").status == 200)
        try fixture.register("new", port: port, env: ["DELAY": "0.1"], more: ready)
        let answer = try fixture.start("new", "?timeout=800")
        #expect(answer.status == 502, "\(answer.text)")
        #expect(answer.message.contains("listened before the start"), "\(answer.message)")
        let service = try fixture.service("new")
        #expect(service["status"] == .string("starting"))
        let probe = service["lastProbe"].text ?? ""
        #expect(probe.contains("127.0.0.2:\(port)"), "\(service)")
    }

    @Test func `An exit before it is ready comes with the last lines it wrote`() throws {
        let command =
            "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; done; "
            + #"printf 'last \033[31mwords\007\033]0;x\007'; exit 7"#
        try fixture.register("a", port: port, command: command, more: #""restart":"never""#)
        let answer = try fixture.start("a")
        #expect(answer.status == 502)
        #expect(answer.message.contains("exit code 7"))
        let lines = tail(answer)
        #expect(lines.count == 20, "\(lines)")
        #expect(lines.first == "line 12")
        #expect(lines.last?.contains("last words") == true, "\(lines)")
        let isHarmless = lines.joined().unicodeScalars.allSatisfy {
            $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)
        }
        #expect(isHarmless)
    }

    @Test func `The last lines are those of this program, and of none before it`() throws {
        let count = fixture.folder.file("count")
        // The line before has no end: what follows it stands in the same one.
        try fixture.register(
            "a", port: port,
            command: "echo x >> \(count); printf run%s $(wc -l < \(count)); exit 7",
            more: #""restart":"never""#)
        for number in 1...3 { #expect(try tail(fixture.start("a")) == ["run\(number)"]) }
        try fixture.register("a", port: port, command: "exec sleep 300")
        let silent = try fixture.start("a", "?timeout=300")
        #expect(silent.status == 502)
        #expect(tail(silent).isEmpty, "\(tail(silent))")
        try fixture.register("a", port: port, command: "echo new; exec sleep 300")
        let new = try fixture.daemon.ask("POST", "/v1/services/a/restart?timeout=1500&grace=0")
        #expect(new.status == 502)
        #expect(tail(new) == ["new"])
    }

    @Test func `What is late comes with its last lines too, and is stopped if that is wanted`()
        throws
    {
        try fixture.register("a", port: port, env: ["DELAY": "30"])
        let left = try fixture.start("a", "?timeout=300")
        #expect(left.status == 502)
        #expect(tail(left).contains { $0.hasPrefix("starting") })
        #expect(try fixture.service("a")["status"] == .string("starting"))
        #expect(try fixture.service("a")["lastProbe"].text?.isEmpty == false)
        let stopped = try fixture.start("a", "?timeout=300&onTimeout=stop")
        #expect(stopped.status == 502)
        #expect(stopped.message.contains("was stopped"), "\(stopped.message)")
        #expect(try fixture.service("a")["status"] == .string("stopped"))
        #expect(try fixture.service("a")["pid"] == .null)
        #expect(try fixture.start("a", "?onTimeout=kill").status == 400)
    }

    @Test func `Of both addresses of localhost the one that somebody answered on is told`() throws {
        // It accepts and closes; on ::1 nobody listens.
        let script = #"""
            use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
            setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
            bind($s, sockaddr_in($ENV{PORT}, INADDR_LOOPBACK)) or die; listen($s, 8) or die;
            while (1) { accept(my $c, $s) or next; my $l = <$c>; print $c $ENV{SAYS}; close $c; }
            """#
        TemporaryFolder.write(script, to: fixture.folder.file("rude.pl"))
        let words = ["": "closed without an answer", "garbage\r\n\r\n": "no HTTP answer"]
        for (index, (says, told)) in words.enumerated() {
            let port = ServiceFixture.freePort()
            let command =
                "SAYS=$(printf '\(says)') exec perl \(fixture.folder.file("rude.pl"))"
            try fixture.register(
                "a\(index)", port: port, command: command,
                more: "\"ready\":\"http://localhost:\(port)/\"")
            try fixture.start("a\(index)", "?timeout=0")
            var probe = ""
            let isTold = try eventually {
                probe = try fixture.service("a\(index)")["lastProbe"].text ?? ""
                return probe.contains(told)
            }
            #expect(isTold, "\(probe)")
            let answer = try fixture.start("a\(index)", "?timeout=200")
            #expect(answer.message.contains(told), "\(answer.message)")
        }
    }

    @Test func `A lost port ends a start whose ready check cannot be fooled with 409`() throws {
        let ready = "\"ready\":\"http://127.0.0.1:\(port)/\",\"restart\":\"never\""
        try fixture.register("a", port: port, env: ["DELAY": "0.5"], more: ready)
        let waiting = try WireClient(fixture.daemon)
        waiting.send(request("POST /v1/services/a/start HTTP/1.1"))
        #expect(try eventually { try fixture.service("a")["pid"].integer != nil })
        // It accepts and never answers.
        let holder = Holder("127.0.0.1", port: port)
        try #require(holder.isListening)
        let answer = try waiting.answer()
        #expect(answer.status == 409, "\(answer.text)")
        #expect(answer.code == "port_in_use")
        #expect(answer.message.contains("\(port)"))
        #expect(try fixture.service("a")["status"] == .string("failed"))
    }

    @Test func `While somebody else holds its port it is not started again and again`() throws {
        let slow = try ServiceFixture(environment: ["GR_RESTART_PAUSE_MS=1000"])
        try slow.register("a", port: port)
        #expect(try slow.start("a").status == 200)
        kill(Int32(try slow.service("a")["pid"].integer ?? 0), SIGKILL)
        #expect(try slow.waits("a", for: "backoff"))
        var holder: Holder? = Holder("127.0.0.1", port: port)
        try #require(holder?.isListening == true)
        // The pause, the wait for the port, and more.
        usleep(4_000_000)
        let log = TextFile.read(try slow.service("a")["logFile"].text ?? "") ?? ""
        #expect(log.split(separator: "\n").filter { $0.hasPrefix("starting") }.count == 1)
        #expect(try slow.service("a")["status"] == .string("backoff"))
        let taken = try slow.service("a")["stopReason"].text ?? ""
        #expect(taken.contains("\(port)"), "\(taken)")
        #expect(try slow.start("a").code == "port_in_use")
        holder = nil
        #expect(try slow.waits("a", for: "running", within: 10_000))
    }

    @Test func `A name with a slash is a name in every route`() throws {
        try fixture.register("web/api", port: port)
        let path = "/v1/services/web%2Fapi"
        #expect(try fixture.daemon.ask("POST", "\(path)/start").status == 200)
        #expect(try fixture.daemon.ask("POST", "\(path)/restart").status == 200)
        #expect(try fixture.daemon.ask("GET", path).json["name"].text == "web/api")
        #expect(try fixture.daemon.ask("POST", "\(path)/stop").status == 200)
        #expect(try fixture.daemon.ask("POST", "/v1/services/web/api/start").status == 404)
        #expect(try fixture.daemon.ask("DELETE", path).status == 200)
    }

    @Test func `Output goes where it is wanted, and not where a link leads later`() throws {
        let path = fixture.folder.file("own.log")
        let place = "\"cwd\":\"\(fixture.folder.path)\",\"logFile\":\"\(path)\""
        try fixture.register("a", port: port, more: place)
        #expect(try fixture.start("a").status == 200)
        #expect(try fixture.service("a")["logFile"].text == path)
        #expect(eventually { TextFile.read(path)?.contains("listening") == true })
        let taken = try fixture.daemon.ask(
            "POST", "/v1/services", "{\"name\":\"b\",\"port\":null,\"cmd\":\"x\",\(place)}")
        #expect(taken.status == 400)
        #expect(taken.message.contains("'a'"))
        #expect(try fixture.stop("a").status == 200)
        let victim = fixture.folder.file("victim")
        TemporaryFolder.write("untouched", to: victim)
        _ = unsafe unlink(path)
        _ = unsafe symlink(victim, path)
        let refused = try fixture.start("a")
        #expect(refused.status == 400, "\(refused.text)")
        #expect(TextFile.read(victim) == "untouched")
    }

    @Test func `A server on the other address family is found`() throws {
        let script = #"""
            use Socket; use Socket qw(inet_pton AF_INET6 pack_sockaddr_in6);
            socket(my $s, AF_INET6, SOCK_STREAM, 0) or die;
            bind($s, pack_sockaddr_in6($ENV{PORT}, inet_pton(AF_INET6, "::1"))) or die "bind: $!";
            listen($s, 8) or die;
            while (1) { accept(my $c, $s) or next; my $l = <$c>;
                print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; }
            """#
        TemporaryFolder.write(script, to: fixture.folder.file("six.pl"))
        let command = "exec perl \(fixture.folder.file("six.pl"))"
        try fixture.register("tcp", port: port, command: command)
        #expect(try fixture.start("tcp", "?timeout=8000").status == 200)
        let other = ServiceFixture.freePort()
        try fixture.register(
            "http", port: other, command: command, more: "\"ready\":\"http://localhost:\(other)/\"")
        #expect(try fixture.start("http", "?timeout=8000").status == 200)
    }
}
