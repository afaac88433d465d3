// gr attach on a real terminal: keys, output, size, detaching, and the terminal as it was before.

import Glibc
import TestSupport
import Testing

struct CommandAttachTests {
    private func fixture() throws -> ServiceFixture {
        let fixture = try ServiceFixture()
        try fixture.register(
            "repl",
            command: #"exec perl -e '$| = 1; $SIG{WINCH} = sub { print `stty size` }; "#
                + #"print "hello\n"; while (<STDIN>) { chomp; print "got $_\n" } exit 5'"#,
            more: "\"tty\":true,\"restart\":\"never\"")
        #expect(try fixture.start("repl").status == 200)
        return fixture
    }

    private func attach(_ fixture: ServiceFixture, _ more: String...) throws -> CommandProcess {
        try fixture.daemon.gr(["attach", "repl"] + more, on: .terminal(rows: 30, columns: 90))
    }

    @Test("who attaches sees and types, detaches, and has the terminal as it was")
    func detaches() throws {
        let fixture = try fixture()
        // A terminal nobody has changed; that of the command may be changed before we look.
        let fresh = try fixture.daemon.gr(["version"], on: .terminal(rows: 30, columns: 90))
        #expect(fresh.end() == 0)
        let before = fresh.terminalModes
        let run = try attach(fixture)
        #expect(run.sees("gr: attached to repl; ctrl-] detaches\r\n") && run.sees("hello\r\n"))
        #expect(run.wait { $0.terminalModes != before })
        run.type("one\r")
        #expect(run.sees("got one\r\n"))
        run.resize(rows: 41, columns: 101)
        #expect(run.sees("41 101\r\n"))
        run.type("\u{1D}")
        #expect(run.sees("gr: detached; gr attach repl comes back\r\n"))
        #expect(run.terminalModes == before)
        #expect(run.end() == 0)
        #expect(try fixture.service("repl")["status"] == .string("running"))
    }

    @Test("other keys detach when they are asked for, and only in their order")
    func keys() throws {
        let fixture = try fixture()
        let run = try attach(fixture, "--detach-keys", "ctrl-p,ctrl-q")
        #expect(run.sees("hello\r\n"))
        run.type("a\u{10}b\r")
        #expect(run.sees("got a\u{10}b\r\n"), "\(run.output)")
        run.type("\u{10}\u{11}")
        #expect(run.end() == 0)
        #expect(try fixture.daemon.gr(["attach", "repl", "--detach-keys", "ctrl-é"]).end() == 2)
    }

    @Test("keys whose beginning comes again detach wherever they begin, and what was typed is sent")
    func repeatedKeys() throws {
        let fixture = try fixture()
        let run = try attach(fixture, "--detach-keys", "x,x,y")
        #expect(run.sees("hello\r\n"))
        run.type("axxzxay\r")
        #expect(run.sees("got axxzxay\r\n"), "\(run.output)")
        run.type("last\rxxxy")
        #expect(run.end() == 0, "\(run.output)")
        #expect(try fixture.service("repl")["status"] == .string("running"))
        let isThere = try eventually {
            try fixture.daemon.ask("GET", "/v1/services/repl/logs").text.contains("got last")
        }
        #expect(isThere)
    }

    @Test("a signal ends it with the terminal as it was, the end of the program ends it with 0")
    func ends() throws {
        let fixture = try fixture()
        // A terminal nobody has changed; that of the command may be changed before we look.
        let fresh = try fixture.daemon.gr(["version"], on: .terminal(rows: 30, columns: 90))
        #expect(fresh.end() == 0)
        let before = fresh.terminalModes
        let run = try attach(fixture)
        #expect(run.sees("hello\r\n") && run.wait { $0.terminalModes != before })
        run.signal(SIGTERM)
        #expect(run.wait { $0.terminalModes == before })
        #expect(run.end() == -SIGTERM)
        let last = try attach(fixture)
        #expect(last.sees("hello\r\n"))
        last.type("\u{4}")
        #expect(last.end() == 0 && last.output.hasSuffix("gr: repl has ended\r\n"))
    }

    @Test("a reader of its output that leaves ends it with the terminal as it was")
    func reader() throws {
        let fixture = try fixture()
        let line =
            "stty -a | cksum; \(BuildProducts.gr) attach repl | head -c 3; echo; stty -a | cksum"
        let run = try CommandProcess(
            ["/bin/sh", "-c", line],
            environment: ["PATH=/usr/bin:/bin", "GR_HOME=\(fixture.daemon.home)"],
            on: .terminal(rows: 30, columns: 90))
        #expect(run.sees("hel"))
        // Its next output is what it notices it by.
        run.type("x\r")
        #expect(run.end() == 0)
        let lines = run.output.split(whereSeparator: \.isNewline)
        #expect(lines.count > 1 && lines.first == lines.last, "\(run.output)")
    }

    @Test("on pipes it types what it reads and shows what comes")
    func pipes() throws {
        let fixture = try fixture()
        let run = try fixture.daemon.gr(["attach", "repl"], input: "two\n\u{4}")
        #expect(run.end() == 0)
        #expect(run.output.contains("got two\r\n") && run.errors == "gr: repl has ended\n")
    }

    @Test("what cannot be attached to says why and what to do")
    func refusals() throws {
        let fixture = try fixture()
        try fixture.register("plain", command: "exec sleep 1000")
        try fixture.start("plain")
        try fixture.register("down", command: "exec cat", more: "\"tty\":true")
        for (name, code) in [("plain", 1), ("down", 5), ("nobody", 4)] as [(String, Int32)] {
            let run = try fixture.daemon.gr(["attach", name])
            #expect(run.end() == code && run.errors.contains("\nhint: "), "\(run.errors)")
        }
    }
}
