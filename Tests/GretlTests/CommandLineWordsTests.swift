// The words of the command line and the small pure parts: help, suggestions, addresses, times,
// widths.

import Testing

@testable import Gretl

struct CommandLineWordsTests {
    @Test func `every command has help that lists every option`() {
        for command in CommandTable.commands {
            let words = command.name.split(separator: " ").map(String.init)
            let page = CommandRun.gr(["help"] + words)
            #expect(page.code == 0 && page.errors == "")
            #expect(page.output == CommandRun.gr(words + ["--help"]).output)
            #expect(page.output == CommandRun.gr(words + ["-h"]).output)
            #expect(page.output.hasPrefix(command.summary))
            for option in command.options {
                #expect(page.output.contains("--\(option.name)"), "\(command.name)")
                #expect(page.output.contains(option.summary), "\(command.name)")
            }
            for argument in command.arguments { #expect(page.output.contains(argument.usage)) }
            #expect(!command.examples.isEmpty)
            for line in page.output.split(separator: "\n") { #expect(line.count <= 100) }
        }
    }

    @Test func `the overview names every command and exit code`() {
        for words in [[], ["help"], ["--help"], ["-h"]] {
            let run = CommandRun.gr(words)
            #expect(run.code == 0)
            for command in CommandTable.commands {
                #expect(run.output.contains("  \(command.name)"))
                #expect(run.output.contains(command.summary))
            }
            for code in ExitCode.allCases { #expect(run.output.contains("  \(code.rawValue)  ")) }
        }
        #expect(
            CommandRun.gr(["help", "--json"]).output.hasPrefix(#"{"commands":[{"name":"add""#))
    }

    @Test func `no option of a command hides a common one`() {
        for command in CommandTable.commands {
            let options = command.options + CommandTable.globalOptions
            #expect(Set(options.map(\.name)).count == options.count)
            let letters = options.compactMap(\.short)
            #expect(Set(letters).count == letters.count)
        }
    }

    @Test(arguments: [
        (["strat", "x"], "there is no command 'strat'", "did you mean 'start'?"),
        (["lst"], "there is no command 'lst'", "did you mean 'ls'?"),
        (["help", "stauts"], "there is no command 'stauts'", "did you mean 'status'?"),
        (["frobnicate"], "there is no command 'frobnicate'", "see: gr help"),
        (["ls", "--jsno"], "there is no option '--jsno' of gr ls", "did you mean '--json'?"),
        (["ls", "-z"], "there is no option '-z' of gr ls", "see: gr help ls"),
        (
            ["ls", "--status", "runing"], "--status cannot be 'runing'",
            "did you mean 'running'?"
        ),
        (["start"], "gr start needs NAME", "usage: gr start NAME... [options]"),
        (
            ["start", "a", "--timeout", "soon"], "'soon' is no time",
            "write it as 500ms, 30s or 2m, at most 10m"
        ),
        (
            ["daemon"], "gr daemon needs a command",
            "it is one of: start, stop, status, logs, install"
        ),
        (
            ["daemon", "-q"], "gr daemon needs a command",
            "it is one of: start, stop, status, logs, install"
        ),
        (["daemno", "status"], "there is no command 'daemno'", "did you mean 'daemon'?"),
        (["daemon", "sattus"], "there is no command 'daemon sattus'", "did you mean 'status'?"),
        (
            ["daemon", "reload"], "there is no command 'daemon reload'",
            "it is one of: start, stop, status, logs, install"
        ),
        (
            ["help", "daemon", "x"], "there is no command 'daemon x'",
            "it is one of: start, stop, status, logs, install"
        ),
        (["help", "ls", "add"], "there is no command 'ls add'", "see: gr help"),
        (["--nope", "ls"], "there is no option '--nope'", "see: gr help"),
        (["url", "a\u{1B}b", "\u{7}"], "gr url does not take '\\x07'", "see: gr help url"),
    ])
    func `a mistake is named and the way out is shown`(
        words: [String], message: String, hint: String
    ) {
        let run = CommandRun.gr(words)
        #expect(run.code == 2)
        #expect(run.errors == "gr: \(message)\nhint: \(hint)\n")
        #expect(run.output == "")
        let json = CommandRun.gr(words + ["--json"])
        #expect(json.code == 2 && json.output.hasPrefix(#"{"code":"usage","message":""#))
    }

    @Test func `help for a topic lists its commands`() {
        let page = CommandRun.gr(["help", "daemon"])
        #expect(page.code == 0 && page.output.contains("  daemon status   Ask whether"))
        #expect(CommandRun.gr(["daemon", "--help"]).output == page.output)
        let json = CommandRun.gr(["help", "daemon", "--json"])
        #expect(json.output.hasPrefix(#"{"commands":[{"name":"daemon start""#))
    }

    @Test func `serve gets its words as they are`() {
        let run = CommandRun.gr(["--home", "/h", "serve", "--listen", "[::1]:1", "--what", "x"]) {
            $0 == ["--home", "/h", "--listen", "[::1]:1", "--what", "x"] ? 42 : 1
        }
        #expect(run.code == 42)
    }

    @Test(arguments: [
        ("http://127.0.0.1:11611", "127.0.0.1", 11611), ("http://localhost/", "localhost", 11611),
        ("[::1]:80", "::1", 80), ("http://[::1]", "::1", 11611),
        ("10.0.0.7:65535", "10.0.0.7", 65535),
    ])
    func `an address is read`(text: String, host: String, port: UInt16) {
        #expect(DaemonAddress(text) == DaemonAddress(host: host, port: port))
    }

    @Test(arguments: [
        "", ":80", "http://", "https://127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:",
        "127.0.0.1:+1", "http://user@127.0.0.1:1", "127.0.0.1/path", "[::1", "[127.0.0.1]:1",
        "::1", "a b:1", "[::1]x", "127.0.0.1:1\r\nX: y",
    ])
    func `what is no address is refused`(text: String) {
        #expect(DaemonAddress(text) == nil)
    }

    @Test func `only --address may name another machine`() {
        let run = CommandRun.gr(["ls"], environment: ["GRETL_DAEMON": "http://192.0.2.1:11611"])
        #expect(run.code == 1)
        #expect(
            run.errors == """
                gr: GRETL_DAEMON names another machine: http://192.0.2.1:11611
                hint: if that is meant: gr --address http://192.0.2.1:11611 ...

                """)
        let name = CommandRun.gr(["ls", "--address", "http://daemon.example"])
        #expect(name.code == 2 && name.errors.contains("names are not looked up"))
    }

    @Test func `the address file of the home folder is read`() throws {
        let folder = try TemporaryHome()
        defer { folder.remove() }
        let server = CannedServer(["GET /health": #"200 {"status":"ok"}"#])
        defer { server.stop() }
        folder.write("\(server.url) \r\nhttp://[::1]:1\n")
        #expect(CommandRun.gr(["health", "--home", folder.path]).output == "ok at \(server.url)\n")
        let byVariable = CommandRun.gr(["health"], environment: ["GR_HOME": folder.path])
        #expect(byVariable.code == 0)
        folder.write("")
        let stopped = CommandRun.gr(["health"], environment: ["GR_HOME": folder.path])
        #expect(stopped.code == 3)
        #expect(
            stopped.errors == "gr: no daemon runs with the folder \(folder.path)\n"
                + "hint: start it with: gr daemon start --home \(folder.path)\n")
        // Nothing is sent there, and what it says does not keep a daemon from being started.
        for text in ["http://192.0.2.1:80\n", "\u{1B}]0;\u{7}x\n", "garbage", "http://127.0.0."] {
            folder.write(text)
            let broken = CommandRun.gr(["health", "--home", folder.path])
            #expect(broken.code == 3 && broken.errors == stopped.errors, "\(broken.errors)")
        }
    }

    @Test func `who meets another user's daemon is told how to have one`() throws {
        let folder = try TemporaryHome()
        defer { folder.remove() }
        let refusal = #"403 {"code":"forbidden_user","message":"not you","hint":"peer_check"}"#
        let server = CannedServer(["GET /v1/services": refusal])
        defer { server.stop() }
        folder.write(server.url)
        let run = CommandRun.gr(["ls", "--home", folder.path])
        #expect(run.code == 7)
        #expect(
            run.errors.contains("'port = 21611' into \(folder.path)/config.toml; see: gr doctor"),
            "\(run.errors)")
        #expect(!run.errors.contains("peer_check"))
        let json = CommandRun.gr(["ls", "--json", "--home", folder.path]).output
        #expect(json.hasPrefix(#"{"code":"forbidden_user","message":"not you","hint":"another "#))
        #expect(json.contains("'port = 21611' into") && !json.contains("peer_check"), "\(json)")
        let given = CommandRun.gr(["ls", "--json", "--address", server.url]).output
        #expect(given.contains("without --address") && !given.contains("peer_check"), "\(given)")
    }

    @Test func `what gr daemon cannot do for another daemon is not its hint`() {
        let words = ["ls", "--address", "127.0.0.1:1"]
        let nobody = CommandRun.gr(words)
        #expect(nobody.code == 3)
        #expect(
            nobody.errors.hasSuffix(
                "hint: is the address right? your own daemon is found without --address and "
                    + "GRETL_DAEMON\n"))
        let refusal = #"401 {"code":"unauthorized","message":"no token","hint":"send Bearer"}"#
        let version = #"200 {"status":"ok","version":"9.9.9"}"#
        let server = CannedServer(["GET /v1/services": refusal, "GET /health": version])
        defer { server.stop() }
        let refused = CommandRun.gr(["ls", "--address", server.url])
        #expect(
            refused.errors.hasSuffix("where it runs: gr daemon stop && gr daemon start\n"),
            "\(refused.errors)")
        let other = CommandRun.gr(["version", "--address", server.url])
        #expect(
            other.errors.hasSuffix(
                "services go on: where it runs: gr daemon stop && gr daemon start\n"),
            "\(other.errors)")
    }

    @Test func `who has no token is told where gr takes it from`() {
        let refusal = #"401 {"code":"unauthorized","message":"no token","hint":"send Bearer"}"#
        let server = CannedServer(["GET /v1/services": refusal])
        defer { server.stop() }
        let run = CommandRun.gr(["ls"], server: server)
        #expect(run.code == 7 && run.errors.contains("hint: gr sends $GR_AUTH_TOKEN, or "))
        #expect(!run.errors.contains("Bearer"), "\(run.errors)")
        let json = CommandRun.gr(["ls", "--json"], server: server).output
        #expect(json.hasPrefix(#"{"code":"unauthorized","message":"no token","hint":"gr sends $"#))
        #expect(!json.contains("Bearer") && json.hasSuffix("}\n"), "\(json)")
    }

    @Test func `help that is to be quiet gives names, and the usage of a command`() {
        let names = CommandRun.gr(["help", "-q"]).output
        #expect(names.split(separator: "\n").contains("daemon start"), "\(names)")
        #expect(names.hasSuffix("\n") && !names.contains("Usage"))
        let topic = CommandRun.gr(["help", "daemon", "-q"]).output
        #expect(topic.hasPrefix("daemon start\n"), "\(topic)")
        let usage = CommandRun.gr(["help", "who", "-q"]).output
        #expect(usage.hasPrefix("gr who PORT") && usage.split(separator: "\n").count == 1)
    }

    @Test func `help shows what a gr toml looks like`() {
        let run = CommandRun.gr(["help", "gr.toml"])
        #expect(run.code == 0)
        #expect(run.output.contains("  [service.web]\n  port = 3000\n"), "\(run.output)")
        #expect(run.output.contains("gr man gr.toml"))
        #expect(CommandRun.gr(["help", "up"]).output.contains("gr help gr.toml"))
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("30s", .seconds(30)), ("30", .seconds(30)),
        ("2m", .seconds(120)), ("10m", .seconds(600)), ("0", .zero),
    ])
    func `a time is read`(text: String, duration: Duration) {
        #expect(Quantities.duration(text) == duration)
    }

    @Test(arguments: [
        "", "s", "-1s", "1d", "11m", "1h", "1 s", "1.5s", "99999999999", "٣s", "1sec",
    ])
    func `what is no time is refused`(text: String) {
        #expect(Quantities.duration(text) == nil)
    }

    @Test func `points of time are read with their offset`() {
        #expect(Quantities.seconds(rfc3339: "1970-01-01T00:00:00Z") == 0)
        #expect(Quantities.seconds(rfc3339: "2026-04-30T14:00:00.123+02:00") == CommandRun.noon)
        #expect(Quantities.seconds(rfc3339: "2024-02-29T23:59:59-01:30") == 1_709_256_599)
        #expect(Quantities.seconds(rfc3339: "2000-03-01t00:00:00z") == 951_868_800)
        for text in [
            "", "now", "2026-13-01T00:00:00Z", "2026-04-30T14:00:00", "2026-04-30 14:00:00Z",
            "2026-04-30T14:00:00+2", "2026-04-30T14:00:00.", "2026-04-30T14:00:00+02:0x",
        ] { #expect(Quantities.seconds(rfc3339: text) == nil, "\(text)") }
    }

    @Test func `ages and sizes are short`() {
        #expect(
            [-5, 0, 59, 60, 192, 7_500, 86_400, 360_000].map { Quantities.age(seconds: $0) }
                == ["0s", "0s", "59s", "1m00s", "3m12s", "2h05m", "1d00h", "4d04h"])
        #expect(
            [0, 0.051, 0.9994, 1, 3.5, -1, .nan, 1e300].map(Quantities.percent)
                == ["0.0%", "5.1%", "99.9%", "100%", "350%", "0.0%", "-", "100000000%"])
        #expect(
            [0, 142.4, 1_023, 1_536, .infinity].map(Quantities.megabytes)
                == ["0 MB", "142 MB", "1023 MB", "1.5 GB", "-"])
    }

    @Test func `widths are columns, not characters`() {
        for (text, width) in [
            ("web", 3), ("Zürich", 6), ("u\u{308}", 1), ("日本", 4), ("🚀", 2), ("👩‍💻", 2), ("❤️", 2),
            ("한국", 4), ("●", 1), ("", 0),
        ] {
            #expect(DisplayText.width(text) == width, "\(text)")
            #expect(DisplayText.width(DisplayText.padded(text, to: 9)) == 9)
        }
    }

    @Test func `bodies become one safe line`() {
        let body = "{ \"a\" :\t[ 1,\r\n \"x y\\\" \u{1B}\u{7F}\u{85}é\" ] }\n"
        #expect(
            String(decoding: JSONLine.compact(body.utf8), as: UTF8.self)
                == #"{"a":[1,"x y\" \u001b\u007f\u0085é"]}"# + "\n")
    }
}
