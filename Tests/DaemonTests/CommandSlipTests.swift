// What people and scripts get wrong on the command line: each slip is named with the next step, and
// none reaches another daemon, hangs or passes for an empty result.

import Glibc
import TestSupport
import Testing

struct CommandSlipTests {
    let fixture: ServiceFixture

    init() throws {
        fixture = try ServiceFixture()
        try fixture.register("web", command: "exec sleep 1000", more: "\"group\":\"@site\"")
    }

    private func fails(
        _ words: [String], _ code: Int32, _ errors: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let run = try fixture.daemon.gr(words)
        #expect(run.end() == code, "\(words)", sourceLocation: sourceLocation)
        #expect(run.output == "", sourceLocation: sourceLocation)
        #expect(run.errors == errors, sourceLocation: sourceLocation)
    }

    @Test("an option that names a place is not empty: it would mean another daemon or folder")
    func emptyPlaces() throws {
        let cases = [
            (["--home", "", "ls"], "--home", "--home DIR"),
            (["ls", "--home="], "--home", "--home DIR"),
            (["ls", "--address", ""], "--address", "--address URL"),
            (["add", "x", "--no-port", "--cwd", ""], "--cwd", "--cwd DIR"),
            (["up", "-f", ""], "-f", "-f, --file FILE"),
        ]
        for (words, option, usage) in cases {
            try fails(words, 2, "gr: \(option) needs a value that is not empty: \(usage)\n")
        }
    }

    @Test("a group that nobody belongs to is no empty list")
    func unknownGroups() throws {
        try fails(
            ["ls", "@sit"], 4,
            "gr: no service belongs to the group '@sit'\nhint: did you mean '@site'?\n")
        try fails(
            ["ls", "@nobody"], 4,
            "gr: no service belongs to the group '@nobody'\n"
                + "hint: run 'gr group ls' for the groups\n")
        let run = try fixture.daemon.gr(["ls", "--json", "@sit"])
        #expect(run.end() == 4 && run.output.contains("\"code\":\"unknown_group\""))
        // All of a group may be in another state.
        let none = try fixture.daemon.gr(["ls", "-q", "@site", "--status", "running"])
        #expect(none.end() == 0 && none.output.isEmpty && none.errors.isEmpty)
    }

    @Test("a hint that is copied into a shell runs nothing of the name in it")
    func namesThatAShellReads() throws {
        let name = "$(touch x)"
        try fixture.register(name, command: "exec sleep 1000")
        try fails(
            ["url", name], 1,
            "gr: \(name) has no port, so it has no URL\n"
                + "hint: give it one: gr add '\(name)' --port PORT\n")
        try fails(
            ["exec", name], 2,
            "gr: gr exec needs a command behind --\nhint: such as: gr exec '\(name)' -- env\n")
        // This one is the daemon's.
        let attach = try fixture.daemon.gr(["attach", name])
        #expect(attach.end() != 0)
        #expect(attach.errors.contains("hint: run gr start '\(name)' first\n"), "\(attach.errors)")
    }

    @Test("a new service without a port is told of both ways to say so")
    func noPort() throws {
        try fails(
            ["add", "new"], 2,
            "gr: new is new: it needs --port PORT, or --no-port for a worker\n"
                + "hint: such as: gr add new --port 3000 -- npm start\n")
        let run = try fixture.daemon.gr(["add", "web", "--restart", "never"])
        #expect(run.end() == 0, "\(run.errors)")
    }

    @Test("what can never run is registered with a warning")
    func nothingToRun() throws {
        let run = try fixture.daemon.gr(["add", "idea", "--no-port"])
        #expect(run.end() == 0)
        #expect(run.errors.contains("neither 'port' nor 'cmd'"), "\(run.errors)")
    }

    @Test("an unknown name has no events, and what is no time no logs")
    func nothingToShow() throws {
        try fails(
            ["events", "wbe"], 4,
            "gr: no service is registered under the name 'wbe'\nhint: did you mean 'web'?\n")
        let removed = try fixture.daemon.gr(["rm", "web"])
        #expect(removed.end() == 0)
        let past = try fixture.daemon.gr(["events", "web"])
        #expect(past.end() == 0 && past.output.contains("service.registered"), "\(past.output)")
        let since = try fixture.daemon.gr(["logs", "--since", "1d ago"])
        #expect(since.end() == 2)
        #expect(since.errors.hasPrefix("gr: --since: '1d ago' is no time\nhint: write "))
    }

    @Test("a name that would be taken for an option is not registered")
    func dashes() throws {
        for name in ["-rf", "--yes", "-"] {
            let run = try fixture.daemon.gr(["add", "--no-port", "--", name])
            #expect(run.end() != 0, "\(name)")
            let body = #"{"name":"\#(name)","port":null,"cmd":"true"}"#
            let answer = try fixture.daemon.ask("POST", "/v1/services", body)
            #expect(answer.status == 400 && answer.message.contains("begins with '-'"))
        }
    }

    @Test("what does not start by itself is not waited for any longer")
    func waits() throws {
        let run = try fixture.daemon.gr(["wait", "web", "-t", "1s"])
        #expect(run.end() == 6)
        #expect(run.errors.hasSuffix("gr logs web; then gr start web\n"), "\(run.errors)")
    }

    @Test("a variable's name has no control characters")
    func variableNames() throws {
        let run = try fixture.daemon.gr(["add", "web", "-e", "A\nB=1"])
        #expect(run.end() == 1 && run.errors.contains("'A\\nB' cannot be a variable's name"))
        #expect(try fixture.service("web")["env"].items.isEmpty)
    }

    @Test("a word of any length is repeated in part")
    func longWords() throws {
        let run = try fixture.daemon.gr(["start", String(repeating: "x", count: 100_000)])
        #expect(run.end() != 0 && run.errors.utf8.count < 2_500, "\(run.errors.utf8.count)")
    }

    @Test("behind the end of piped input attach shows what still comes, and ends")
    func attachedPipe() throws {
        try fixture.register(
            "repl",
            command: "stty -echo; echo ready; while read l; do sleep 0.3; echo got $l; done",
            more: "\"tty\":true")
        try fixture.start("repl")
        let run = try fixture.daemon.gr(["attach", "repl"], input: "one\n")
        #expect(run.end() == 0)
        #expect(run.output.contains("got one"), "\(run.output)")
        #expect(run.errors == "gr: the input is over; repl goes on: gr logs -f repl\n")
        #expect(try fixture.service("repl")["status"] == .string("running"))
    }

    @Test("a daemon that hangs keeps nobody waiting, and what ends it is said")
    func hungDaemon() throws {
        try fixture.start("web")
        let daemon = fixture.daemon.pid
        _ = kill(daemon, SIGSTOP)
        defer { _ = kill(daemon, SIGCONT) }
        let waiting = try [["stop", "web"], ["start", "web", "-t", "1s"], ["rm", "web"]].map {
            try fixture.daemon.gr($0)
        }
        for run in waiting {
            #expect(run.end() == 3)
            #expect(run.errors.contains("did not answer in time; it may still do what it was told"))
            #expect(run.errors.contains("\nhint: if it hangs: gr daemon stop"))
        }
    }
}
