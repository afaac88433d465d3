// gr up and gr down as they look: byte for byte on a pipe, and on a terminal with the question, the
// progress, colours and Ctrl-C. The real gr, the real daemon.

import Glibc
import TestSupport
import Testing

struct UpTerminalTests {
    private func slow(_ fixture: UpFixture, seconds: Int) -> String {
        """
        [service.quick]
        port = false
        cmd = "exec sleep 600"
        [service.slow]
        port = \(ServiceFixture.freePort())
        cmd = '''\(fixture.server("slow"))'''
        env = { DELAY = \(seconds) }
        depends_on = ["quick"]

        """
    }

    // MARK: Pipes

    private func check(
        _ run: ProgramResult, _ exit: Int32, _ output: String, _ errors: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(run.exit == exit, sourceLocation: sourceLocation)
        #expect(run.output == output, sourceLocation: sourceLocation)
        #expect(run.errors == errors, sourceLocation: sourceLocation)
    }

    @Test func `on a pipe it says the same every time, and nothing moves`() throws {
        let fixture = try UpFixture()
        // Always of five digits.
        let docker = Holder("127.0.0.1", port: ServiceFixture.freePort())
        fixture.write(
            """
            [service.cache]
            port = false
            cmd = "exec sleep 600"
            group = "@data"
            [service.db]
            port = \(docker.port)
            group = "@data"
            [service.web]
            port = false
            cmd = "exec sleep 600"
            depends_on = ["db", "cache"]

            """)
        check(
            try fixture.gr("up"), 7, "",
            """
            gr: gr.toml wants to run what was not allowed yet; nothing was done
              cache (new): exec sleep 600
              web (new): exec sleep 600
            hint: look at it, then allow it once with: gr up --yes

            """)
        check(
            try fixture.gr("up", "--plan"), 0,
            """
            NAME   FILE  START  WHY
            cache  new   start  -
            db     new   skip   already up
            web    new   start  -
            asks before it runs: cache (new), web (new)
            nothing was done

            """)
        check(try fixture.gr("up", "--plan", "-q"), 0, "cache\nweb\n")
        check(
            try fixture.gr("up", "--yes"), 0,
            """
            NAME   STATUS    PORT  GROUP  FILE  DONE
            cache  running      -  @data  new   started
            db     running  \(docker.port)  @data  new   was up
            web    running      -  -      new   started

            """)
        check(
            try fixture.gr("up"), 0,
            """
            NAME   STATUS    PORT  GROUP  FILE       DONE
            cache  running      -  @data  unchanged  was up
            db     running  \(docker.port)  @data  unchanged  was up
            web    running      -  -      unchanged  was up

            """)
        check(try fixture.gr("up", "-q"), 0, "cache\ndb\nweb\n")
        check(try fixture.gr("up", "--plan", "-q"), 0, "")
        check(try fixture.gr("start", "--plan", "-q", "web"), 0, "")
        check(
            try fixture.gr("down"), 0,
            "web stopped\ndb left alone: somebody else runs it\ncache stopped\n")
        check(try fixture.gr("start", "--plan", "-q", "cache"), 0, "cache\n")
        check(try fixture.gr("down", "-q"), 0, "")
        check(
            try fixture.gr("down", "--rm"), 0,
            "web removed\ndb removed; somebody else still runs it\ncache removed\n")
        check(
            try fixture.gr("down"), 0,
            "nothing is registered from \(fixture.folder.file("repo"))\n")
    }

    @Test func `under --json stand the bodies of the API`() throws {
        let fixture = try UpFixture()
        fixture.write("[service.w]\nport = false\ncmd = \"exec sleep 600\"\n")
        let refused = try fixture.gr("up", "--json")
        #expect(refused.exit == 7 && refused.errors == "")
        #expect(refused.output.hasPrefix(#"{"code":"consent_needed","message":"#))
        // Who reads no text sees too what would be allowed.
        let asked = JSONValue(Array(refused.output.utf8))?["details"]["asks"][0]
        #expect(asked?["name"] == .string("w") && asked?["why"] == .string("new"))
        #expect(asked?["cmd"] == .string("exec sleep 600"))
        let plan = try fixture.gr("up", "--plan", "--json")
        #expect(JSONValue(Array(plan.output.utf8))?["asks"][0] == asked)
        #expect(try fixture.registered() == [])
        let up = try fixture.gr("up", "--yes", "--json")
        #expect(up.exit == 0 && up.errors == "" && up.output.hasSuffix("}\n"), "\(up.errors)")
        let json = try #require(JSONValue(Array(up.output.utf8)))
        #expect(json["registrations"][0]["action"] == .string("create"))
        #expect(json["results"][0]["name"] == .string("w"))
        #expect(json["results"][0]["outcome"] == .string("started"))
        let service = try fixture.services.service("w")
        #expect(json["results"][0]["pid"] == service["pid"])
        #expect(json["services"][0]["pid"] == service["pid"])
        #expect(json["services"][0]["cmd"] == .string("exec sleep 600"))
        #expect(json["root"] == .string(fixture.folder.file("repo")))
        check(
            try fixture.gr("down", "--json"), 0,
            "{\"results\":[{\"name\":\"w\",\"outcome\":\"stopped\"}]}\n")
    }

    // MARK: Terminals

    @Test func `the question shows what would be run, harmless, and only a yes is one`() throws {
        let fixture = try UpFixture()
        TemporaryFolder.write("TOKEN=s3cret\n", to: fixture.folder.file("repo/.env"))
        fixture.write(
            "[service.w]\nport = false\ncmd = \"touch done \\u001b[2J; exec sleep 600\"\n"
                + "cwd = \"/\"\nenv = { A = \"s3cret\", LD_PRELOAD = \"/e\\u001bvil.so\" }\n")
        let question =
            "gr.toml wants to run what you have not allowed yet:\r\n"
            + "  w (new): touch done \\x1b[2J; exec sleep 600  [in /]"
            + "  [with LD_PRELOAD=/e\\x1bvil.so, A]\r\n"
            + "  with TOKEN from \(fixture.folder.file("repo/.env"))\r\n"
            + "Run it? [y/N] "
        for answer in ["", "n", "N", "yup", "\u{1B}[A"] {
            let run = try fixture.grOnTerminal("up", columns: 200)
            #expect(run.sees(question), "\(run.output)")
            run.type(answer + "\r")
            #expect(run.end() == 7, "\(answer)")
            #expect(run.output.contains("nothing was done") && !run.output.contains("s3cret"))
        }
        // The end of the input, and Ctrl-C.
        let left = try fixture.grOnTerminal("up")
        #expect(left.sees("[y/N] "))
        left.type("\u{04}")
        #expect(left.end() == 7)
        let interrupted = try fixture.grOnTerminal("up")
        #expect(interrupted.sees("[y/N] "))
        interrupted.type("\u{03}")
        #expect([-SIGINT, 128 + SIGINT].contains(interrupted.end() ?? 0))
        // The shell's prompt begins a line.
        #expect(interrupted.output.hasSuffix("[y/N] ^C\r\n"), "\(interrupted.output)")
        #expect(try fixture.registered() == [])
        #expect(TextFile.read(fixture.daemon.file("allowed")) == nil)
    }

    @Test func `it tells of each service as it comes up, and takes the last line away`() throws {
        let fixture = try UpFixture()
        fixture.write(slow(fixture, seconds: 2))
        let run = try fixture.grOnTerminal("up", "--yes")
        #expect(run.end(within: 60_000) == 0, "\(run.output)")
        let output = run.output
        #expect(output.contains("quick: \u{1B}[32m● running\u{1B}[0m, "), "\(output)")
        #expect(output.contains("\u{1B}[33m◐ 1/2 up, ") && output.contains("; starting: slow"))
        #expect(output.contains("\r\u{1B}[K\u{1B}[1mNAME"), "\(output)")
    }

    @Test func `without colours and Unicode it still tells how far it is`() throws {
        let fixture = try UpFixture()
        fixture.write(slow(fixture, seconds: 2))
        let run = try fixture.grOnTerminal(
            "up", "--yes", columns: 30, environment: ["NO_COLOR=1", "LC_ALL=C"])
        #expect(run.end(within: 60_000) == 0, "\(run.output)")
        #expect(run.output.contains("quick: * running, "), "\(run.output)")
        #expect(run.output.contains("+ 1/2 up, ") && !run.output.contains("\u{1B}[3"))
        // No wider than the terminal: what was wrapped could not be taken away.
        let marks = run.output.components(of: "\u{1B}[K").filter { $0.hasPrefix("+ ") }
        #expect(!marks.isEmpty && marks.allSatisfy { $0.utf8.count <= 30 }, "\(marks)")
    }

    @Test func `Ctrl-C ends the waiting, says what goes on, and leaves it in order`() throws {
        let fixture = try UpFixture()
        fixture.write(slow(fixture, seconds: 5))
        let run = try fixture.grOnTerminal("up", "--yes")
        #expect(run.sees("starting: slow"), "\(run.output)")
        run.type("\u{03}")
        #expect([-SIGINT, 128 + SIGINT].contains(run.end() ?? 0))
        #expect(
            run.output.hasSuffix(
                "\r\u{1B}[Kgr: no longer waiting; the daemon goes on with slow\r\n"
                    + "\u{1B}[1mhint:\u{1B}[0m gr ls shows how far it is, gr down stops it\r\n"),
            "\(run.output)")
        // What was begun goes on, and the next one joins it.
        #expect(try fixture.status("quick") == "running")
        let next = try fixture.gr("up")
        #expect(next.exit == 0, "\(next.errors)")
        #expect(try fixture.status("slow") == "running")
        #expect(fixture.lines("repo/order") == ["slow"])
        #expect(try fixture.gr("down").exit == 0)
    }

    @Test func `gr down tells of each service as it stops, and Ctrl-C does not keep it up`() throws
    {
        let fixture = try UpFixture()
        fixture.write(
            """
            [service.slow]
            port = false
            cmd = "trap 'sleep 2; exit 0' TERM; touch trapped; sleep 600 & wait"
            [service.web]
            port = false
            cmd = "exec sleep 600"
            depends_on = ["slow"]

            """)
        func up() throws {
            _ = unsafe unlink(fixture.folder.file("repo/trapped"))
            #expect(try fixture.gr("up", "--yes").exit == 0)
            #expect(eventually { TextFile.read(fixture.folder.file("repo/trapped")) != nil })
        }
        try up()
        let run = try fixture.grOnTerminal("down")
        #expect(run.end(within: 60_000) == 0, "\(run.output)")
        #expect(run.output.contains("web: \u{1B}[2m○ stopped\u{1B}[0m, "), "\(run.output)")
        #expect(run.output.contains("◐ 1/2 stopped, ") && run.output.contains("; stopping: slow"))
        #expect(run.output.hasSuffix("\r\u{1B}[Kweb stopped\r\nslow stopped\r\n"), "\(run.output)")
        try up()
        let interrupted = try fixture.grOnTerminal("down")
        #expect(interrupted.sees("; stopping: slow"), "\(interrupted.output)")
        interrupted.type("\u{03}")
        #expect([-SIGINT, 128 + SIGINT].contains(interrupted.end() ?? 0))
        #expect(interrupted.output.contains("no longer waiting; the daemon goes on with slow\r\n"))
        #expect(try fixture.services.waits("slow", for: "stopped", within: 20_000))
    }
}

extension String {
    /// The parts between the places where `separator` stands.
    fileprivate func components(of separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self[...]
        while let found = rest.firstRange(of: separator) {
            parts.append(rest[..<found.lowerBound])
            rest = rest[found.upperBound...]
        }
        return parts + [rest]
    }
}
