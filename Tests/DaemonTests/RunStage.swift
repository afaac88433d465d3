// A daemon with a model server beside it and a small project for its runs to work on: what the
// tests of agent runs share. The model is llmock, told by script; everything else is real.

import Glibc
import TestSupport
import Testing

/// One daemon, one model, one project.
final class RunStage {
    static let key = "sk-ant-0123456789abcdef-of-a-test"
    let model: MockModelServer
    let daemon: DaemonProcess
    let folder: TemporaryFolder
    var project: String { folder.file("project") }

    /// `files` are the project's, by name. All folders are made in `base`.
    init(_ files: [String: String], configuration: String? = nil, in base: String? = nil) throws {
        folder = TemporaryFolder(in: base)
        model = try MockModelServer()
        daemon = try DaemonProcess(
            configuration: configuration,
            environment: [
                "ANTHROPIC_API_KEY=\(Self.key)", "ANTHROPIC_BASE_URL=\(model.anthropicBase)",
            ], in: base)
        _ = unsafe mkdir(project, 0o700)
        for (name, text) in files { write(text, name) }
    }

    func write(_ text: String, _ name: String) {
        TemporaryFolder.write(text, to: "\(project)/\(name)", mode: 0o644)
    }

    func text(_ name: String) -> String { TextFile.read("\(project)/\(name)") ?? "" }

    // MARK: The model

    /// A turn of the model. `calls` are tools with their arguments as JSON.
    static func reply(_ text: String, _ calls: (String, String)...) -> String {
        let calls = calls.map { "{\"name\":\"\($0.0)\",\"arguments\":\($0.1)}" }
        let list = calls.joined(separator: ",")
        return "{\"type\":\"reply\",\"text\":\"\(text)\",\"tool_calls\":[\(list)]}"
    }

    /// What llmock and our own judge hold against all requests so far.
    func findings() throws -> [String] {
        try model.findings() + ConversationJudge.findings(try model.requests())
    }

    // MARK: Runs

    /// Starts one; its id. `more` are further members of the body.
    func start(_ goal: String, iterations: Int = 6, _ more: String = "") throws -> String {
        let body =
            "{\"goal\":\"\(goal)\",\"cwd\":\"\(project)\",\"max_iterations\":\(iterations)"
            + "\(more.isEmpty ? "" : ",")\(more)}"
        let answer = try daemon.ask("POST", "/api/runs", body)
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(answer.json["run_id"].text)
    }

    func view(_ run: String) throws -> JSONValue {
        try daemon.ask("GET", "/api/runs/\(run)").json
    }

    /// Waits until it is so of the run's view; its last view.
    @discardableResult
    func wait(
        _ run: String, seconds: Int = 60, sourceLocation: SourceLocation = #_sourceLocation,
        until isSo: (JSONValue) -> Bool
    ) throws -> JSONValue {
        var last = JSONValue.missing
        let came = try eventually(within: seconds * 1_000) {
            last = try view(run)
            return isSo(last)
        }
        #expect(came, "\(last)", sourceLocation: sourceLocation)
        return last
    }

    /// Waits for its end; the last view.
    @discardableResult
    func end(
        of run: String, seconds: Int = 60, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONValue {
        try wait(run, seconds: seconds, sourceLocation: sourceLocation) {
            $0["finished_at"] != .null && $0["finished_at"] != .missing
        }
    }

    /// All its events, page by page.
    func events(_ run: String) throws -> [JSONValue] {
        var all: [JSONValue] = []
        while all.count < 10_000 {
            let page = try daemon.ask(
                "GET", "/api/runs/\(run)/events?limit=100&since=\(all.count)"
            ).json.items
            if page.isEmpty { break }
            all += page
        }
        #expect(all.compactMap { $0["seq"].integer } == Array(1...max(1, all.count)))
        return all
    }

    /// Living processes with the word in their command line, but those that only name it to others.
    static func living(_ word: String) -> [Int32] {
        ProcessTable.parents().keys.filter { pid in
            ProcessTable.words(pid, "cmdline").contains(word)
        }
    }
}
