// Scripted runs in the real daemon, from the request to the last event: the model is llmock over
// HTTP, the tools and the tests they run are real programs in the jail. Each event stream is
// compared with Golden/Runs; GR_GOLDEN=write writes those anew.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite struct RunScriptTests {
    private static let folder =
        "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/Golden/Runs"
    private static let isWriting = Program.inheritedEnvironment.contains("GR_GOLDEN=write")

    /// Two functions, both wrong, and their tests.
    static let sums = [
        "sums.py": "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a + 2\n",
        "test_sums.py": """
        from sums import add, double


        def test_add():
            assert add(2, 3) == 5


        def test_double():
            assert double(4) == 8

        """,
    ]

    private func expect(_ stage: RunStage, _ run: String, is name: String) throws {
        let told = RunTranscript.text(try stage.events(run), project: stage.project)
        let path = "\(Self.folder)/\(name).txt"
        if Self.isWriting {
            try? FileManager.default.removeItem(atPath: path)
            TemporaryFolder.write(told, to: path, mode: 0o644)
        }
        #expect(told == TextFile.read(path) ?? "", "\(told)")
        // The key is the daemon's alone.
        let kept = try stage.daemon.ask("GET", "/api/runs/\(run)/events?limit=1000").text
        #expect(!kept.contains(RunStage.key))
        #expect(!stage.daemon.standardError.contains(RunStage.key))
    }

    @Test func `A failing project is repaired in three iterations`() throws {
        let stage = try RunStage(Self.sums)
        try stage.model.script(
            RunStage.reply(
                "I read both files.", ("file_read", #"{"path":"sums.py"}"#),
                ("file_read", #"{"path":"test_sums.py"}"#)),
            RunStage.reply(
                "The sign is wrong.",
                ("file_patch", #"{"path":"sums.py","old":"a - b","new":"a + b"}"#)),
            RunStage.reply(
                "And it is no double.",
                ("file_patch", #"{"path":"sums.py","old":"a + 2","new":"a * 2"}"#),
                ("bash_exec", #"{"command":"grep -c return sums.py; env | grep -c API_KEY"}"#)))
        let run = try stage.start("pytest")
        let last = try stage.end(of: run)
        #expect(last["status"].text == "achieved" && last["stop_reason"].text == "goal_achieved")
        #expect(last["iteration"].integer == 3 && last["sandbox"].text == "on")
        #expect(stage.text("sums.py").contains("a * 2"))
        #expect(try stage.findings() == [])
        try expect(stage, run, is: "repaired")
    }

    @Test func `A run that never gets there ends with its iterations`() throws {
        let stage = try RunStage(Self.sums)
        try stage.model.script(
            RunStage.reply("I look.", ("file_list", #"{"path":"."}"#)),
            RunStage.reply("I add a file.", ("file_write", #"{"path":"x.txt","content":"x\n"}"#)),
            RunStage.reply("I could not find it; the sign of add is worth a look."))
        let run = try stage.start("pytest", iterations: 3)
        let last = try stage.end(of: run)
        #expect(last["status"].text == "failed" && last["stop_reason"].text == "max_iterations")
        #expect(try stage.findings() == [])
        try expect(stage, run, is: "max-iterations")
    }

    @Test func `A run waits for a person over a kill, goes on, and is given up`() throws {
        let stage = try RunStage(Self.sums)
        try stage.model.script(
            RunStage.reply("I look.", ("file_read", #"{"path":"sums.py"}"#)),
            RunStage.reply(
                "The sign.",
                ("file_patch", #"{"path":"sums.py","old":"a - b","new":"a + b"}"#)))
        let run = try stage.start("pytest", #""hitl_enabled":true"#)
        try stage.wait(run) { $0["awaiting_human"] == .bool(true) }
        stage.daemon.kill()
        try stage.daemon.restart()
        #expect(try stage.view(run)["awaiting_human"] == .bool(true))
        let path = "/api/runs/\(run)/resume"
        #expect(try stage.daemon.ask("POST", path, #"{"decision":"later"}"#).status == 400)
        let approved = try stage.daemon.ask("POST", path, #"{"decision":"approve"}"#)
        #expect(approved.status == 200 && approved.json["resumed_with"].text == "approve")
        try stage.wait(run) {
            $0["awaiting_human"] == .bool(true) && $0["iteration"].integer == 2
        }
        try stage.daemon.restart()
        #expect(try stage.daemon.ask("POST", path, #"{"decision":"abort"}"#).status == 200)
        let last = try stage.end(of: run)
        #expect(last["status"].text == "aborted")
        #expect(try stage.daemon.ask("POST", path, #"{"decision":"approve"}"#).status == 409)
        #expect(try stage.findings() == [])
        try expect(stage, run, is: "approved-aborted")
    }

    @Test func `An abort ends the command and all it started`() throws {
        let stage = try RunStage(Self.sums)
        let command = "trap '' TERM; sleep 8123 & setsid sleep 8123 & sleep 8123"
        try stage.model.script(
            RunStage.reply("I wait.", ("bash_exec", #"{"command":"\#(command)","timeout":600}"#)))
        let run = try stage.start("pytest")
        #expect(eventually(within: 30_000) { RunStage.living("8123").count >= 3 })
        let took = try milliseconds {
            let answer = try stage.daemon.ask("POST", "/api/runs/\(run)/abort")
            #expect(answer.status == 200 && answer.json["status"].text == "aborted")
        }
        #expect(RunStage.living("8123") == [])
        print("abort of a command with three sleepers: \(took) ms")
        #expect(try stage.daemon.ask("POST", "/api/runs/\(run)/abort").status == 409)
        #expect(try stage.end(of: run)["status"].text == "aborted")
        try expect(stage, run, is: "aborted")
    }

    @Test func `A command over its time ends with its grandchild and what it wrote`() throws {
        let stage = try RunStage(["Makefile": "test:\n\t@test -f done\n"])
        try stage.model.script(
            RunStage.reply(
                "It takes long.",
                ("bash_exec", #"{"command":"echo begun; sleep 8124 & sleep 8124","timeout":1}"#)),
            RunStage.reply("Enough.", ("bash_exec", #"{"command":"touch done"}"#)))
        let run = try stage.start("make-test")
        #expect(try stage.end(of: run)["status"].text == "achieved")
        #expect(RunStage.living("8124") == [])
        #expect(try stage.findings() == [])
        try expect(stage, run, is: "timeout")
    }

    @Test func `A project without an end is ended with the run's time, and nothing stays`() throws {
        let endless = "import time\n\n\ndef test_it():\n    while True:\n        time.sleep(0.1)\n"
        let stage = try RunStage(["test_endless.py": endless])
        try stage.model.script(RunStage.reply("Let us see."))
        let run = try stage.start("pytest", #""max_seconds":4"#)
        let last = try stage.end(of: run)
        #expect(last["status"].text == "failed" && last["stop_reason"].text == "max_seconds")
        #expect(ProcessTable.descendants(of: [stage.daemon.pid]) == [])
        try expect(stage, run, is: "endless")
    }
}
