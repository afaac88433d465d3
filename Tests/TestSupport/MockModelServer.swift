// A model's server for tests: llmock from PyPI on a port of its own, told by script what to answer
// and how to fail. It keeps every request, and judges whether its client repeats as it should.
// Fetched once by scripts/llmock; ended by pid.

import CEpoll
import Glibc

/// One llmock. Its calls block, for a moment: none belongs on the reactor's thread.
package final class MockModelServer: Sendable {
    private let folder = TemporaryFolder()
    private let made: (pid: Int32, pidfd: Int32)
    package let port: UInt16

    package struct Failed: Error, CustomStringConvertible { package let description: String }

    /// Where the program is.
    private static let program = Result { () throws -> String in
        let folder = BuildProducts.directory + "/llmock"
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let fetched = try Program.run(
            ["\(root)/scripts/llmock", folder], environment: Program.inheritedEnvironment,
            seconds: 300)
        guard fetched.exit == 0 else { throw Failed(description: fetched.errors) }
        return folder + "/bin/llmock"
    }

    /// A Python that has `websockets`, a client of others for our sockets.
    package static func python() throws -> String {
        try program.get().replacing("/bin/llmock", with: "/bin/python")
    }

    package init() throws {
        let program = try Self.program.get()
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let log = unsafe open(
            folder.file("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        made = try DaemonProcess.spawn(
            program, ["llmock", "serve", "--host", "127.0.0.1", "--port", "0"],
            ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED=1", "HOME=\(folder.path)"],
            [null, log, log])
        close(null)
        close(log)
        var port: UInt16?
        let mark = "running on http://127.0.0.1:"
        let deadline = cepoll_monotonic() + 60_000_000_000
        while port == nil, cepoll_monotonic() < deadline,
            !DaemonProcess.waitReadable(made.pidfd, 20)
        {
            let lines = (TextFile.read(folder.file("log")) ?? "").split(separator: "\n")
            for line in lines where port == nil {
                guard let start = line.firstRange(of: mark) else { continue }
                port = UInt16(line[start.upperBound...].prefix { $0.isNumber })
            }
        }
        guard let port else {
            MockModelServer.end(made)
            throw Failed(description: "llmock: \(TextFile.read(folder.file("log")) ?? "")")
        }
        self.port = port
    }

    deinit { MockModelServer.end(made) }

    private static func end(_ made: (pid: Int32, pidfd: Int32)) {
        _ = cepoll_pidfd_signal(made.pidfd, SIGKILL)
        _ = waitpid(made.pid, nil, 0)
        close(made.pidfd)
    }

    /// What ANTHROPIC_BASE_URL and OPENAI_BASE_URL are to be.
    package var anthropicBase: String { "http://127.0.0.1:\(port)/anthropic" }
    package var openAIBase: String { "http://127.0.0.1:\(port)/v1" }

    // MARK: Script and record

    /// Queues behaviours, each a JSON object as llmock's documentation has them.
    package func script(_ behaviors: String...) throws { try script(behaviors) }

    package func script(_ behaviors: [String]) throws {
        let answer = try call(
            "POST", "/_llmock/scenario", "{\"behaviors\":[\(behaviors.joined(separator: ","))]}")
        guard answer["queued"] != nil else { throw Failed(description: "\(answer)") }
    }

    /// Forgets script and record.
    package func reset() throws { _ = try call("POST", "/_llmock/reset", "{}") }

    /// All requests so far, in the order they came.
    package func requests() throws -> [RecordedJSON] {
        try call("GET", "/_llmock/requests", nil)["requests"]?.elements ?? []
    }

    /// What llmock holds against its client; empty when nothing. A request is in its record only a
    /// moment after its answer has been read: until then the one before it seems to be the last.
    package func findings() throws -> [String] {
        let deadline = cepoll_monotonic() + 5_000_000_000
        while true {
            let found = try findingsOfNow()
            if found.isEmpty || cepoll_monotonic() > deadline { return found }
            usleep(100_000)
        }
    }

    private func findingsOfNow() throws -> [String] {
        let verdict = try call("GET", "/_llmock/verdict", nil)
        return (verdict["findings"]?.elements ?? []).map { finding in
            let title = finding["title"]?.text ?? ""
            return "\(finding["severity"]?.text ?? "") \(finding["code"]?.text ?? ""): \(title)"
        }
    }

    private func call(_ method: String, _ path: String, _ body: String?) throws -> RecordedJSON {
        var words = ["curl", "-sS", "--max-time", "15", "-X", method]
        if let body {
            let file = folder.file("body-\(UInt64.random(in: .min ... .max))")
            TemporaryFolder.write(body, to: file)
            words += ["--data-binary", "@\(file)"]
        }
        let answer = try Program.run(words + ["http://127.0.0.1:\(port)\(path)"])
        guard answer.exit == 0, let value = RecordedJSON(answer.output) else {
            throw Failed(description: "\(method) \(path): \(answer.output)\(answer.errors)")
        }
        return value
    }
}
