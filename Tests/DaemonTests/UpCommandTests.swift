// gr up and gr down beside the straight way: plans, parts of a project, variables, what fails and
// with which exit code.

import Glibc
import TestSupport
import Testing

struct UpCommandTests {
    private let two = """
        [service.db]
        port = false
        cmd = "exec sleep 600"
        group = "@data"
        [service.web]
        port = false
        cmd = "exec sleep 600"
        depends_on = ["db"]
        [service.other]
        port = false
        cmd = "exec sleep 600"

        """

    @Test func `a plan says what would be done and does nothing`() throws {
        let fixture = try UpFixture()
        let port = ServiceFixture.freePort()
        fixture.write(two + "[service.docker]\nport = \(port)\n")
        let plan = try fixture.gr("up", "--plan")
        #expect(plan.exit == 0 && plan.errors == "", "\(plan.errors)")
        #expect(plan.output.contains("asks before it runs: db (new), other (new), web (new)"))
        #expect(plan.output.contains("nobody listens on its port"))
        #expect(try fixture.registered() == [])
        let holder = Holder("127.0.0.1", port: port)
        try #require(holder.isListening)
        fixture.write(two + "[service.api]\nport = \(port)\ncmd = \"x\"\n")
        let json = try fixture.gr("up", "--plan", "--json", "api")
        #expect(json.output.contains("\"name\":\"api\",\"change\":\"create\""), "\(json.output)")
        #expect(json.output.contains("\"action\":\"conflict\",\"reason\":\"port \(port) is held"))
    }

    @Test func `names and groups bring up what they need, or only themselves`() throws {
        let fixture = try UpFixture()
        fixture.write(two)
        #expect(try fixture.gr("up", "--yes", "@data").exit == 0)
        #expect(try fixture.registered() == ["db"])
        #expect(try fixture.gr("down").exit == 0)
        let alone = try fixture.gr("up", "--yes", "--no-deps", "web")
        #expect(alone.exit == 0, "\(alone.errors)")
        #expect(try fixture.status("db") == "stopped" && fixture.status("web") == "running")
        #expect(try fixture.gr("up", "web").exit == 0)
        #expect(try fixture.status("db") == "running")
        #expect(try fixture.registered() == ["db", "web"])
        let unknown = try fixture.gr("up", "wbe")
        #expect(unknown.exit == 4 && unknown.errors.contains("did you mean 'web'?"))
        #expect(try fixture.gr("up", "@nobody").exit == 4)
    }

    @Test func `services get their variables, and nobody else sees the values`() throws {
        let fixture = try UpFixture(environment: ["DAEMON_SECRET=s3cret-daemon"])
        let port = ServiceFixture.freePort()
        TemporaryFolder.write(
            "FROM_FILE='s3cret one'\nBOTH=file\n", to: fixture.folder.file("repo/.env"))
        func write(_ env: String) {
            fixture.write(
                "[service.w]\nport = \(port)\ngroup = \"@g\"\nenv = { \(env) }\ncmd = '''"
                    + "env > seen; \(fixture.server("w"))'''\n")
        }
        write("OWN = \"s3cret two\", BOTH = \"own\", NUMBER = 7")
        let up = try fixture.gr("up", "--yes", "--json")
        #expect(up.exit == 0, "\(up.output)")
        let seen = Set(fixture.lines("repo/seen"))
        for line in [
            "FROM_FILE=s3cret one", "OWN=s3cret two", "BOTH=own", "NUMBER=7", "PORT=\(port)",
            "GRETL_NAME=w", "GRETL_GROUP=@g",
            "GRETL_DAEMON=http://127.0.0.1:\(fixture.daemon.port)",
        ] { #expect(seen.contains(line), "\(line)") }
        #expect(!seen.contains { $0.contains("s3cret-daemon") })
        let told = [
            up.output, up.errors, try fixture.gr("up", "--plan", "--json").output,
            try fixture.gr("config", "check", "--json").output,
            try fixture.daemon.ask("GET", "/v1/services").text, fixture.daemon.standardError,
            TextFile.read(fixture.daemon.file("allowed")) ?? "s3cret",
        ]
        #expect(told.allSatisfy { !$0.contains("s3cret") })
        // What the file does not say any more is gone.
        write("NUMBER = 8")
        TemporaryFolder.write("", to: fixture.folder.file("repo/.env"))
        #expect(try fixture.gr("up", "--yes").exit == 0)
        let names = try fixture.services.service("w")["env"].items
        #expect(names == [.string("NUMBER")])
    }

    @Test func `what cannot run together is refused before anything is registered`() throws {
        let fixture = try UpFixture()
        let port = ServiceFixture.freePort()
        TemporaryFolder.write("PORT=1\n", to: fixture.folder.file("repo/.env"))
        fixture.write(
            """
            [service.web]
            port = \(port)
            cmd = '''\(fixture.server("web"))'''
            [service.debug]
            port = \(port)
            cmd = '''\(fixture.server("debug"))'''
            [service.lost]
            port = false
            cmd = "true"
            cwd = "gone"
            """)
        for words in [["up", "--yes"], ["up", "--plan"]] {
            let all = try fixture.gr(words)
            #expect(all.exit == 1 && all.output == "", "\(all.output)")
            #expect(all.errors.hasPrefix("gr: gr.toml has 2 mistakes\n"), "\(all.errors)")
            #expect(
                all.errors.contains("gr.toml:4:1: service.debug.port: web has port \(port), too"))
            #expect(all.errors.contains("gr.toml:10:1: service.lost.cwd: there is no folder"))
        }
        #expect(try fixture.registered() == [])
        let two = try fixture.gr("up", "--yes", "web", "debug")
        #expect(two.exit == 1 && two.errors.contains("or name those to start: gr up NAME"))
        // One of them is fine, and its port is not that of the env_file.
        let one = try fixture.gr("up", "--yes", "web")
        #expect(one.exit == 0, "\(one.errors)")
        #expect(one.errors.contains(".env:1: PORT is left out"), "\(one.errors)")
        #expect(try fixture.status("web") == "running")
    }

    @Test func `the exit code says how it ended`() throws {
        let fixture = try UpFixture()
        let late = ServiceFixture.freePort()
        let held = Holder("127.0.0.1")
        fixture.write(
            """
            [service.good]
            port = false
            cmd = "exec sleep 600"
            [service.late]
            port = \(late)
            cmd = "exec sleep 600"
            [service.after]
            port = false
            cmd = "exec sleep 600"
            depends_on = ["late"]
            [service.held]
            port = \(held.port)
            cmd = "exec sleep 600"
            """)
        let notReady = try fixture.gr("up", "--yes", "-t", "300ms", "after")
        #expect(notReady.exit == 6, "\(notReady.errors)")
        #expect(notReady.output.contains("not started"))
        #expect(notReady.errors.contains("gr logs late"))
        #expect(try fixture.gr("up", "--yes", "held").exit == 5)
        let partial = try fixture.gr("up", "--yes", "-t", "300ms")
        #expect(partial.exit == 8, "\(partial.errors)")
        #expect(try fixture.status("good") == "running")
        let detached = try fixture.gr("up", "-d", "late")
        #expect(detached.exit == 0, "\(detached.errors)")
        #expect(try fixture.gr("up", "-d", "--wait").exit == 2)
        #expect(try fixture.gr("up", "--timeout", "soon").exit == 2)
    }

    @Test func `of a program that ends too early its last words are shown, and none from before`()
        throws
    {
        let fixture = try UpFixture()
        let port = ServiceFixture.freePort()
        func write(_ command: String) {
            fixture.write(
                "[service.w]\nport = \(port)\nrestart = \"never\"\ncmd = '''\(command)'''\n")
        }
        write(#"printf 'one\ntwo\n\033[31mno \033[2Jmodule\033[0m\nfour\n' >&2; exit 3"#)
        let run = try fixture.gr("up", "--yes")
        #expect(run.exit == 6)
        #expect(
            run.errors == """
                gr: 'w' ended before it was ready: exit code 3; its output: gr logs w
                  two
                  no \\x1b[2Jmodule
                  four

                """)
        // Lines are asked for from the second on in which it began.
        let later = time(nil) + 1
        #expect(eventually { time(nil) > later })
        write("exit 4")
        let again = try fixture.gr("up", "--yes")
        #expect(
            again.errors
                == "gr: 'w' ended before it was ready: exit code 4; its output: gr logs w\n")
    }

    @Test func `what ends as soon as it was started is no success`() throws {
        let fixture = try UpFixture()
        fixture.write(
            "[service.bad]\nport = false\ncmd = \"echo oh no; exit 3\"\nrestart = \"never\"\n"
                + "[service.job]\nport = false\ncmd = \"exit 0\"\n"
                + "[service.good]\nport = false\ncmd = \"exec sleep 600\"\n")
        let run = try fixture.gr("up", "--yes")
        #expect(run.exit == 8, "\(run.output)")
        let bad = run.output.split(separator: "\n").first { $0.hasPrefix("bad") }
        #expect(bad?.hasSuffix("failed") == true, "\(run.output)")
        #expect(run.errors.contains("gr: 'bad' ended"), "\(run.errors)")
        #expect(run.errors.contains("gr logs bad") && run.errors.contains("oh no"))
        #expect(try fixture.status("good") == "running")
        // A job that is done is none that failed.
        #expect(try fixture.status("job") == "stopped")
        #expect(!run.errors.contains("job"), "\(run.errors)")
    }

    @Test func `what is left over from an older file is named, and down stops it all the same`()
        throws
    {
        let fixture = try UpFixture()
        fixture.write(two)
        #expect(try fixture.gr("up", "--yes").exit == 0)
        fixture.write("[service.db]\nport = false\ncmd = \"exec sleep 600\"\ngroup = \"@data\"\n")
        let up = try fixture.gr("up")
        #expect(up.exit == 0 && up.errors.contains("gr rm other web"), "\(up.errors)")
        fixture.write("this is no TOML")
        #expect(try fixture.gr("up").exit == 1)
        let down = try fixture.gr("down", "--rm")
        #expect(down.exit == 0 && down.output.contains("web removed"), "\(down.errors)")
        #expect(try fixture.registered() == [])
        #expect(try fixture.gr("down").output.contains("nothing is registered from"))
    }

    @Test func `what cannot be registered whole leaves nothing new behind`() throws {
        let fixture = try UpFixture(configuration: "[limits]\nservices = 3\n")
        try fixture.services.register("mine")
        fixture.write(two)
        let run = try fixture.gr("up", "--yes")
        #expect(run.exit == 1 && run.errors.contains("limits.services"), "\(run.errors)")
        #expect(run.errors.contains("gr.toml:"))
        #expect(try fixture.registered() == ["mine"])
        #expect(try fixture.gr("up", "web").exit == 0)
        #expect(try fixture.gr("up").exit == 1)
        // What was there before stays, as it is.
        #expect(try fixture.registered() == ["db", "mine", "web"])
        #expect(try fixture.status("web") == "running")
    }

    @Test func `two worktrees that begin at the same time do not share the names`() throws {
        let fixture = try UpFixture()
        let count = 40
        let text = (0..<count).map {
            "[service.s\($0)]\nport = false\ncmd = \"exec sleep 600\"\n"
        }.joined()
        fixture.write(text, in: "one")
        fixture.write(text, in: "two")
        let runs = try ["one", "two"].map {
            try fixture.daemon.gr(["up", "--yes"], directory: fixture.folder.file($0))
        }
        let exits = runs.map { $0.end(within: 60_000) }
        #expect(exits.allSatisfy { $0 == 0 || $0 == 5 }, "\(runs.map(\.errors))")
        let list = try fixture.daemon.ask("GET", "/v1/services").json["services"].items
        let roots = Set(list.compactMap { $0["root"].text })
        #expect(roots.count <= 1 && list.count == roots.count * count, "\(exits) \(list.count)")
    }

    @Test func `a service that somebody else runs is waited for with --wait`() throws {
        let fixture = try UpFixture()
        let port = ServiceFixture.freePort()
        fixture.write(
            """
            [service.docker]
            port = \(port)
            [service.web]
            port = false
            cmd = "exec sleep 600"
            depends_on = ["docker"]

            """)
        let atOnce = try fixture.gr("up", "--yes")
        #expect(atOnce.exit == 1 && atOnce.errors.contains("to wait for it: gr up --wait"))
        let late = try fixture.gr("up", "--wait", "--timeout", "300ms")
        #expect(late.exit == 6, "\(late.errors)")
        #expect(late.errors.contains("nobody listens on port \(port)"))
        #expect(!late.errors.contains("gr logs"))
        let run = try fixture.daemon.gr(
            ["up", "--wait"], directory: fixture.folder.file("repo"))
        #expect(run.wait(500) { $0.errors.contains("gr:") } == false)
        let docker = Holder("127.0.0.1", port: port)
        #expect(run.end(within: 60_000) == 0, "\(run.errors)")
        #expect(docker.isListening)
        #expect(try fixture.status("web") == "running")
    }
}
