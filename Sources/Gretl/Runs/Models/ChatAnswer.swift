// The answer of chat completions as OpenAI and many others write it, streamed or whole. Servers
// differ: calls come by index, by id or whole; arguments as text or as an object; ids and numbers
// of tokens may be missing. It is complete with a finish_reason or with [DONE].

/// An answer of chat completions as it comes.
struct ChatAnswer: Sendable {
    private(set) var parts = AnswerParts()
    /// Nothing more is to come.
    private(set) var isComplete = false
    private var reason: String?
    private var refusal = ""
    /// The newest call of each index the server gave.
    private var places: [Int: Int] = [:]

    /// Takes an event; the text it brings.
    mutating func take(_ event: ServerSentEvents.Event) throws(AttemptFailure) -> String {
        guard !isComplete else { return "" }
        if event.data == Array("[DONE]".utf8) {
            try complete()
            return ""
        }
        guard let value = StrictJSON.parse(event.data), value.asMembers != nil else {
            throw .nonsense("an event is no JSON object")
        }
        return try take(chunk: value, part: "delta")
    }

    /// Takes a whole answer, from a server that does not stream.
    mutating func take(whole value: JSONValue) throws(AttemptFailure) -> String {
        guard value.member("error") != nil || value.member("choices")?.asElements != nil else {
            throw .wrongKind("its JSON holds no choices")
        }
        let text = try take(chunk: value, part: "message")
        try complete()
        return text
    }

    /// The stream ended; the last of it may be missing once the reason of the end was said.
    mutating func end() throws(AttemptFailure) {
        guard !isComplete else { return }
        guard reason != nil else { throw .truncated }
        try complete()
    }

    private mutating func take(chunk: JSONValue, part: String) throws(AttemptFailure) -> String {
        if let error = chunk.member("error"), error != .null { throw ServerError(chunk).inStream }
        takeUsage(chunk.member("usage"))
        guard let choices = chunk.member("choices"), choices != .null else { return "" }
        guard let all = choices.asElements else { throw .nonsense("its choices are no list") }
        // One was asked for; others, of servers that send more, are none of ours.
        let choice = all.first { ($0.member("index")?.asCount ?? 0) == 0 }
        guard let choice else { return "" }
        var text = ""
        if let message = choice.member(part) ?? choice.member("message"), message != .null {
            guard message.asMembers != nil else { throw .nonsense("a piece is no object") }
            text = try ChatAnswer.text(message.member("content"))
            try parts.add(text: text)
            if let said = message.member("refusal")?.asText, refusal.utf8.count < 1_024 {
                refusal += said
            }
            try takeCalls(message.member("tool_calls"))
        }
        if let said = choice.member("finish_reason")?.asText, !said.isEmpty { reason = said }
        if reason == "error" { throw .inStream(status: 502, said: "") }
        return text
    }

    /// Text, or a list of parts with text.
    private static func text(_ content: JSONValue?) throws(AttemptFailure) -> String {
        switch content {
        case nil, .null: ""
        case .string(let text): text
        case .array(let parts): parts.compactMap { $0.member("text")?.asText }.joined()
        default: throw .nonsense("its content is no text")
        }
    }

    // MARK: Calls

    private mutating func takeCalls(_ value: JSONValue?) throws(AttemptFailure) {
        guard let value, value != .null else { return }
        guard let pieces = value.asElements else { throw .nonsense("its calls are no list") }
        for piece in pieces {
            guard let function = piece.member("function"), function.asMembers != nil else {
                throw .nonsense("a call names no function")
            }
            let id = piece.member("id")?.asText ?? ""
            let name = function.member("name")?.asText ?? ""
            let place = try place(of: piece.member("index")?.asCount, id: id, name: name)
            switch function.member("arguments") {
            case nil, .null: break
            case .string(let text): try parts.add(arguments: text, to: place)
            case .object(let members): try parts.set(arguments: members, of: place)
            default: throw .nonsense("arguments of a call are neither text nor object")
            }
        }
    }

    /// Which call a piece belongs to. Only the first has id and name, in theory: some servers
    /// repeat them, give every call the index 0, or no index at all.
    private mutating func place(
        of index: Int?, id: String, name: String
    )
        throws(AttemptFailure) -> Int
    {
        let last = parts.calls.isEmpty ? nil : parts.calls.count - 1
        let known = index.map { places[$0] } ?? (name.isEmpty || last == nil ? last : nil)
        if let known {
            let isOther =
                !id.isEmpty && !parts.calls[known].id.isEmpty && id != parts.calls[known].id
            if !isOther || name.isEmpty {
                try parts.name(known, id: id, name: name)
                return known
            }
        }
        // Without an index a repeated name is told from a new call by its id.
        if index == nil, let last, !id.isEmpty, parts.calls[last].id == id { return last }
        let made = try parts.beginCall(id: id, name: name)
        if let index { places[index] = made }
        return made
    }

    // MARK: The end

    private mutating func takeUsage(_ usage: JSONValue?) {
        guard let usage, usage.asMembers != nil else { return }
        if let count = usage.member("prompt_tokens")?.asCount {
            parts.usage.input = ModelUsage.sum(count)
        }
        if let count = usage.member("completion_tokens")?.asCount {
            parts.usage.output = ModelUsage.sum(count)
        }
        let details = usage.member("prompt_tokens_details")
        if let count = details?.member("cached_tokens")?.asCount {
            parts.usage.cacheRead = min(ModelUsage.sum(count), parts.usage.input)
        }
    }

    private mutating func complete() throws(AttemptFailure) {
        if reason == "content_filter" {
            throw .declined("the server's content filter stopped the answer (content_filter)")
        }
        if !refusal.isEmpty, parts.text.isEmpty, parts.calls.isEmpty {
            throw .declined("the model declined to answer: \(ServerError.clean(refusal))")
        }
        parts.isCut = reason == "length"
        isComplete = true
    }
}
