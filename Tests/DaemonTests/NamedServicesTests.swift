// Many services by name in one request, whose a name is, and what a registration would change: the
// routes that `gr up` and `gr down` are made of.

import CEpoll
import Glibc
import TestSupport
import Testing

struct NamedServicesTests {
    private func names(_ names: String...) -> String {
        "{\"names\":[\(names.map { "\"\($0)\"" }.joined(separator: ","))]}"
    }

    private func outcomes(_ answer: WireAnswer) -> [String] {
        let results =
            answer.status == 200 ? answer.json["results"] : answer.json["details"]["results"]
        return results.items.map {
            "\($0["name"].text ?? "?") \($0["outcome"].text ?? "?")"
        }
    }

    @Test func `named services start in the order of their dependencies, and stop in reverse`()
        throws
    {
        let fixture = try ServiceFixture()
        let daemon = fixture.daemon
        try fixture.register("db", command: "echo db >> order; exec sleep 60", more: cwd(fixture))
        try fixture.register(
            "api", command: "echo api >> order; exec sleep 60",
            more: cwd(fixture) + ",\"dependsOn\":[\"db\"]")
        try fixture.register(
            "web", command: "echo web >> order; exec sleep 60",
            more: cwd(fixture) + ",\"dependsOn\":[\"api\"]")
        try fixture.register("other", command: "exec sleep 60")
        let plan = try daemon.ask("POST", "/v1/start?plan=1", names("web"))
        #expect(plan.json["plan"].items.map { $0["name"].text } == ["db", "api", "web"])
        #expect(try fixture.service("db")["status"] == .string("stopped"))
        // Without what it depends on.
        let alone = try daemon.ask("POST", "/v1/start?plan=1&deps=0", names("web", "db"))
        #expect(alone.json["plan"].items.count == 2)

        let start = try daemon.ask("POST", "/v1/start", names("web", "db", "web"))
        #expect(start.status == 200, "\(start.text)")
        #expect(outcomes(start) == ["db started", "api started", "web started"])
        #expect(
            eventually { TextFile.read(fixture.folder.file("order")) == "db\napi\nweb\n" })
        #expect(try fixture.service("other")["status"] == .string("stopped"))
        let again = try daemon.ask("POST", "/v1/start", names("db", "web"))
        #expect(outcomes(again) == ["db running", "web running"])

        let stop = try daemon.ask("POST", "/v1/stop", names("db", "web"))
        #expect(stop.status == 200 && outcomes(stop) == ["web stopped", "db stopped"])
        #expect(stop.text.contains("'api' still runs and depends on 'db'"))
        #expect(try fixture.service("api")["status"] == .string("running"))
    }

    private func cwd(_ fixture: ServiceFixture) -> String { "\"cwd\":\"\(fixture.folder.path)\"" }

    @Test func `what fails is told with its reason, what needs it is skipped, the rest goes on`()
        throws
    {
        let fixture = try ServiceFixture()
        try fixture.register("bad", command: "exit 3", more: "\"restart\":\"never\"")
        // Ready means ended here: without a port only the spawn is waited for.
        let port = ServiceFixture.freePort()
        try fixture.register(
            "late", port: port, command: "exit 3", more: "\"restart\":\"never\"")
        try fixture.register("needs", command: "exec sleep 60", more: "\"dependsOn\":[\"late\"]")
        try fixture.register("good", command: "exec sleep 60")
        let answer = try fixture.daemon.ask("POST", "/v1/start", names("needs", "late", "good"))
        #expect(answer.status == 502 && answer.json["code"] == .string("group_failed"))
        #expect(
            Set(outcomes(answer)) == ["late failed", "needs skipped", "good started"],
            "\(answer.text)")
        #expect(answer.text.contains("exit code 3"))
    }

    @Test func `a service that somebody else runs is waited for only when that is asked for`()
        throws
    {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        let body = "{\"name\":\"docker\",\"port\":\(port)}"
        _ = try fixture.daemon.ask("POST", "/v1/services", body)
        try fixture.register("web", command: "exec sleep 60", more: "\"dependsOn\":[\"docker\"]")
        let atOnce = try fixture.daemon.ask("POST", "/v1/start", names("web"))
        #expect(atOnce.status == 502, "\(atOnce.text)")
        let late = try fixture.daemon.ask("POST", "/v1/start?wait=1&timeout=300", names("web"))
        #expect(late.text.contains("nobody listens on port \(port)"), "\(late.text)")
        #expect(late.text.contains("ready_timeout") && outcomes(late).contains("web skipped"))
        // It comes up while it is waited for.
        var words = ["sh", "-c", "sleep 0.5; exec env PORT=\(port) perl \"$0\""]
        words.append(fixture.folder.file("server.pl"))
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let other = try DaemonProcess.spawn(
            "/bin/sh", words, ["PATH=/usr/local/bin:/usr/bin:/bin"], [null, null, null])
        defer { end(other) }
        close(null)
        let answer = try fixture.daemon.ask("POST", "/v1/start?wait=1&timeout=20000", names("web"))
        #expect(answer.status == 200, "\(answer.text)")
        #expect(outcomes(answer) == ["web started"])
        #expect(try fixture.service("docker")["status"] == .string("running"))
    }

    private func end(_ process: (pid: Int32, pidfd: Int32)) {
        _ = cepoll_pidfd_signal(process.pidfd, SIGKILL)
        _ = waitpid(process.pid, nil, 0)
        close(process.pidfd)
    }

    @Test(arguments: [
        ("{}", 400), ("{\"names\":[]}", 400), ("{\"names\":\"web\"}", 400),
        ("{\"names\":[1]}", 400), ("{\"names\":[\"nobody\"]}", 404), ("[]", 400),
    ])
    func `a body without names of services is refused`(body: String, status: Int) throws {
        let fixture = try ServiceFixture()
        for path in ["/v1/start", "/v1/stop"] {
            #expect(try fixture.daemon.ask("POST", path, body).status == status)
        }
    }

    @Test(arguments: ["\"@data\"", "[1]", "{}", "null"])
    func `serial groups that are no list of names are refused`(serial: String) throws {
        let fixture = try ServiceFixture()
        let body = "{\"names\":[\"nobody\"],\"serial\":\(serial)}"
        let answer = try fixture.daemon.ask("POST", "/v1/start", body)
        #expect(answer.status == 400 && answer.message.contains("'serial'"))
    }

    // MARK: Whose a name is

    @Test func `a name belongs to the folder that registered it, over restarts`() throws {
        let fixture = try ServiceFixture()
        let daemon = fixture.daemon
        func register(_ name: String, _ root: String) throws -> WireAnswer {
            try daemon.ask(
                "POST", "/v1/services", "{\"name\":\"\(name)\",\"port\":null,\"root\":\(root)}")
        }
        let first = try register("web", "\"/srv/a\"")
        #expect(first.status == 201 && first.json["root"] == .string("/srv/a"))
        #expect(try register("web", "\"/srv/a\"").status == 201)
        try daemon.restart()
        let taken = try register("web", "\"/srv/b\"")
        #expect(taken.status == 409 && taken.json["code"] == .string("name_taken"))
        #expect(taken.text.contains("/srv/a") && taken.text.contains("/srv/b"))
        #expect(taken.text.contains("prefix"))
        #expect(try fixture.service("web")["root"] == .string("/srv/a"))
        // By hand it can be changed, and given away.
        let byHand = try daemon.ask(
            "POST", "/v1/services", "{\"name\":\"web\",\"cmd\":\"sleep 9\"}")
        #expect(byHand.status == 201 && byHand.json["root"] == .string("/srv/a"))
        #expect(try register("web", "null").json["root"] == .null)
        // What was registered by hand is nobody's to take.
        let hand = try register("web", "\"/srv/b\"")
        #expect(hand.status == 409 && hand.text.contains("registered by hand"))
        #expect(try register("web2", "\"srv\"").status == 400)
    }

    @Test func `a log of a service from a gr.toml stays below its folder, wherever it runs`() throws
    {
        let fixture = try ServiceFixture()
        _ = unsafe mkdir(fixture.folder.file("repo"), 0o700)
        func register(_ log: String) throws -> WireAnswer {
            try fixture.daemon.ask(
                "POST", "/v1/services",
                "{\"name\":\"web\",\"port\":null,\"cmd\":\"x\",\"cwd\":\"/\","
                    + "\"root\":\"\(fixture.folder.file("repo"))\",\"logFile\":\"\(log)\"}")
        }
        #expect(try register(fixture.folder.file("repo/web.log")).status == 201)
        #expect(try register(fixture.folder.file("web.log")).status == 400)
        _ = unsafe symlink(fixture.folder.path, fixture.folder.file("repo/out"))
        let out = try register(fixture.folder.file("repo/out/web.log"))
        #expect(out.status == 400 && out.text.contains("outside"), "\(out.text)")
    }

    // MARK: What would change

    @Test func `a planned registration says what it would change and changes nothing`() throws {
        let fixture = try ServiceFixture()
        let daemon = fixture.daemon
        func plan(_ more: String) throws -> WireAnswer {
            try daemon.ask(
                "POST", "/v1/services?plan=1", "{\"name\":\"web\",\"port\":null\(more)}")
        }
        let new = try plan(",\"cmd\":\"sleep 60\"")
        #expect(new.status == 200 && new.json["action"] == .string("create"), "\(new.text)")
        #expect(try daemon.ask("GET", "/v1/services/web").status == 404)
        try fixture.register("web", command: "exec sleep 60", env: ["A": "s3cret"])
        #expect(try plan("").json["action"] == .string("keep"))
        #expect(try plan(",\"env\":{\"A\":\"s3cret\"}").json["action"] == .string("keep"))
        let changed = try plan(",\"env\":{\"A\":\"other\"},\"cmd\":\"x\",\"root\":null")
        #expect(changed.json["action"] == .string("update"))
        #expect(changed.json["changes"] == .array([.string("cmd"), .string("env")]))
        #expect(!changed.text.contains("s3cret") && !changed.text.contains("other"))
        #expect(try plan(",\"root\":\"/srv/a\"").status == 409)
        #expect(try plan(",\"restart\":\"x\"").status == 400)
        #expect(try fixture.service("web")["cmd"] == .string("exec sleep 60"))
    }
}
