// Every fault llmock can show, on both wires: what may pass is asked again as the server wishes,
// what may not is told at once. Its own verdict on its client must be clean each time.

import Gretl
import NetCore
import TestSupport
import Testing

@Suite struct ModelFaultTests {
    typealias Wire = ModelClientTests.Wire

    private static let reply = #"{"type":"reply","text":"Here I am."}"#
    /// So long that its sender notices when its reader has gone.
    private static let longText = String(repeating: "word after word ", count: 4_000) + "end"

    /// What passes, with the count of attempts that come before the answer.
    private static let passing: [(fault: String, failures: Int)] = [
        (#"{"type":"fail","status":529,"times":2}"#, 2),
        (#"{"type":"fail","status":503}"#, 1),
        (#"{"type":"fail","status":500,"retry_after":1}"#, 1),
        (#"{"type":"fail","status":429,"retry_after":1}"#, 1),
        (#"{"type":"stream_fault","kind":"disconnect","after_chunks":2}"#, 1),
        (#"{"type":"stream_fault","kind":"truncate","after_chunks":2}"#, 1),
        (#"{"type":"stream_fault","kind":"malformed","after_chunks":2}"#, 1),
        (#"{"type":"stream_fault","kind":"stall","after_chunks":2,"stall_seconds":20}"#, 1),
    ]

    @Test(arguments: Wire.allCases, passing.indices)
    func `What may pass is asked again until it has passed`(wire: Wire, index: Int) async throws {
        let (fault, failures) = Self.passing[index]
        var stage = try ModelStage()
        if fault.contains("stall") { stage.idleTimeout = .seconds(2) }
        // The answer of each attempt, and the fault of the first.
        var replies = Array(repeating: Self.reply, count: failures + 1)
        if fault.contains("malformed") {
            replies[0] = "{\"type\":\"reply\",\"text\":\"\(Self.longText)\"}"
        }
        try stage.server.script(
            fault.contains("stream_fault") ? [fault] + replies : [fault, Self.reply])
        let told = try await stage.ask(wire.rawValue, [.user("Are you there?")])
        let answer = try told.answer.get()
        #expect(answer.message.text == "Here I am.", "\(fault)")
        #expect(told.retries.count == failures, "\(told.retries)")
        #expect(try stage.server.requests().count == failures + 1)
        try stage.isClean()
    }

    @Test(arguments: Wire.allCases, [400, 401, 402, 403, 404, 413, 422])
    func `What cannot pass is told at once`(wire: Wire, status: Int) async throws {
        let stage = try ModelStage()
        try stage.server.script("{\"type\":\"fail\",\"status\":\(status)}", Self.reply)
        let told = try await stage.ask(wire.rawValue, [.user("Are you there?")])
        let failure = try #require(told.failure)
        #expect(failure.code == "model_refused", "\(failure)")
        #expect(!"\(failure)".contains(ModelStage.key))
        #expect(told.retries == [])
        #expect(try stage.server.requests().count == 1)
        try stage.isClean()
    }

    @Test(arguments: Wire.allCases)
    func `Four attempts are all there are`(wire: Wire) async throws {
        let stage = try ModelStage()
        try stage.server.script(#"{"type":"fail","status":529,"times":null}"#)
        let told = try await stage.ask(wire.rawValue, [.user("Are you there?")])
        #expect(try #require(told.failure).code == "model_overloaded")
        #expect(told.retries.count == 3)
        #expect(try stage.server.requests().count == 4)
        // That it gave up is what it should.
        try stage.isClean(except: "gave_up")
    }

    @Test(arguments: Wire.allCases)
    func `Arguments that are no JSON are a call that cannot be run`(wire: Wire) async throws {
        let stage = try ModelStage()
        try stage.server.script(#"{"type":"tool_fault","kind":"malformed_arguments"}"#)
        let told = try await stage.ask(wire.rawValue, [.user("Repair it.")])
        let answer = try told.answer.get()
        let call = try #require(answer.message.calls.first)
        #expect(call.arguments == nil)
        try stage.isClean()
    }

    @Test(arguments: Wire.allCases)
    func `A question that is given up is not asked again`(wire: Wire) async throws {
        let stage = try ModelStage()
        try stage.server.script(
            #"{"type":"stream_fault","kind":"stall","after_chunks":1,"stall_seconds":15}"#,
            Self.reply)
        let told = try await stage.ask(
            wire.rawValue, [.user("Are you there?")], patience: .milliseconds(700))
        #expect(try #require(told.failure).code == "cancelled")
        #expect(try stage.server.requests().count <= 1)
    }
}
