// What tests of the model side share: llmock, a client of it on the reactor, a question, and what
// the engine would be told.

import Gretl
import NetCore
import TestSupport
import Testing

/// A client and its server.
struct ModelStage {
    let server: MockModelServer
    private let background: BackgroundThread
    var settings = ModelSettings()
    var retries = RetryPolicy()
    var idleTimeout = Duration.seconds(20)

    static let key = "sk-ant-api03-Zq8vN2mXw7Rt5Kp1Ls9"

    init() throws {
        server = try MockModelServer()
        background = try BackgroundThread(name: "gr-test")
        settings.bases = [.anthropic: server.anthropicBase, .openai: server.openAIBase]
        settings.keys = [.anthropic: Secret(Self.key), .openai: Secret(Self.key)]
        retries.firstWait = .milliseconds(100)
    }

    /// What came of a question.
    struct Told: Sendable {
        var answer: Result<ModelAnswer, ModelFailure>
        var retries: [String] = []
        var deltas: [String] = []

        var failure: ModelFailure? {
            if case .failure(let failure) = answer { failure } else { nil }
        }
    }

    @ReactorActor
    private final class Ears {
        var retries: [String] = []
        var deltas: [String] = []
    }

    static let tools = [
        ToolSpec(
            "file_read", "Reads a file.",
            schema: """
                {"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}
                """, isReadOnly: true),
        ToolSpec("git_status", "Says it.", schema: #"{"type":"object"}"#, isReadOnly: true),
    ]

    /// Asks, and gives up after `patience` where it is given.
    func ask(
        _ model: String, _ messages: [ChatMessage], patience: Duration? = nil
    ) async throws -> Told {
        let question = ModelQuestion(
            model: model, system: "You repair things.", messages: messages, tools: Self.tools)
        return try await onReactor { [self] in
            let reactor = ReactorThread.reactor
            let https = HTTPSClient(on: reactor, background: background)
            let client = ModelClient(
                on: reactor, over: https, settings, retries: retries, idleTimeout: idleTimeout,
                chance: { 0.5 })
            let ears = Ears()
            let progress = ModelProgress(
                retries: { ears.retries.append($0) }, delta: { ears.deltas.append($0) })
            let cancellation = Cancellation()
            if let patience {
                spawn {
                    await reactor.pause(patience)
                    cancellation.cancel()
                }
            }
            let answer: Result<ModelAnswer, ModelFailure>
            do throws(ModelFailure) {
                answer = .success(try await client.ask(question, progress, until: cancellation))
            } catch { answer = .failure(error) }
            https.close()
            #expect(https.activeCount == 0 && https.watchCount == 0)
            return Told(answer: answer, retries: ears.retries, deltas: ears.deltas)
        }
    }

    /// llmock has nothing against its client but what is `expected`, and the conversations are
    /// right.
    func isClean(
        except expected: String = "nothing", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let findings = try server.findings().filter { !$0.contains(expected) }
        #expect(findings.isEmpty, sourceLocation: sourceLocation)
        let judged = ConversationJudge.findings(try server.requests())
        #expect(judged.isEmpty, sourceLocation: sourceLocation)
    }
}
