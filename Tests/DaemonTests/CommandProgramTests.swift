// wait, exec, env, open and status: the real program against the real daemon.

import Glibc
import TestSupport
import Testing

struct CommandProgramTests {
    @Test("exec gives a command the service's variables and directory, and is replaced by it")
    func exec() throws {
        let fixture = try ServiceFixture()
        let folder = TemporaryFolder()
        let secret = "s3cret $value\nand more"
        try fixture.register(
            "api", port: 4321, env: ["TOKEN": secret],
            more: "\"cwd\":\(fixture.quote(folder.path)),\"group\":\"@jobs\"")
        func run(_ words: [String], here: Bool = false) throws -> CommandProcess {
            try fixture.daemon.gr(
                ["exec"] + (here ? ["--here"] : []) + ["api", "--"] + words,
                environment: ["MINE=1", "TZ=UTC"])
        }
        let shell = try run([
            "sh", "-c", "echo \"$TOKEN\" $PORT $GRETL_NAME $GRETL_GROUP $MINE; pwd",
        ])
        #expect(shell.end() == 0)
        #expect(shell.output == "\(secret) 4321 api @jobs\n\(folder.path)\n")
        #expect(try run(["sh", "-c", "exit 42"]).end() == 42)
        #expect(try run(["sh", "-c", "kill -9 $$"]).end() == -SIGKILL)
        let here = try run(["pwd"], here: true)
        #expect(here.end() == 0 && here.output != folder.path + "\n")
        // A later daemon must not take it for a program of its own.
        let names = try run(["env"])
        #expect(names.end() == 0)
        #expect(names.output.contains("TZ=UTC\n") && !names.output.contains("GRETL_INCARNATION"))
        let missing = try run(["no-such-program"])
        #expect(missing.end() == 127)
        #expect(missing.errors.hasPrefix("gr: cannot run no-such-program: "))
        #expect(try run(["/"]).end() == 126)
        #expect(try fixture.daemon.gr(["exec", "api", "env"]).end() == 2)
        // As a shell runs it: what says for itself by what it is to be run is asked, else sh is.
        TemporaryFolder.write("echo $0 \"$1\" $PORT", to: folder.file("plain"))
        TemporaryFolder.write("\u{0}\u{1}echo no", to: folder.file("binary"))
        for name in ["plain", "binary"] { #expect(unsafe chmod(folder.file(name), 0o755) == 0) }
        let plain = try run(["./plain", "a b"])
        #expect(plain.end() == 0, "\(plain.errors)")
        #expect(plain.output == "./plain a b 4321\n")
        let binary = try run(["./binary"])
        #expect(binary.end() == 126 && binary.errors.contains("Exec format error"))
        try fixture.register("lost", more: "\"cwd\":\"/no/such/folder\"")
        let lost = try fixture.daemon.gr(["exec", "lost", "--", "env"])
        #expect(lost.end() == 126 && lost.errors.contains("/no/such/folder: No such file"))
        let unknown = try fixture.daemon.gr(["exec", "apj", "--", "env"])
        #expect(unknown.end() == 4)
        #expect(unknown.errors.hasSuffix("hint: did you mean 'api'?\n"))
    }

    @Test("env shows what the service has of its own, without the daemon and not over an address")
    func env() throws {
        let fixture = try ServiceFixture()
        try fixture.register("api", port: 4321, env: ["TOKEN": "a'b\n", "EMPTY": ""])
        let words = ["env", "api"]
        let shown =
            "EMPTY=''\nGRETL_DAEMON=http://127.0.0.1:\(fixture.daemon.port)\nGRETL_GROUP=''\n"
            + "GRETL_NAME=api\nPORT=4321\nTOKEN=$'a\\'b\\x0a'\n"
        let run = try fixture.daemon.gr(words)
        #expect(run.end() == 0 && run.output == shown, "\(run.output)\(run.errors)")
        let names = try fixture.daemon.gr(words + ["-q"])
        #expect(names.end() == 0)
        #expect(names.output == "EMPTY\nGRETL_DAEMON\nGRETL_GROUP\nGRETL_NAME\nPORT\nTOKEN\n")
        let all = try fixture.daemon.gr(words + ["--all"])
        #expect(all.end() == 0 && all.output.contains("\nPATH="))
        let json = try fixture.daemon.gr(words + ["--json"])
        #expect(json.end() == 0)
        #expect(json.output.contains(#""TOKEN":"a'b\n""#) && json.output.hasSuffix("}}\n"))
        let elsewhere = try fixture.daemon.gr(words + ["--address", "http://127.0.0.1:1"])
        #expect(elsewhere.end() == 1 && elsewhere.output == "")
        let inside = try fixture.daemon.gr(
            words, environment: ["GRETL_DAEMON=http://127.0.0.1:\(fixture.daemon.port)"])
        #expect(inside.end() == 0 && inside.output == shown)
        fixture.daemon.stop()
        let alone = try fixture.daemon.gr(words + ["-q"])
        #expect(alone.end() == 0 && alone.output == names.output)
    }

    @Test("wait ends when all are ready, when one has ended, or when the time is over")
    func waits() throws {
        let fixture = try ServiceFixture()
        let port = ServiceFixture.freePort()
        try fixture.register("web", port: port, env: ["DELAY": "0.5"], more: "\"group\":\"@g\"")
        try fixture.register(
            "bad", port: ServiceFixture.freePort(), command: "sleep 0.5; exit 3",
            more: "\"restart\":\"never\"")
        let ready = try fixture.daemon.gr(["wait", "@g"])
        #expect(try fixture.start("web", "?timeout=0").status == 200)
        #expect(ready.end() == 0 && ready.output == "web running\n")
        let late = try fixture.daemon.gr(["wait", "web", "--for", "stopped", "-t", "100ms"])
        #expect(late.end() == 6)
        #expect(late.errors.hasPrefix("gr: not stopped in time: web; web is running\n"))
        let stopped = try fixture.daemon.gr(["wait", "web", "--for", "stopped", "--json"])
        usleep(100_000)
        try fixture.stop("web")
        #expect(stopped.end() == 0 && stopped.output.contains(#""status":"stopped""#))
        let failed = try fixture.daemon.gr(["wait", "bad"])
        usleep(100_000)
        try fixture.start("bad", "?timeout=0")
        #expect(failed.end() == 6)
        #expect(failed.errors.hasPrefix("gr: bad failed: exit code 3"), "\(failed.errors)")
        #expect(try fixture.daemon.gr(["wait", "nobody"]).end() == 4)
        #expect(try fixture.daemon.gr(["wait", "web", "--for", "redy"]).end() == 2)
    }

    @Test("open runs the browser that is named, and prints the URL without one")
    func opens() throws {
        let fixture = try ServiceFixture()
        try fixture.register("web", port: 4321)
        try fixture.register("worker")
        let url = "http://localhost:4321\n"
        let none = try fixture.daemon.gr(["open", "web"])
        #expect(none.end() == 0 && none.output == url)
        let named = try fixture.daemon.gr(
            ["open", "web"], environment: ["BROWSER=/no/such:/bin/echo see %s"])
        #expect(named.end() == 0 && named.output == "see " + url)
        let broken = try fixture.daemon.gr(["open", "web"], environment: ["BROWSER=/bin/false"])
        #expect(broken.end() == 0 && broken.output == url)
        #expect(broken.errors == "gr: no browser came up, the last one tried was: /bin/false\n")
        #expect(try fixture.daemon.gr(["open", "worker"]).end() == 1)
        #expect(try fixture.daemon.gr(["open", "wbe"]).end() == 4)
    }

    @Test("status tells how a service crashed, what it wrote last and what to do")
    func crashed() throws {
        let fixture = try ServiceFixture()
        try fixture.register(
            "bad", port: ServiceFixture.freePort(), command: "echo oops; sleep 0.2; exit 3",
            more: "\"restart\":\"never\"")
        try fixture.start("bad")
        #expect(try fixture.waits("bad", for: "failed"))
        let run = try fixture.daemon.gr(["status", "bad"])
        #expect(run.end() == 0)
        #expect(run.output.contains("last exit   exit code 3, "), "\(run.output)")
        #expect(run.output.contains("s ago\n"), "\(run.output)")
        let ended = try fixture.service("bad")["endedAt"].text
        #expect(ended?.hasPrefix("20") == true, "\(ended ?? "null")")
        // A later daemon knows it too, and a running service has no end.
        fixture.daemon.kill()
        try fixture.daemon.restart()
        #expect(try fixture.service("bad")["endedAt"].text == ended)
        try fixture.register("up", command: "exec sleep 300")
        try fixture.start("up")
        #expect(try fixture.service("up")["endedAt"] == .null)
        #expect(
            run.output.hasSuffix(
                "last lines\n  oops\nnext        gr logs bad; then gr start bad\n"), "\(run.output)"
        )
        let quiet = try fixture.daemon.gr(["status", "-q", "bad"])
        #expect(quiet.end() == 0 && quiet.output == "failed\n")
    }
}
