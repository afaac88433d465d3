// Kills the daemon at random points of a run: whatever a client was told of stays told, without a
// gap and without a duplicate, and no tool call is repeated.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct RunCrashTests {
    private static let rounds =
        Program.inheritedEnvironment.contains("GR_FULL=1") ? 50 : 6

    /// Events as the socket tells them: what a client holds on to.
    private static func seen(_ stage: RunStage, _ run: String, since: Int) throws -> [JSONValue] {
        try stage.daemon.ask(
            "GET", "/api/runs/\(run)/events?since=\(since)&limit=1000"
        ).json.items
    }

    @Test func `A kill anywhere loses nothing that was told, and repeats no call`() throws {
        let stage = try RunStage(
            ["Makefile": "test:\n\t@test `wc -l < lines` -ge 8\n", "lines": ""],
            configuration: "[runs]\nresume_on_start = true\n")
        var random = SeededGenerator(seed: 8_125)
        var (kills, told) = (0, 0)
        for round in 0..<Self.rounds {
            stage.write("", "lines")
            try stage.model.reset()
            // More turns than are needed: a turn cut off by a kill is asked for again.
            let turns = (0..<40).map { turn in
                let command = "echo \(round)-\(turn) >> lines"
                return RunStage.reply("Turn.", ("bash_exec", #"{"command":"\#(command)"}"#))
            }
            try stage.model.script(turns)
            let run = try stage.start("make-test", iterations: 40)
            var held: [JSONValue] = []
            // Two kills in each run, each at a point of its own.
            for _ in 0..<2 {
                let until = cepoll_monotonic() + Int64(random.number(in: 5...400)) * 1_000_000
                repeat {
                    held += try Self.seen(stage, run, since: held.count)
                    usleep(2_000)
                } while cepoll_monotonic() < until
                stage.daemon.kill()
                kills += 1
                try stage.daemon.restart()
            }
            try stage.end(of: run)
            let all = try stage.events(run)
            #expect(Array(all.prefix(held.count)) == held, "round \(round)")
            #expect(all.last?["kind"].text == "run_end")
            #expect(all.filter { $0["kind"].text == "run_end" }.count == 1)
            told += held.count
            // Each command wrote its own word: a word that is there twice was a call repeated.
            let words = stage.text("lines").split(separator: "\n")
            #expect(Set(words).count == words.count, "round \(round): \(words)")
            let findings = ConversationJudge.findings(try stage.model.requests())
            #expect(findings == [], "round \(round)")
            #expect(ProcessTable.descendants(of: [stage.daemon.pid]) == [])
        }
        print("runs: \(kills) kills, \(told) events held over them, none lost")
    }
}
