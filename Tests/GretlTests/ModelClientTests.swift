// The model side against llmock, a server that is not ours: both wires, all of its faults. Its own
// verdict must be clean, and so must be what ConversationJudge says of every request.

import Gretl
import NetCore
import TestSupport
import Testing

@Suite struct ModelClientTests {
    /// The name of a model of each wire.
    enum Wire: String, CaseIterable, CustomTestStringConvertible {
        case anthropic = "claude-sonnet-4-6"
        case openAI = "gpt-4o-mini"
        var testDescription: String { rawValue }
    }

    @Test(arguments: Wire.allCases)
    func `An answer with text and a tool call comes back whole`(wire: Wire) async throws {
        let stage = try ModelStage()
        try stage.server.script(
            #"{"type":"reply","text":"I will look.","tool_calls":[{"name":"file_read","#
                + #""arguments":{"path":"añb.py","start_line":3}}]}"#)
        let told = try await stage.ask(wire.rawValue, [.user("Repair it.")])
        let answer = try told.answer.get()
        #expect(answer.message.text == "I will look.")
        #expect(told.deltas.joined() == "I will look." && told.deltas.count > 1)
        #expect(answer.message.calls.count == 1)
        let call = try #require(answer.message.calls.first)
        #expect(call.name == "file_read" && !call.id.isEmpty)
        #expect(call.arguments == ["path": .string("añb.py"), "start_line": .integer(3)])
        #expect(answer.usage.input > 0 && answer.usage.output > 0 && answer.usage.cost ?? 0 > 0)
        #expect(!answer.isCut && told.retries.isEmpty)
        try stage.isClean()
    }
}
