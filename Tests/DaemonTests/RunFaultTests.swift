// Runs whose model fails in every way the mock server knows: the run goes on, or ends with the
// reason; llmock's verdict and our own judge stay clean over all requests.

import Glibc
import TestSupport
import Testing

@Suite struct RunFaultTests {
    private static let project = ["Makefile": "test:\n\t@test -f done\n"]

    @Test func `A run goes on over all that may pass`() throws {
        let stage = try RunStage(Self.project)
        try stage.model.script(
            #"{"type":"fail","status":529}"#, #"{"type":"fail","status":429,"retry_after":1}"#,
            #"{"type":"stream_fault","kind":"truncate","after_chunks":1}"#,
            RunStage.reply("I begin."),
            RunStage.reply("Done.", ("bash_exec", #"{"command":"touch done"}"#)))
        let run = try stage.start("make-test")
        #expect(try stage.end(of: run)["status"].text == "achieved")
        #expect(try stage.findings() == [])
        let events = try stage.events(run)
        #expect(events.count { $0["payload"]["level"].text == "warning" } >= 3, "\(events)")
    }

    @Test func `A call that cannot be run is told to the model, and the run goes on`() throws {
        let stage = try RunStage(Self.project)
        try stage.model.script(
            #"{"type":"tool_fault","kind":"malformed_arguments"}"#,
            #"{"type":"tool_fault","kind":"unknown_tool"}"#,
            RunStage.reply("One.", ("file_list", "{}")), RunStage.reply("Two."),
            RunStage.reply("Done.", ("bash_exec", #"{"command":"touch done"}"#)))
        let run = try stage.start("make-test")
        #expect(try stage.end(of: run)["status"].text == "achieved")
        #expect(try stage.findings() == [])
        let results = try stage.events(run).filter { $0["kind"].text == "tool_result" }
        #expect(results.count == 3, "\(results)")
        let refused = results.filter { $0["payload"]["error"] == .bool(true) }
        #expect(refused.count == 2, "\(results)")
    }

    @Test func `A refused key ends the run with the way out, and is not told`() throws {
        let stage = try RunStage(Self.project)
        try stage.model.script(#"{"type":"fail","status":401}"#)
        let run = try stage.start("make-test")
        let last = try stage.end(of: run)
        #expect(last["status"].text == "failed")
        #expect(try stage.model.requests().count == 1)
        #expect(try stage.findings() == [])
        let events = try stage.events(run)
        let error = try #require(events.first { $0["kind"].text == "error" })
        #expect(error["payload"]["code"].text == "model_refused", "\(error)")
        #expect("\(error)".contains("ANTHROPIC_API_KEY"), "\(error)")
        #expect(events.last?["kind"].text == "run_end")
        #expect(!"\(events)\(last)".contains(RunStage.key))
        #expect(!stage.daemon.standardError.contains(RunStage.key))
    }

    @Test func `A model that is not there ends the run in words`() throws {
        let stage = try RunStage(Self.project)
        let run = try stage.start("make-test", #""model_name":"ollama/nobody""#)
        // Nobody listens there on this machine; where somebody does, it does not know the model.
        let last = try stage.end(of: run, seconds: 120)
        #expect(last["status"].text == "failed")
        #expect(try stage.events(run).contains { $0["kind"].text == "error" })
    }
}
