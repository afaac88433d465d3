// Runs with a real database and scripted models, tools and goals, for tests of what the engine
// decides, keeps and tells.

import Glibc
import Gretl
import NetCore
import TestSupport
import Testing

/// A model that answers from a script.
@ReactorActor
final class ScriptedModel: ModelAsking {
    enum Turn {
        case answer(String, [ToolCall])
        case failure(ModelFailure)
        /// Answers only when it is cancelled.
        case silence
    }

    var turns: [Turn]
    private(set) var questions: [ModelQuestion] = []
    var usage = ModelUsage()

    init(_ turns: [Turn]) {
        self.turns = turns
        usage.input = 100
        usage.output = 20
        usage.cost = 0.01
    }

    func refusal(of model: String) -> APIError? {
        model == "nobody"
            ? APIError(.unknownModel, "there is no model 'nobody'", hint: "take another") : nil
    }

    func ask(
        _ question: ModelQuestion, _ progress: ModelProgress, until cancellation: Cancellation
    ) async throws(ModelFailure) -> ModelAnswer {
        questions.append(question)
        switch turns.isEmpty ? .answer("I have nothing more to do", []) : turns.removeFirst() {
        case .answer(let text, let calls):
            progress.delta?(text)
            return ModelAnswer(
                message: AssistantMessage(text: text, calls: calls), usage: usage)
        case .failure(let failure): throw failure
        case .silence:
            await cancellation.wait()
            throw ModelFailure(code: "cancelled", message: "cancelled")
        }
    }
}

/// Tools that answer at once, but for `sleep`.
@ReactorActor
final class ScriptedTools: ToolBox {
    private(set) var calls: [String] = []
    var secret = ""

    func run(_ call: ToolCall, in context: ToolContext) async -> ToolOutcome {
        calls.append(call.name)
        switch call.name {
        case "sleep":
            await context.cancellation.wait()
            return ToolOutcome("ended early", isError: true, mayHaveChanged: true)
        case "look": return ToolOutcome("looked \(secret)")
        case "change": return ToolOutcome("changed", exitCode: 0, mayHaveChanged: true)
        default: return ToolOutcome("Unknown tool: \(call.name)", isError: true)
        }
    }

    static let specs = [
        ToolSpec("look", "Looks.", schema: "{}", isReadOnly: true),
        ToolSpec("change", "Changes.", schema: "{}", isReadOnly: false),
        ToolSpec("sleep", "Sleeps.", schema: "{}", isReadOnly: false),
    ]
}

/// A goal that is met at a check of the script's choice.
@ReactorActor
final class ScriptedGoals: GoalBook {
    var verdicts: [GoalVerdict]
    private(set) var checks = 0

    init(_ verdicts: [GoalVerdict]) { self.verdicts = verdicts }

    func find(_ name: String, in folder: String) async throws(APIError) -> RunGoal {
        guard name == "test" else {
            throw APIError(.unknownGoal, "there is no goal '\(name)'", hint: "test")
        }
        return RunGoal(name: "test", prompt: "make the test pass")
    }

    func check(_ goal: RunGoal, in context: ToolContext) async -> GoalVerdict {
        checks += 1
        guard !verdicts.isEmpty else { return GoalVerdict(isAchieved: false, reason: "not yet") }
        return verdicts.removeFirst()
    }

    static let unmet = GoalVerdict(isAchieved: false, reason: "2 tests failed")
    static let met = GoalVerdict(isAchieved: true, reason: "All 2 tests passed")
}

extension Cancellation {
    /// Returns when the word comes.
    func wait() async {
        await withCheckedContinuation { continuation in
            _ = onCancel { continuation.resume() }
        }
    }
}

func call(_ name: String, _ id: String = "c1") -> ToolCall {
    ToolCall(id: id, name: name, text: "{}", arguments: [:])
}

/// A watcher that keeps what it gets.
@ReactorActor
final class CollectedFrames: RunListener {
    private(set) var frames: [String] = []
    private(set) var ending: UInt16?
    var hasRoom = true

    func append(_ frame: ByteChunk) {
        frames.append(
            frame.withSpan { span in
                // Behind the header of a frame.
                let bytes = span.indices.map { span[$0] }
                return String(decoding: bytes.dropFirst(bytes[1] == 126 ? 4 : 2), as: UTF8.self)
            })
    }

    func flush() {}
    func finish(code: UInt16, reason: String) { ending = code }
}

@ReactorActor
final class RunStage {
    let fixture: DatabaseFixture
    let database: Database
    let model: ScriptedModel
    let tools = ScriptedTools()
    let goals: ScriptedGoals
    let runs: Runs
    let store: RunStore

    init(
        _ turns: [ScriptedModel.Turn], _ verdicts: [GoalVerdict] = [], fixture: DatabaseFixture,
        settings: Runs.Settings = Runs.Settings(), secrets: [Secret] = []
    ) async throws {
        self.fixture = fixture
        database = try await fixture.open()
        store = RunStore(database)
        model = ScriptedModel(turns)
        goals = ScriptedGoals(verdicts)
        let parts = RunParts(
            reactor: ReactorThread.reactor, store: store, model: model, tools: tools,
            specs: ScriptedTools.specs, goals: goals, redaction: Redaction(secrets),
            overview: { _ in "a.txt" }, admit: { _, _ throws(APIError) in })
        runs = Runs(parts, settings, background: fixture.thread)
        try await runs.load()
        await runs.start()
    }

    /// Begins a run in a folder of its own.
    func begin(_ body: [String: JSONValue] = [:], in folder: String? = nil) async throws -> String {
        var body = body
        body["goal"] = body["goal"] ?? .string("test")
        body["cwd"] = .string(try folder ?? RunStage.subfolder(of: fixture))
        return try await runs.start(try RunRequest(body)).id
    }

    static func subfolder(of fixture: DatabaseFixture) throws -> String {
        let path = fixture.folder.file("project-\(RandomID.make())")
        try #require(unsafe mkdir(path, 0o700) == 0)
        return path
    }

    /// Waits, in turns and not by a clock alone, until the run is like that.
    func until(_ id: String, _ condition: (RunRecord) -> Bool) async throws {
        for _ in 0..<2_000 {
            if condition(try runs.get(id).record) { return }
            await ReactorThread.reactor.pause(.milliseconds(5))
        }
        Issue.record("the run did not get there: \(try runs.get(id).record)")
    }

    func finish(_ id: String) async throws -> RunRecord {
        try await until(id) { $0.status.isFinal }
        return try runs.get(id).record
    }

    func events(_ id: String) async throws -> [RunEvent] {
        try await store.events(of: id, after: 0, most: 1_000)
    }

    func kinds(_ id: String) async throws -> [String] {
        try await events(id).map(\.kind.rawValue)
    }
}
