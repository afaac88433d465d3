// What is asked of a model and what it answers, whichever wire lies between. Implemented by
// ModelClient; the engine's tests answer from a script.

package import NetCore

/// One turn asked of a model.
package struct ModelQuestion: Sendable {
    /// As the run was given it, such as `claude-sonnet-4-6` or `ollama/qwen3`.
    package var model: String
    package var system: String
    package var messages: [ChatMessage]
    package var tools: [ToolSpec]

    package init(
        model: String, system: String, messages: [ChatMessage], tools: [ToolSpec]
    ) {
        self.model = model
        self.system = system
        self.messages = messages
        self.tools = tools
    }
}

/// Tokens of one turn.
package struct ModelUsage: Sendable, Equatable {
    /// Everything that was read, from caches too.
    package var input = 0
    package var output = 0
    package var cacheRead = 0
    package var cacheWrite = 0
    /// In US dollars; nil when no price is known for the model.
    package var cost: Double?

    package init() {}

    package var total: Int { input + output }
}

/// What a model answered, whole.
package struct ModelAnswer: Sendable, Equatable {
    package var message: AssistantMessage
    package var usage: ModelUsage
    /// The answer ended at the model's limit of tokens; calls that were cut have no arguments.
    package var isCut: Bool

    package init(message: AssistantMessage, usage: ModelUsage, isCut: Bool = false) {
        self.message = message
        self.usage = usage
        self.isCut = isCut
    }
}

/// Why there is no answer, after all attempts.
package struct ModelFailure: Error, Sendable, Equatable {
    /// As in events: model_unreachable, model_refused, model_overloaded, missing_api_key,
    /// unknown_model, bad_answer, cancelled.
    package var code: String
    /// What happened, without any secret.
    package var message: String
    package var hint: String?

    package init(code: String, message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

/// What the engine wants to know while a model answers.
@ReactorActor
package struct ModelProgress {
    /// A sentence for the run's log: an attempt failed and is repeated.
    package var retries: (String) -> Void
    /// A piece of the text, as it comes; nil when nobody listens.
    package var delta: ((String) -> Void)?

    package init(retries: @escaping (String) -> Void, delta: ((String) -> Void)? = nil) {
        self.retries = retries
        self.delta = delta
    }
}

/// Asks models.
@ReactorActor
package protocol ModelAsking: AnyObject {
    /// Nil when the model can be asked; else unknown_model or missing_api_key, for POST /api/runs.
    func refusal(of model: String) -> APIError?
    func ask(
        _ question: ModelQuestion, _ progress: ModelProgress, until cancellation: Cancellation
    ) async throws(ModelFailure) -> ModelAnswer
}
