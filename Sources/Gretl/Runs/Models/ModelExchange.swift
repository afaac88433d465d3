// One attempt: sends the request, takes the answer apart as it comes, and says how it ended. Made
// by ModelClient for each attempt. The answer is there when its wire says so; what a server sends
// after that is read only to keep the connection, and little of it.

import NetCore

/// What an attempt sends, and how the answer is read.
struct ExchangePlan {
    var request: HTTPSClient.Request
    var isAnthropic: Bool
}

/// One attempt under way.
@ReactorActor
final class ModelExchange: TransferConsumer {
    private enum Body {
        /// Of a status that says no.
        case refusal([UInt8])
        /// Whole JSON.
        case whole([UInt8])
        case events(ServerSentEvents)
        /// Which of the two is known with the first byte.
        case unknown
        /// The answer is complete; so many bytes may come before the connection is given up.
        case rest(Int)
    }
    private enum Answer {
        case anthropic(AnthropicAnswer)
        case chat(ChatAnswer)
    }

    private let delta: ((String) -> Void)?
    private var answer: Answer
    private var body = Body.unknown
    private var head = HTTPSClient.Head(status: 0, headers: [])
    private var received = 0
    private var transfer: Transfer?
    private var continuation: CheckedContinuation<Result<AnswerParts, AttemptFailure>, Never>?

    private static let refusalMost = 64 << 10
    private static let wholeMost = 16 << 20
    /// Bytes of one answer with all its framing; pings count.
    private static let streamMost = 256 << 20
    private static let restMost = 64 << 10

    private init(isAnthropic: Bool, _ delta: ((String) -> Void)?) {
        answer = isAnthropic ? .anthropic(AnthropicAnswer()) : .chat(ChatAnswer())
        self.delta = delta
    }

    /// Asks once.
    static func run(
        _ plan: ExchangePlan, over https: HTTPSClient, _ delta: ((String) -> Void)?,
        until cancellation: Cancellation
    ) async -> Result<AnswerParts, AttemptFailure> {
        let exchange = ModelExchange(isAnthropic: plan.isAnthropic, delta)
        var token: Cancellation.Token?
        let result = await withCheckedContinuation { continuation in
            exchange.continuation = continuation
            exchange.transfer = https.open(plan.request, exchange)
            token = cancellation.onCancel { exchange.stop(.cancelled) }
        }
        if let token { cancellation.remove(token) }
        return result
    }

    /// Ends the transfer as well.
    private func stop(_ failure: AttemptFailure) {
        transfer?.cancel()
        transfer = nil
        finish(.failure(failure))
    }

    private func finish(_ result: Result<AnswerParts, AttemptFailure>) {
        continuation?.resume(returning: result)
        continuation = nil
    }

    // MARK: As the answer comes

    func transferDidBegin(_ transfer: Transfer, _ head: HTTPSClient.Head) {
        self.head = head
        let type = head.value("content-type")?.lowercased() ?? ""
        if head.status != 200 {
            body = .refusal([])
        } else if type.hasPrefix("text/event-stream") {
            body = .events(ServerSentEvents())
        } else if type.contains("json"), !type.contains("ndjson") {
            body = .whole([])
        } else if type.hasPrefix("text/html") {
            stop(.wrongKind("it answered with a page of HTML"))
        }
    }

    func transfer(_ transfer: Transfer, received bytes: Span<UInt8>) -> TransferFlow {
        received += bytes.count
        do throws(AttemptFailure) {
            guard received <= ModelExchange.streamMost else {
                throw .nonsense("it has no end")
            }
            try take(bytes)
        } catch { stop(error) }
        return .go
    }

    private func take(_ bytes: Span<UInt8>) throws(AttemptFailure) {
        switch body {
        case .refusal(var kept):
            body = .unknown
            ModelExchange.append(bytes, to: &kept, most: ModelExchange.refusalMost)
            body = .refusal(kept)
        case .whole(var kept):
            body = .unknown
            guard kept.count + bytes.count <= ModelExchange.wholeMost else {
                throw .nonsense("it is longer than \(ModelExchange.wholeMost >> 20) MiB")
            }
            ModelExchange.append(bytes, to: &kept, most: ModelExchange.wholeMost)
            body = .whole(kept)
        case .events(var stream):
            body = .unknown
            let events: [ServerSentEvents.Event]
            do throws(ServerSentEvents.Overlong) { events = try stream.take(bytes) } catch {
                throw .nonsense("one of its events is too long")
            }
            body = .events(stream)
            for event in events { try take(event) }
            if isComplete { complete() }
        case .unknown:
            for index in bytes.indices where !(bytes[index] <= 0x20) {
                body = bytes[index] == UInt8(ascii: "{") ? .whole([]) : .events(ServerSentEvents())
                return try take(bytes)
            }
        case .rest(let left):
            guard bytes.count <= left else {
                transfer?.cancel()
                transfer = nil
                return
            }
            body = .rest(left - bytes.count)
        }
    }

    private static func append(_ bytes: Span<UInt8>, to kept: inout [UInt8], most: Int) {
        let count = min(bytes.count, max(0, most - kept.count))
        // The buffer is read within the call.
        unsafe bytes.extracting(0..<count).withUnsafeBufferPointer {
            unsafe kept.append(contentsOf: $0)
        }
    }

    private func take(_ event: ServerSentEvents.Event) throws(AttemptFailure) {
        let text: String
        switch answer {
        case .anthropic(var answer):
            // Emptied while it changes, or each piece would copy all before it.
            self.answer = .chat(ChatAnswer())
            text = try answer.take(event)
            self.answer = .anthropic(answer)
        case .chat(var answer):
            self.answer = .anthropic(AnthropicAnswer())
            text = try answer.take(event)
            self.answer = .chat(answer)
        }
        tell(text)
    }

    private func tell(_ text: String) {
        if !text.isEmpty, continuation != nil { delta?(text) }
    }

    private var isComplete: Bool {
        switch answer {
        case .anthropic(let answer): answer.isComplete
        case .chat(let answer): answer.isComplete
        }
    }

    private var parts: AnswerParts {
        switch answer {
        case .anthropic(let answer): answer.parts
        case .chat(let answer): answer.parts
        }
    }

    /// The answer is there; the transfer ends by itself, or by its bounds.
    private func complete() {
        body = .rest(ModelExchange.restMost)
        finish(.success(parts))
    }

    // MARK: The end

    func transferDidEnd(_ transfer: Transfer, _ failure: TransferError?) {
        self.transfer = nil
        guard continuation != nil else { return }
        do throws(AttemptFailure) {
            try end(failure)
            finish(.success(parts))
        } catch { finish(.failure(error)) }
    }

    private func end(_ failure: TransferError?) throws(AttemptFailure) {
        switch body {
        case .refusal(let kept):
            throw .status(
                head.status, said: ServerError.said(kept, status: head.status),
                retryAfter: ServerError.retryAfter(head))
        case .whole(let kept):
            if let failure { throw ModelExchange.failure(failure) }
            guard let value = StrictJSON.parse(kept) else {
                throw .nonsense("it is no JSON")
            }
            tell(try take(whole: value))
        case .events(var stream):
            if failure == nil, let event = try? stream.finish() { try endWith(event) }
            do throws(AttemptFailure) { try endAnswer() } catch {
                throw failure.map { ModelExchange.failure($0) } ?? error
            }
        case .unknown: throw failure.map { ModelExchange.failure($0) } ?? .truncated
        case .rest: break
        }
    }

    /// An event that was cut short is a cut stream, not nonsense.
    private func endWith(_ event: ServerSentEvents.Event) throws(AttemptFailure) {
        do throws(AttemptFailure) { try take(event) } catch {
            if case .nonsense = error { throw .truncated }
            throw error
        }
    }

    private func take(whole value: JSONValue) throws(AttemptFailure) -> String {
        switch answer {
        case .anthropic(var made):
            let text = try made.take(whole: value)
            answer = .anthropic(made)
            return text
        case .chat(var made):
            let text = try made.take(whole: value)
            answer = .chat(made)
            return text
        }
    }

    private func endAnswer() throws(AttemptFailure) {
        switch answer {
        case .anthropic(var made):
            try made.end()
            answer = .anthropic(made)
        case .chat(var made):
            try made.end()
            answer = .chat(made)
        }
    }

    private static func failure(_ error: TransferError) -> AttemptFailure {
        error == .cancelled ? .cancelled : .transfer(error)
    }
}
