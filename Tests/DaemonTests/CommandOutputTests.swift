// What every command owes its surroundings: a reader that leaves, a full disk, closed streams,
// words that are no text. The real program, through a shell.

import Glibc
import TestSupport
import Testing

struct CommandOutputTests {
    /// Runs a shell line with $GR.
    private func shell(_ fixture: ServiceFixture, _ line: String) throws -> CommandProcess {
        try CommandProcess(
            ["/bin/bash", "-c", "set -o pipefail; " + line],
            environment: [
                "PATH=/usr/bin:/bin", "GR_HOME=\(fixture.daemon.home)", "GR=\(BuildProducts.gr)",
                "HOME=/nonexistent",
            ])
    }

    @Test("a reader that leaves ends a command without a word")
    func reader() throws {
        let fixture = try ServiceFixture()
        let run = try shell(
            fixture,
            "$GR help --json | head -c 1; echo; $GR events -f -n 0 | true; $GR help | head -1")
        #expect(run.end() != nil)
        #expect(run.output.hasPrefix("{\ngr names") && run.errors == "")
        let ended = try shell(fixture, "(sleep 1; exec $GR ls) | true; echo ${PIPESTATUS[0]}")
        #expect(ended.end() != nil)
        #expect(ended.output == "\(128 + SIGPIPE)\n" && ended.errors == "")
    }

    @Test("an output that takes nothing ends a command with 1")
    func full() throws {
        let fixture = try ServiceFixture()
        try fixture.register("web")
        for words in ["ls", "ls --json", "help", "ls --help", "events", "status", "url web"] {
            let run = try shell(fixture, "$GR \(words) >/dev/full")
            #expect(run.end() == 1, "\(words): \(run.errors)")
            guard words != "url web" else { continue }
            let isSilent = words.contains("--json")
            #expect(
                isSilent || run.errors.contains("cannot write the output: No space left on device"))
        }
        let closed = try shell(fixture, "$GR ls >&-")
        #expect(closed.end() == 1)
        #expect(closed.errors.contains("cannot write the output: Bad file descriptor"))
        #expect(try shell(fixture, "$GR ls -q <&- 2>&-").end() == 0)
    }

    @Test("words that are no UTF-8 are refused")
    func words() throws {
        let fixture = try ServiceFixture()
        let run = try shell(fixture, "$GR status $'a\\xff'")
        #expect(run.end() == 2)
        #expect(run.errors.hasPrefix("gr: word 2 of the command line is not UTF-8\nhint: "))
        let json = try shell(fixture, "$GR status $'\\xc0\\x80' --json")
        #expect(json.end() == 2 && json.output.hasPrefix(#"{"code":"usage","#))
    }

    @Test("control characters of a command are spelled out")
    func controls() throws {
        let fixture = try ServiceFixture()
        try fixture.register("web", command: "echo \u{1F}\u{202E}\u{85}")
        let run = try shell(fixture, "$GR status web")
        #expect(run.end() == 0)
        #expect(run.output.contains("cmd         echo \\x1f\\u{202e}\\x85\n"), "\(run.output)")
    }
}
