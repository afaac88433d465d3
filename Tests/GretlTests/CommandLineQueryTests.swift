// ls, status, url, health and version against prepared answers: the exact text on a terminal, on a
// pipe and under --json.

import Testing

@testable import Gretl

private let web = """
    {"name":"web","port":7401,"group":"@jobs","status":"running","pid":38219,\
    "url":"http://localhost:7401","startedAt":"2026-04-30T11:42:11+02:00","cpu":0.051,\
    "rssMB":142,"cmd":"npm run dev","cwd":"/srv/jobs","ready":"http://localhost:7401/health",\
    "dependsOn":["db","cache"],"restart":"on-failure","env":["NODE_ENV","TZ"],"exitCode":null,\
    "signal":null,"stopReason":null,"lastProbe":"200 after 4 ms",\
    "logFile":"/srv/jobs/web.log"}
    """
private let services = """
    {"services": [
      \(web),
      {"name":"データ","port":null,"group":null,"status":"failed","pid":null,"url":null,
       "startedAt":null,"cpu":null,"rssMB":null,"exitCode":137,"signal":"SIGKILL"},
      {"name":"a\\u001b[31mb","port":80,"group":"@ops","status":"stopped","unknown":[{"x":"]"}]}
    ]}
    """

struct CommandLineQueryTests {
    private func gr(
        _ words: String..., answers: [String: String], environment: [String: String] = [:],
        isTerminal: Bool = false, columns: Int? = nil
    ) -> CommandRun {
        let server = CannedServer(answers)
        defer { server.stop() }
        return CommandRun.gr(
            words, server: server, environment: environment, isTerminal: isTerminal,
            columns: columns)
    }

    private let listing = [
        "GET /v1/services": "200 " + services,
        "GET /v1/services?group=%40jobs": #"200 {"services":[\#(web)]}"#,
        "GET /v1/services?status=failed":
            #"200 {"services": [ {"name":"データ","status":"failed"} ]}"#,
        "GET /v1/services?status=backoff": #"200 {"services":[]}"#,
    ]

    @Test func `a list into a pipe is aligned and plain`() {
        let run = gr("ls", answers: listing)
        #expect(
            run.output == """
                NAME        STATUS   PORT    PID     UP   CPU     RSS  GROUP
                web         running  7401  38219  2h17m  5.1%  142 MB  @jobs
                データ      failed      -      -      -     -       -  -
                a\\x1b[31mb  stopped    80      -      -     -       -  @ops

                """)
        #expect(run.errors == "" && run.code == 0)
    }

    @Test func `a list on a terminal has marks and colours`() {
        let run = gr(
            "ls", "@jobs", answers: listing, environment: ["LANG": "C.UTF-8"], isTerminal: true,
            columns: 100)
        let bold = { (word: String) in "\u{1B}[1m\(word)\u{1B}[0m" }
        let header = ["NAME", "STATUS   ", "PORT", "  PID", "   UP", " CPU", "   RSS", "GROUP"]
        #expect(
            run.output == header.map(bold).joined(separator: "  ")
                + "\nweb   \u{1B}[32m● running\u{1B}[0m  7401  38219  2h17m  5.1%  142 MB  "
                + "\u{1B}[2m@jobs\u{1B}[0m\n")
    }

    @Test func `a narrow terminal loses columns, not lines`() {
        let run = gr("ls", "--no-color", answers: listing, isTerminal: true, columns: 40)
        #expect(
            run.output == """
                NAME        STATUS     PORT  GROUP
                web         * running  7401  @jobs
                データ      x failed      -  -
                a\\x1b[31mb  o stopped    80  @ops

                """)
    }

    @Test(arguments: [
        ([String: String](), true, true), (["NO_COLOR": "1"], true, false),
        (["NO_COLOR": ""], true, true), (["TERM": "dumb"], true, false),
        ([String: String](), false, false), (["CLICOLOR_FORCE": "1"], false, true),
        (["CLICOLOR_FORCE": "0"], false, false),
        (["CLICOLOR_FORCE": "1", "NO_COLOR": "1"], false, false), (["CLICOLOR": "0"], true, false),
    ])
    func `colour follows the terminal and the environment`(
        environment: [String: String], isTerminal: Bool, isColored: Bool
    ) {
        let run = gr("ls", answers: listing, environment: environment, isTerminal: isTerminal)
        #expect(run.output.contains("\u{1B}[") == isColored)
        let always = gr("--color", "always", "ls", answers: listing, environment: environment)
        #expect(always.output.contains("\u{1B}["))
        let never = gr(
            "ls", "--color=never", answers: listing, environment: environment, isTerminal: true)
        #expect(!never.output.contains("\u{1B}"))
    }

    @Test func `a list can be filtered and reduced to names`() {
        #expect(gr("ls", "-q", answers: listing).output == "web\nデータ\na\\x1b[31mb\n")
        #expect(gr("ls", "-qs", "failed", answers: listing).output == "データ\n")
        #expect(gr("ls", "-qs", "backoff", answers: listing).output == "")
        let none = gr("ls", "-sbackoff", answers: listing, isTerminal: true)
        #expect(none.output == "no such services\n")
        #expect(gr("ls", "jobs", answers: listing).code == 2)
    }

    @Test func `--json gives the API's own bytes in one line`() {
        let plain = gr("ls", "--json", answers: listing).output
        #expect(plain == "{\"services\":[" + String(plain.dropFirst(13)))
        #expect(plain.hasSuffix("]}\n") && plain.split(separator: "\n").count == 1)
        #expect(plain.contains(#""cmd":"npm run dev""#))
        let filtered = gr("ls", "--json", "--status=failed", answers: listing).output
        #expect(filtered == #"{"services":[{"name":"データ","status":"failed"}]}"# + "\n")
    }

    @Test func `status shows everything about one service`() {
        let run = gr("status", "web", answers: ["GET /v1/services/web": "200 " + web])
        #expect(
            run.output == """
                name        web
                status      running
                url         http://localhost:7401
                port        7401
                group       @jobs
                pid         38219
                up          2h17m, since 2026-04-30T11:42:11+02:00
                cpu         5.1%
                memory      142 MB
                cmd         npm run dev
                cwd         /srv/jobs
                env         NODE_ENV, TZ
                ready       http://localhost:7401/health
                last probe  200 after 4 ms
                depends on  db, cache
                restart     on-failure
                log file    /srv/jobs/web.log

                """)
        let json = gr("status", "web", "--json", answers: ["GET /v1/services/web": "200 " + web])
        #expect(json.output == web + "\n")
        let quiet = gr("status", "web", "-q", answers: ["GET /v1/services/web": "200 " + web])
        #expect(quiet.output == "running\n")
    }

    @Test func `status names the signal that killed a service once`() {
        let service = """
            200 {"name":"w","status":"stopped","port":null,"cmd":"x","exitCode":139,\
            "signal":"SIGSEGV","stopReason":"killed by SIGSEGV",\
            "endedAt":"2026-04-30T13:57:50+02:00"}
            """
        let run = gr("status", "w", answers: ["GET /v1/services/w": service])
        #expect(run.output.contains("last exit   SIGSEGV, 2m10s ago\n"), "\(run.output)")
    }

    @Test func `the logs of more services than one request takes are to be named`() {
        let many = (0..<300).map { #"{"name":"s\#($0)","status":"running"}"# }
        let list = "200 {\"services\":[\(many.joined(separator: ","))]}"
        for words in [["logs"], ["logs", "-f"]] {
            let server = CannedServer(["GET /v1/services": list])
            defer { server.stop() }
            let run = CommandRun.gr(words, server: server)
            #expect(run.code == 2 && run.errors.hasPrefix("gr: 300 services are more than the "))
            #expect(run.errors.contains("gr logs NAME..., or gr logs @GROUP"), "\(run.errors)")
        }
    }

    @Test func `status without a name shows the daemon and counts`() {
        let answers = [
            "GET /health": #"200 {"status":"ok","version":"0.1.0"}"#,
            "GET /v1/services": "200 " + services,
        ]
        let server = CannedServer(answers)
        defer { server.stop() }
        #expect(
            CommandRun.gr(["status"], server: server).output == """
                daemon      ok
                version     0.1.0
                address     \(server.url)
                services    3 (1 running, 1 stopped, 1 failed)

                """)
        #expect(
            CommandRun.gr(["status", "--json"], server: server).output
                == #"{"status":"ok","version":"0.1.0","address":"\#(server.url)","#
                + #""services":{"total":3,"running":1,"starting":0,"stopping":0,"backoff":0,"#
                + #""armed":0,"stopped":1,"failed":1}}"# + "\n")
    }

    @Test func `url prints the URL and nothing else`() {
        let answers = [
            "GET /v1/resolve/web":
                #"200 {"name":"web","url":"http://localhost:7401","port":7401,"status":"stopped"}"#,
            "GET /v1/resolve/mailer":
                #"200 {"name":"mailer","url":null,"port":null,"status":"running"}"#,
        ]
        #expect(gr("url", "web", answers: answers).output == "http://localhost:7401\n")
        let worker = gr("url", "mailer", answers: answers)
        #expect(worker.code == 1 && worker.output == "")
        let json = gr("url", "mailer", "--json", answers: answers)
        #expect(json.code == 1 && json.output.hasPrefix(#"{"code":"no_url""#), "\(json.output)")
        #expect(
            worker.errors == """
                gr: mailer has no port, so it has no URL
                hint: give it one: gr add mailer --port PORT

                """)
    }

    @Test func `names go into the path encoded`() {
        let server = CannedServer()
        defer { server.stop() }
        for name in ["a/b?c#d%e", "ü b", "..", "a.b-c_d~e"] {
            _ = CommandRun.gr(["url", name, "--json"], server: server)
        }
        #expect(
            server.requests.map(\.line) == [
                "GET /v1/resolve/a%2Fb%3Fc%23d%25e HTTP/1.1",
                "GET /v1/resolve/%C3%BC%20b HTTP/1.1", "GET /v1/resolve/%2E%2E HTTP/1.1",
                "GET /v1/resolve/a.b-c_d~e HTTP/1.1",
            ])
    }

    @Test func `health and version say what answers`() {
        let answers = ["GET /health": #"200 {"status":"ok","version":"0.2.0"}"#]
        let server = CannedServer(answers)
        defer { server.stop() }
        #expect(
            CommandRun.gr(["health"], server: server).output
                == "ok, version 0.2.0 at \(server.url)\n")
        #expect(CommandRun.gr(["health", "-q"], server: server).output == "")
        let version = CommandRun.gr(["version"], server: server)
        #expect(version.output == "gr 0.1.0\ndaemon 0.2.0 at \(server.url)\n")
        #expect(
            version.errors
                == "gr: gr and the daemon differ in version; start it anew, services go on: "
                + "where it runs: gr daemon stop && gr daemon start\n")
        #expect(
            CommandRun.gr(["--version", "--json"], server: server).output
                == #"{"version":"0.1.0","daemon":"0.2.0"}"# + "\n")
        let alone = CommandRun.gr(["version", "--address", "127.0.0.1:1"])
        #expect(alone.code == 0 && alone.output == "gr 0.1.0\ndaemon not reachable\n")
    }
}
