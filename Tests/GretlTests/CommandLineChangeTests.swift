// add, rm, start, stop and restart: what is sent, what is said, and the exit code of every way it
// can go wrong.

import Testing

@testable import Gretl

struct CommandLineChangeTests {
    private func added(_ words: String...) -> (body: String, run: CommandRun) {
        let server = CannedServer([
            "POST /v1/services":
                #"201 {"name":"web","status":"stopped","url":"http://localhost:1"}"#
        ])
        defer { server.stop() }
        let run = CommandRun.gr(["add"] + words, server: server)
        return (server.requests.first?.body ?? "", run)
    }

    @Test func `add sends only what was given`() {
        #expect(added("web", "--port", "3000").body == #"{"name":"web","port":3000}"#)
        #expect(added("web", "--no-port").body == #"{"name":"web","port":null}"#)
        let all = added(
            "web", "-p3000", "--cmd", "npm run \"dev\"", "--cwd", "app", "--group=@jobs",
            "--ready", "http://localhost:3000/", "-e", "A=1", "--env", "B=x=y", "-eA=2",
            "--restart", "always", "--depends-on", "db", "--depends-on", "cache")
        #expect(
            all.body == #"{"name":"web","port":3000,"cmd":"npm run \"dev\"","#
                + #""cwd":"/srv/here/app","group":"@jobs","ready":"http://localhost:3000/","#
                + #""env":{"B":"x=y","A":"2"},"restart":"always","dependsOn":["db","cache"]}"#)
        #expect(all.run.output == "web added, http://localhost:1\n" && all.run.code == 0)
    }

    @Test func `words behind two dashes become a quoted command that runs here`() {
        let sent = added("web", "--port", "1", "--", "sh", "-c", "echo 'a b' $HOME", "", "x=1")
        #expect(
            sent.body == #"{"name":"web","port":1,"#
                + #""cmd":"sh -c 'echo '\\''a b'\\'' $HOME' '' 'x=1'","cwd":"/srv/here"}"#)
    }

    @Test func `every request says who asks and carries the token`() {
        let server = CannedServer(["POST /v1/services": #"201 {"name":"a","status":"stopped"}"#])
        defer { server.stop() }
        _ = CommandRun.gr(
            ["add", "a", "--port", "1"], server: server, environment: ["GR_AUTH_TOKEN": "s3cret"])
        #expect(
            server.requests.first?.headers == [
                "Host: 127.0.0.1:\(server.port)", "Connection: close", "User-Agent: gr/0.1.0",
                "Accept: application/json", "X-Gretl: 1", "Authorization: Bearer s3cret",
                "Content-Type: application/json", "Content-Length: 21",
            ])
        let broken = CommandRun.gr(
            ["rm", "a"], server: server, environment: ["GR_AUTH_TOKEN": "a\r\nX: y"])
        #expect(broken.code == 1 && broken.errors.hasPrefix("gr: the token holds a byte"))
    }

    @Test func `the token of clusters is sent with their routes only`() {
        let server = CannedServer([
            "GET /k8s/clusters": "200 []", "GET /v1/services": #"200 {"services":[]}"#,
        ])
        defer { server.stop() }
        let environment = ["GR_TOKEN": "s3cret-k8s"]
        _ = CommandRun.gr(["ls"], server: server, environment: environment)
        let list = CommandRun.gr(["k8s", "clusters"], server: server, environment: environment)
        #expect(list.code == 0, "\(list.errors)")
        _ = CommandRun.gr(
            ["k8s", "clusters"], server: server,
            environment: environment.merging(["GR_AUTH_TOKEN": "s3cret"]) { $1 })
        let sent = server.requests.map { request in
            request.headers.first { $0.hasPrefix("Authorization") }
        }
        #expect(
            sent == [nil, "Authorization: Bearer s3cret-k8s", "Authorization: Bearer s3cret"])
    }

    @Test func `a body that cannot be meant is refused before it is sent`() {
        for words in [
            ["web", "--port", "0"], ["web", "--port", "65536"], ["web", "--port", "8o"],
            ["web", "--port", "1", "--no-port"], ["web", "--group", "jobs"],
            ["web", "--env", "=x"], ["web", "--env", "x"], ["web", "--restart", "alway"],
            ["web", "--cmd", "a", "--", "b"], ["web", "--"], ["web", "x"], [], [""],
            ["web", "--port"], ["web", "--port", "1", "-p", "2"],
        ] {
            let run = CommandRun.gr(["add"] + words)
            #expect(run.code == 2, "\(words): \(run)")
            #expect(run.errors.hasPrefix("gr: ") && run.output == "")
        }
    }

    private static let changes = [
        "POST /v1/services/web/start": #"200 {"name":"web","status":"running","pid":7}"#,
        "POST /v1/services/web/stop":
            #"200 {"name":"web","status":"stopped","exitCode":0,"signal":null,"forced":false}"#,
        "POST /v1/services/db/start": #"200 {"name":"db","status":"running","pid":8}"#,
        "POST /v1/services/db/stop":
            #"200 {"name":"db","status":"stopped","exitCode":null,"signal":"SIGKILL","forced":true}"#,
        "POST /v1/services/idle/stop":
            #"409 {"code":"not_running","message":"idle does not run","hint":null}"#,
        "POST /v1/services/idle/start": #"200 {"name":"idle","status":"running","pid":9}"#,
        "POST /v1/services/web/restart": #"200 {"name":"web","status":"running","pid":7}"#,
        "POST /v1/services/idle/restart": #"200 {"name":"idle","status":"running","pid":9}"#,
        "DELETE /v1/services/web": #"200 {"ok":true,"name":"web"}"#,
        "GET /v1/services":
            #"200 {"services":[{"name":"web","status":"running"},{"name":"db","status":"x"}]}"#,
    ]

    private func gr(_ words: String...) -> (run: CommandRun, lines: [String]) {
        let server = CannedServer(Self.changes)
        defer { server.stop() }
        let run = CommandRun.gr(words, server: server)
        return (run, server.requests.map { String($0.line.dropLast(9)) })
    }

    @Test func `start, stop, restart and rm are one call a name`() {
        let start = gr("start", "web", "db", "--timeout", "1500ms")
        #expect(start.run.output == "web running, pid 7\ndb running, pid 8\n")
        #expect(
            start.lines == [
                "POST /v1/services/web/start?timeout=1500",
                "POST /v1/services/db/start?timeout=1500",
            ])
        let stop = gr("stop", "-g", "2m", "web", "db")
        #expect(
            stop.run.output
                == "web stopped, exit code 0\ndb stopped, killed after the grace period\n")
        #expect(stop.lines.first == "POST /v1/services/web/stop?grace=120000")
        let restart = gr("restart", "web", "idle")
        #expect(restart.run.output == "web running, pid 7\nidle running, pid 9\n")
        #expect(
            restart.lines == ["POST /v1/services/web/restart", "POST /v1/services/idle/restart"])
        let quick = gr("restart", "web", "--grace", "1s", "--timeout", "2s")
        #expect(quick.lines == ["POST /v1/services/web/restart?grace=1000&timeout=2000"])
        let removed = gr("rm", "web")
        #expect(removed.run.output == "web removed\n")
        #expect(removed.lines == ["DELETE /v1/services/web"])
        #expect(gr("rm", "-q", "web").run.output == "")
    }

    @Test func `--json prints one body a line`() {
        let run = gr("start", "web", "db", "--json").run
        #expect(
            run.output == #"{"name":"web","status":"running","pid":7}"# + "\n"
                + #"{"name":"db","status":"running","pid":8}"# + "\n")
    }

    @Test func `an unknown name gets the nearest known one`() {
        let run = gr("start", "wbe").run
        #expect(run.code == 4)
        #expect(run.errors == "gr: no service is called so\nhint: did you mean 'web'?\n")
        let far = gr("start", "nothing-alike").run
        #expect(far.errors == "gr: no service is called so\nhint: see gr ls\n")
    }

    @Test func `several names with different ends are a partial failure`() {
        let run = gr("start", "web", "none", "db").run
        #expect(run.code == 8)
        #expect(run.output == "web running, pid 7\ndb running, pid 8\n")
        #expect(gr("start", "none", "nil").run.code == 4)
        #expect(gr("stop", "none", "idle").run.code == 1)
    }

    @Test(arguments: [
        (400, "invalid_spec", ExitCode.failure), (401, "unauthorized", .notAllowed),
        (403, "forbidden_host", .notAllowed), (404, "unknown_service", .unknownService),
        (409, "port_in_use", .conflict), (409, "already_running", .conflict),
        (409, "name_taken", .conflict), (502, "ready_timeout", .notReady),
        (503, "daemon_busy", .failure), (500, "internal", .failure),
    ])
    func `every error of the API has its exit code`(status: Int, code: String, exit: ExitCode) {
        let envelope = #"{"code":"\#(code)","message":"no \u001b[2J\u202e","hint":"do this"}"#
        let server = CannedServer(["POST /v1/services/web/start": "\(status) \(envelope)"])
        defer { server.stop() }
        let run = CommandRun.gr(["start", "web"], server: server)
        #expect(run.code == exit.rawValue)
        #expect(run.output == "")
        // Of a token the daemon speaks as of a field of HTTP.
        let hint = code == "unauthorized" ? "GR_AUTH_TOKEN" : "do this"
        let lines = run.errors.split(separator: "\n")
        #expect(lines.count == 2 && lines[0] == "gr: no \\x1b[2J\\u{202e}", "\(run.errors)")
        #expect(lines.last?.hasPrefix("hint: ") == true && lines.last?.contains(hint) == true)
        let json = CommandRun.gr(["start", "web", "--json"], server: server)
        #expect(json.code == exit.rawValue && json.errors == "")
        let isOwn = code == "unauthorized"
        #expect(isOwn ? json.output.contains(hint) : json.output == envelope + "\n", "\(json)")
    }

    @Test func `without a daemon the exit code is 3`() {
        let run = CommandRun.gr(["start", "a", "b"], environment: ["GRETL_DAEMON": "127.0.0.1:1"])
        #expect(run.code == 3)
        #expect(
            run.errors == "gr: no daemon answers at http://127.0.0.1:1: Connection refused\n"
                + "hint: is the address right? your own daemon is found without --address and "
                + "GRETL_DAEMON\n")
        let json = CommandRun.gr(["ls", "--json"], environment: ["GRETL_DAEMON": "127.0.0.1:1"])
        #expect(json.code == 3 && json.errors == "")
        #expect(json.output.hasPrefix(#"{"code":"daemon_unreachable","message":"no daemon"#))
    }

    @Test func `what is no daemon is said to be none`() {
        let server = CannedServer([
            "GET /v1/services": "HTTP/2 rubbish\r\n\r\n", "GET /health": "",
            "GET /v1/services/page": "200 <html>", "GET /v1/services/down": "502 <html>",
            "GET /v1/services/big": "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
        ])
        defer { server.stop() }
        #expect(CommandRun.gr(["ls"], server: server).code == 3)
        #expect(CommandRun.gr(["health"], server: server).code == 3)
        let page = CommandRun.gr(["status", "page"], server: server)
        #expect(page.code == 1 && page.errors.contains("is not what this gr knows"))
        let down = CommandRun.gr(["status", "down"], server: server)
        #expect(down.code == 1 && down.errors.contains("answered with status 502"))
        let big = CommandRun.gr(["status", "big"], server: server)
        #expect(big.code == 1 && big.errors.contains("too large"))
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "9\r\n{\"status\"\r\nC;x=y\r\n:\"running\"} \r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n{\"status\":\"running\"}",
        "HTTP/1.0 200 OK\r\n\r\n{\"status\":\"running\"}",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n"
            + "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"status\":\"running\"}rest",
    ])
    func `an answer is read however it is framed`(answer: String) {
        let server = CannedServer(["POST /v1/services/web/start": answer])
        defer { server.stop() }
        let run = CommandRun.gr(["start", "web", "--json"], server: server)
        #expect(run.output == "{\"status\":\"running\"}\n" && run.code == 0)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 100 Continue\r\n\r\n", "\r\n", "rubbish",
    ])
    func `half an answer is none`(answer: String) {
        let server = CannedServer([
            "POST /v1/services/web/start": answer.hasPrefix("HTTP/")
                ? answer : "HTTP/" + answer
        ])
        defer { server.stop() }
        let run = CommandRun.gr(["start", "web"], server: server)
        #expect(run.code == 3 && run.output == "" && run.errors.contains("\nhint: "))
    }
}
