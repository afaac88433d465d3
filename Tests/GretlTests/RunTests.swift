// Runs as the engine drives them: what is told and in which order, what is kept, who may say what
// and when, and that nothing is lost or told twice over restarts.

import FoundationEssentials
import Gretl
import NetCore
import TestSupport
import Testing

/// The number at a place of an event's JSON.
private func decoded(_ event: RunEvent) throws -> [String: JSONValue] {
    let value = try JSONDecoder().decode(JSONValue.self, from: Data(event.body))
    guard case .object(let fields) = value else { throw TestFailure("no object") }
    return fields
}

private struct TestFailure: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

private func payload(_ event: RunEvent) throws -> [String: JSONValue] {
    guard case .object(let fields)? = try decoded(event)["payload"] else {
        throw TestFailure("no payload")
    }
    return fields
}

@Suite struct RunTests {
    @Test func `Events of an iteration come in their order, numbered without a gap`() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await RunStage(
                [
                    .answer("Let me look", [call("look", "a"), call("look", "b")]),
                    .answer("", [call("change", "c"), call("nothing", "d")]),
                ],
                [ScriptedGoals.unmet, ScriptedGoals.met], fixture: fixture)
            let id = try await stage.begin()
            let record = try await stage.finish(id)
            #expect(record.status == .achieved && record.stopReason == .goalAchieved)
            #expect(record.iteration == 2 && record.totals.tokens == 240)
            let events = try await stage.events(id)
            #expect(
                events.map(\.kind.rawValue) == [
                    "step_start", "llm_usage", "reasoning", "step_start", "log", "tool_call",
                    "tool_call", "tool_result", "tool_result", "step_start", "goal_check",
                    "iteration_complete",
                    "step_start", "llm_usage", "step_start", "tool_call", "tool_result",
                    "tool_call", "tool_result", "step_start", "goal_check", "iteration_complete",
                    "run_end",
                ])
            #expect(events.map(\.seq) == Array(1...Int64(events.count)))
            #expect(record.lastSeq == Int64(events.count))
            let iterations = try events.map { event in try decoded(event)["iteration"] }
            let expected: [Int64] =
                Array(repeating: 0, count: 10) + [1, 1]
                + Array(repeating: 1, count: 8) + [2, 2, 2]
            #expect(iterations == expected.map { .integer($0) })
            var last = 0.0
            for event in events {
                guard case .number(let time)? = try decoded(event)["ts"] else { continue }
                #expect(time > last)
                last = time
            }
            let questions = stage.model.questions
            #expect(questions.count == 2)
            #expect(questions.allSatisfy { $0.system == questions[0].system })
            #expect(questions[0].messages.count == 1)
            guard case .results(let results, let text?) = questions[1].messages.last else {
                Issue.record("no results: \(questions[1].messages)")
                return
            }
            #expect(results.map(\.callID) == ["a", "b"])
            #expect(text.contains("2 tests failed"))
        }
    }

    @Test func `A goal is checked again only when something may have changed`() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await RunStage(
                [.answer("", [call("look")]), .answer("", [call("look")]), .answer("done", [])],
                fixture: fixture)
            let id = try await stage.begin(["max_iterations": .integer(3)])
            let record = try await stage.finish(id)
            #expect(stage.goals.checks == 1)
            #expect(record.status == .failed && record.stopReason == .maxIterations)
            let end = try await stage.events(id).last
            #expect(
                try payload(try #require(end))["reason"]
                    == .string("Max iterations (3) reached. not yet"))
            let checks = try await stage.events(id).filter { $0.kind == .goalCheck }
            #expect(
                try checks.map { try payload($0)["cached"] } == [
                    .bool(false), .bool(true), .bool(true),
                ])
            // The last question asks for a report.
            guard case .results(_, let text?) = stage.model.questions[2].messages.last else {
                Issue.record("no results")
                return
            }
            #expect(text.contains("last iteration"))
        }
    }

    @Test func `A person is asked, over a restart, and what they say reaches the model`()
        async throws
    {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await RunStage([.answer("one", [call("change")])], fixture: fixture)
            let id = try await stage.begin(["hitl_enabled": .bool(true)])
            try await stage.until(id) { $0.isWaiting }
            #expect(try stage.runs.get(id).record.status == .running)
            await stage.runs.close()

            let next = try await RunStage(
                [.answer("two", [call("change")])], fixture: fixture)
            #expect(try next.runs.get(id).record.isWaiting)
            #expect(try await next.kinds(id).last == "human_check_required")
            await #expect(throws: APIError.self) {
                try await next.runs.decide("x", try answer("abort"))
            }
            try await next.runs.decide(id, try answer("approve", "try the other file"))
            try await next.until(id) { $0.isWaiting && $0.iteration == 2 }
            guard case .results(let results, let text?) = next.model.questions[0].messages.last
            else {
                Issue.record("no results")
                return
            }
            #expect(results.count == 1 && text.contains("try the other file"))
            #expect(next.model.questions[0].system.contains("Project folder"))
            try await next.runs.decide(id, try answer("abort"))
            let record = try await next.finish(id)
            #expect(record.status == .aborted && record.stopReason == .declined)
            #expect(
                try await next.kinds(id).suffix(3) == [
                    "human_check_required", "human_check_response", "run_end",
                ])
            let refusal = await #expect(throws: APIError.self) {
                try await next.runs.decide(id, try answer("approve"))
            }
            #expect(refusal?.code == .notWaiting)
        }
    }

    private func answer(_ word: String, _ message: String? = nil) throws -> RunAnswer {
        var body: [String: JSONValue] = ["decision": .string(word)]
        if let message { body["message"] = .string(message) }
        return try RunAnswer(body)
    }

    @Test func `A run the daemon's end cut off fails in words, or goes on where it is told to`()
        async throws
    {
        for resumes in [false, true] {
            let fixture = try DatabaseFixture()
            try await onReactor {
                let stage = try await RunStage(
                    [.answer("", [call("change", "a"), call("sleep", "b"), call("look", "c")])],
                    fixture: fixture)
                let id = try await stage.begin(["resume_on_start": .bool(resumes)])
                try await stage.until(id) { $0.phase == .acting && $0.lastSeq >= 6 }
                await stage.runs.close()
                let before = try await stage.kinds(id)
                #expect(before.last == "tool_call")

                let next = try await RunStage(
                    [.answer("fine", [])], [ScriptedGoals.met], fixture: fixture)
                let record = try await next.finish(id)
                let after = try await next.kinds(id)
                #expect(after.starts(with: before))
                guard resumes else {
                    #expect(record.status == .failed && record.stopReason == .error)
                    #expect(after.suffix(2) == ["error", "run_end"])
                    #expect(next.tools.calls.isEmpty)
                    return
                }
                #expect(record.status == .achieved)
                // The one whose end is unknown is told as that, and not run again.
                #expect(next.tools.calls == ["look"])
                let results = try await next.events(id).filter { $0.kind == .toolResult }
                #expect(results.count == 3)
                #expect(
                    "\(try payload(results[1])["content"] ?? .null)".contains("outcome unknown"))
            }
        }
    }

    @Test func `An abort ends what is under way and tells what it did`() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await RunStage(
                [.answer("", [call("sleep")]), .silence], fixture: fixture)
            let id = try await stage.begin()
            try await stage.until(id) { $0.phase == .acting }
            try await stage.runs.abort(id)
            let record = try stage.runs.get(id).record
            #expect(record.status == .aborted && record.totals.tokens == 120)
            #expect(try await stage.kinds(id).suffix(2) == ["tool_result", "run_end"])
            let other = try await stage.begin()
            try await stage.until(other) { $0.phase == .planning }
            try await stage.runs.abort(other)
            #expect(try await stage.kinds(other) == ["step_start", "run_end"])
            let refusal = await #expect(throws: APIError.self) {
                try await stage.runs.abort(other)
            }
            #expect(refusal?.code == .notRunning)
            try await stage.runs.remove(other)
            #expect(throws: APIError.self) { try stage.runs.get(other) }
            #expect(try await stage.kinds(other).isEmpty)
        }
    }

    @Test func `Each budget ends a run with its name`() async throws {
        let cases: [(String, JSONValue, StopReason)] = [
            ("max_tokens", .integer(200), .maxTokens),
            ("max_cost_usd", .number(0.02), .maxCost),
            ("max_iterations", .integer(2), .maxIterations),
        ]
        for (name, value, reason) in cases {
            let fixture = try DatabaseFixture()
            try await onReactor {
                let stage = try await RunStage([], fixture: fixture)
                let id = try await stage.begin([name: value])
                let record = try await stage.finish(id)
                #expect(record.stopReason == reason && record.status == .failed)
                #expect(record.iteration == 2)
            }
        }
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await RunStage([.silence], fixture: fixture)
            let id = try await stage.begin(["max_seconds": .integer(1)])
            let record = try await stage.finish(id)
            #expect(record.stopReason == .maxSeconds)
        }
    }

    @Test func `Changed options count from the next step`() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await RunStage(
                [.answer("", [call("look")])], fixture: fixture)
            let id = try await stage.begin(["hitl_enabled": .bool(true)])
            try await stage.until(id) { $0.isWaiting }
            let change = try RunChange([
                "max_iterations": .integer(2), "model_name": .string("other"),
                "hitl_enabled": .bool(false),
            ])
            _ = try await stage.runs.configure(id, change)
            try await stage.runs.decide(id, try answer("approve"))
            let record = try await stage.finish(id)
            #expect(record.iteration == 2 && record.stopReason == .maxIterations)
            #expect(stage.model.questions.map(\.model) == ["claude-sonnet-4-6", "other"])
            let refusal = await #expect(throws: APIError.self) {
                _ = try await stage.runs.configure(id, change)
            }
            #expect(refusal?.code == .notRunning)
        }
    }

    @Test func `Old runs are forgotten as others end`() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            var settings = Runs.Settings()
            settings.kept = 2
            let stage = try await RunStage(
                [], (0..<5).map { _ in ScriptedGoals.met }, fixture: fixture, settings: settings)
            var ids: [String] = []
            for _ in 0..<5 {
                let id = try await stage.begin()
                ids.append(id)
                for _ in 0..<1_000 where stage.runs.unfinished.contains(id) {
                    await ReactorThread.reactor.pause(.milliseconds(5))
                }
            }
            for _ in 0..<1_000 where stage.runs.all.count > 2 {
                await ReactorThread.reactor.pause(.milliseconds(5))
            }
            #expect(stage.runs.all.map(\.id) == [ids[4], ids[3]])
            #expect(try await stage.store.all().map(\.id) == [ids[3], ids[4]])
        }
    }

    @Test func `Every watcher gets every event once, whenever it comes and however it reads`()
        async throws
    {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let turns = (0..<40).map { _ in ScriptedModel.Turn.answer("hm", [call("change")]) }
            let stage = try await RunStage(turns, fixture: fixture)
            let id = try await stage.begin(["max_iterations": .integer(30)])
            let feeds = stage.runs.feeds
            let early = CollectedFrames()
            _ = feeds.watch(id, after: 0, wantsProgress: false, early)
            let slow = CollectedFrames()
            slow.hasRoom = false
            let slowWatcher = feeds.watch(id, after: 0, wantsProgress: false, slow)
            let chatty = CollectedFrames()
            _ = feeds.watch(id, after: 0, wantsProgress: true, chatty)
            try await stage.until(id) { $0.iteration >= 5 }
            slow.hasRoom = true
            slowWatcher.drained()
            await othersTurn()
            slow.hasRoom = false
            let late = CollectedFrames()
            _ = feeds.watch(id, after: 0, wantsProgress: false, late)
            let since = CollectedFrames()
            _ = feeds.watch(id, after: 17, wantsProgress: false, since)
            _ = try await stage.finish(id)
            slow.hasRoom = true
            slowWatcher.drained()
            let after = CollectedFrames()
            _ = feeds.watch(id, after: 0, wantsProgress: false, after)
            for watcher in [early, slow, late, since, after] {
                for _ in 0..<1_000 where watcher.ending == nil {
                    await ReactorThread.reactor.pause(.milliseconds(5))
                }
                #expect(watcher.ending == 1_000)
            }
            let all = try await stage.events(id).map { String(decoding: $0.body, as: UTF8.self) }
            #expect(all.count > 200)
            #expect(early.frames == all)
            #expect(slow.frames == all)
            #expect(late.frames == all)
            #expect(after.frames == all)
            #expect(since.frames == Array(all.dropFirst(17)))
            #expect(chatty.frames.filter { !$0.contains("step_progress") } == all)
            #expect(chatty.frames.contains { $0.contains("step_progress") })
        }
    }

    @Test func `A secret the daemon holds is in no event, no message and no file`() async throws {
        let fixture = try DatabaseFixture()
        let key = "sk-canary-0123456789"
        try await onReactor {
            let leak = ToolCall(
                id: "a", name: "change", text: #"{"command":"echo \#(key)"}"#,
                arguments: ["command": .string("echo \(key)")])
            let stage = try await RunStage(
                [.answer("my key is \(key)", [call("look", "l"), leak])],
                [
                    GoalVerdict(
                        isAchieved: false, reason: key, details: Array("{\"k\":\"\(key)\"}".utf8))
                ],
                fixture: fixture, secrets: [Secret(key)])
            stage.tools.secret = key
            let id = try await stage.begin(["max_iterations": .integer(2)])
            _ = try await stage.finish(id)
            let events = try await stage.events(id)
            #expect(events.allSatisfy { !String(decoding: $0.body, as: UTF8.self).contains(key) })
            #expect(!"\(stage.model.questions)".contains(key))
            #expect("\(stage.model.questions)".contains("[redacted]"))
            await stage.database.close()
        }
        for suffix in ["", "-wal"] {
            let bytes = (try? Data(contentsOf: URL(filePath: fixture.path + suffix))) ?? Data()
            #expect(!String(decoding: bytes, as: UTF8.self).contains(key))
        }
    }

    @Test func `One run writes in a folder, and a bounded number work at once`() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            var settings = Runs.Settings()
            settings.atOnce = 1
            let stage = try await RunStage(
                [.silence, .answer("x", [])], fixture: fixture, settings: settings)
            let folder = try RunStage.subfolder(of: fixture)
            let first = try await stage.begin(in: folder)
            for busy in [folder, folder + "/", fixture.folder.file("")] {
                let refusal = await #expect(throws: APIError.self) {
                    _ = try await stage.begin(in: busy)
                }
                #expect(refusal?.code == .folderBusy)
            }
            try await stage.until(first) { $0.phase == .planning }
            let second = try await stage.begin(["max_iterations": .integer(1)])
            let third = try await stage.begin()
            #expect(try stage.runs.get(second).record.status == .pending)
            try await stage.runs.abort(third)
            #expect(try await stage.kinds(third) == ["run_end"])
            try await stage.runs.abort(first)
            _ = try await stage.finish(second)
            #expect(try stage.runs.get(second).record.stopReason == .maxIterations)
            #expect(stage.runs.all.map(\.id) == [third, second, first])
        }
    }

    @Test func `What a request gets wrong is one sentence and no run`() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let stage = try await RunStage([], fixture: fixture)
            let bad: [([String: JSONValue], APIError.Code)] = [
                (["goal": .string("nonsense")], .unknownGoal),
                (["model_name": .string("nobody")], .unknownModel),
                (["model_name": .string("")], .unknownModel),
                (["max_iterations": .integer(0)], .invalidSpec),
                (["max_iterations": .integer(1_001)], .invalidSpec),
                (["max_iterations": .string("3")], .invalidSpec),
                (["max_iteration": .integer(3)], .invalidSpec),
                (["max_cost_usd": .integer(0)], .invalidSpec),
                (["sandbox": .string("no")], .invalidSpec),
                (["hitl_enabled": .string("yes")], .invalidSpec),
            ]
            for (body, code) in bad {
                let refusal = await #expect(throws: APIError.self) {
                    _ = try await stage.begin(body)
                }
                #expect(refusal?.code == code, "\(body)")
            }
            for folder in ["relative", "/nowhere/at/all", "/etc/hostname", "/"] {
                let refusal = await #expect(throws: APIError.self) {
                    _ = try await stage.begin(in: folder)
                }
                #expect(refusal?.code == .invalidFolder, "\(folder)")
            }
            #expect(stage.runs.all.isEmpty)
        }
    }
}
