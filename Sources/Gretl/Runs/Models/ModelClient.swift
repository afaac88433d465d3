// Asks models over HTTPS: finds the server, checks the conversation, writes the request, repeats
// what may pass, and adds what the answer cost. Called by the engine of runs, one question at a
// time for each run. A key goes into the request and nowhere else.

package import NetCore

/// Asks models over the network.
@ReactorActor
package final class ModelClient: ModelAsking {
    private let reactor: Reactor
    private let https: HTTPSClient
    private let settings: ModelSettings
    private let retries: RetryPolicy
    private let idleTimeout: Duration
    private let redaction: Redaction
    /// A number of 0..<1; a test's own makes waits repeat.
    private let chance: @ReactorActor () -> Double

    /// Longest silence of a server. Local ones read a long conversation without a word.
    package nonisolated static let idleTimeoutUsual = Duration.seconds(120)

    package init(
        on reactor: Reactor, over https: HTTPSClient, _ settings: ModelSettings,
        retries: RetryPolicy = RetryPolicy(), idleTimeout: Duration = idleTimeoutUsual,
        chance: @escaping @ReactorActor () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.reactor = reactor
        self.https = https
        self.settings = settings
        self.retries = retries
        self.idleTimeout = idleTimeout
        self.chance = chance
        redaction = Redaction(settings.secrets)
    }

    package func refusal(of model: String) -> APIError? {
        do throws(APIError) {
            _ = try ModelRoute(model, settings)
            return nil
        } catch { return error }
    }

    package func ask(
        _ question: ModelQuestion, _ progress: ModelProgress, until cancellation: Cancellation
    ) async throws(ModelFailure) -> ModelAnswer {
        let route: ModelRoute
        do throws(APIError) { route = try ModelRoute(question.model, settings) } catch {
            throw ModelFailure(
                code: error.code.rawValue, message: error.message, hint: error.hint)
        }
        var question = question
        question.messages = Conversation.joined(question.messages)
        if let problem = Conversation.problem(
            system: question.system, messages: question.messages)
        {
            throw ModelFailure(
                code: "internal", message: "the conversation cannot be sent: \(problem)",
                hint: "this is a defect of gretl; please report it")
        }
        let plan = plan(question, route)
        let parts = try await attempts(plan, route, progress, cancellation)
        return answer(parts, to: question, route)
    }

    // MARK: Attempts

    private func attempts(
        _ plan: ExchangePlan, _ route: ModelRoute, _ progress: ModelProgress,
        _ cancellation: Cancellation
    ) async throws(ModelFailure) -> AnswerParts {
        let start = reactor.now
        var attempt = 1
        while true {
            guard !cancellation.isCancelled else { throw failure(.cancelled, route, nil) }
            let result = await ModelExchange.run(
                plan, over: https, progress.delta, until: cancellation)
            let failed: AttemptFailure
            switch result {
            case .success(let parts): return parts
            case .failure(let error): failed = error
            }
            let decision = retries.after(
                failed, attempt: attempt, elapsed: reactor.now - start, chance: chance())
            switch decision {
            case .giveUp(let note): throw failure(failed, route, note)
            case .wait(let wait):
                attempt += 1
                progress.retries(
                    redaction.clean(
                        "\(route.server): \(failed.text); attempt \(attempt) of "
                            + "\(retries.attemptsMost) in \(RetryPolicy.seconds(wait)) s"))
                guard await CancellableWait.run(wait, on: reactor, until: cancellation) else {
                    throw failure(.cancelled, route, nil)
                }
            }
        }
    }

    private func plan(_ question: ModelQuestion, _ route: ModelRoute) -> ExchangePlan {
        var request = HTTPSClient.Request(url: route.url)
        request.method = "POST"
        // One id for all attempts: a server that knows it answers twice and counts once.
        let id = "gretl-" + RandomID.make()
        request.headers = [
            ("Content-Type", "application/json"), ("Accept", "text/event-stream, application/json"),
            ("User-Agent", "gretl/\(Version.text)"), ("Idempotency-Key", id),
            ("X-Client-Request-Id", id),
        ]
        request.connectTimeout = .seconds(10)
        request.idleTimeout = idleTimeout
        if route.provider.isAnthropic {
            request.headers.append(("anthropic-version", "2023-06-01"))
            if let key = route.key { request.secretHeaders = [("x-api-key", key)] }
            request.body = AnthropicRequest.body(question, model: route.model, settings: settings)
        } else {
            request.authorization = route.key.map { Secret("Bearer \($0.reveal())") }
            request.body = ChatRequest.body(question, route: route, settings: settings)
        }
        return ExchangePlan(request: request, isAnthropic: route.provider.isAnthropic)
    }

    // MARK: Ends

    private func answer(
        _ parts: AnswerParts, to question: ModelQuestion, _ route: ModelRoute
    ) -> ModelAnswer {
        var taken: Set<String> = []
        for case .assistant(let message) in question.messages {
            taken.formUnion(message.calls.map(\.id))
        }
        let message = parts.message(taken: taken) { "call_" + RandomID.make() }
        var usage = parts.usage
        usage.cost = settings.prices.price(of: route.model, isOwnServer: route.provider.isOwn)
            .map { $0.cost(usage) }
        return ModelAnswer(message: message, usage: usage, isCut: parts.isCut)
    }

    private func failure(
        _ failed: AttemptFailure, _ route: ModelRoute, _ note: String?
    ) -> ModelFailure {
        let words = failed.words(provider: route.provider)
        guard words.code != "cancelled" else {
            return ModelFailure(code: words.code, message: "the question was given up")
        }
        let behind = note.map { " (\($0))" } ?? ""
        return ModelFailure(
            code: words.code, message: redaction.clean("\(route.server): \(failed.text)\(behind)"),
            hint: words.hint)
    }
}
