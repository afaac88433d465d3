// The answer of the Messages API, streamed or whole. What is known of it: message_start, blocks of
// text and tool_use (thoughts and kinds we do not know are passed over), message_delta with the
// reason of the end and the tokens, message_stop. `ping` and `error` may come anywhere.

/// An answer of the Messages API as it comes.
struct AnthropicAnswer: Sendable {
    private enum Block: Sendable {
        case text
        case call(Int)
        case other
    }

    private(set) var parts = AnswerParts()
    private(set) var isComplete = false
    private var blocks: [Int: Block] = [:]
    private var reason: String?
    private var input = 0
    private var cacheRead = 0
    private var cacheWrite = 0
    private var output = 0

    private static let blocksMost = 1_024

    /// Takes an event; the text it brings.
    mutating func take(_ event: ServerSentEvents.Event) throws(AttemptFailure) -> String {
        guard !isComplete else { return "" }
        guard let value = StrictJSON.parse(event.data), value.asMembers != nil else {
            throw .nonsense("an event is no JSON object")
        }
        switch value.member("type")?.asText ?? event.name {
        case "message_start": takeUsage(value.member("message")?.member("usage"))
        case "content_block_start": return try begin(value)
        case "content_block_delta": return try goOn(value)
        case "content_block_stop":
            if case .call(let place) = blocks.removeValue(forKey: try index(value)) {
                parts.endCall(place)
            }
        case "message_delta":
            if let said = value.member("delta")?.member("stop_reason")?.asText { reason = said }
            takeUsage(value.member("usage"))
        case "message_stop": try complete()
        case "error": throw ServerError(value).inStream
        default: break
        }
        return ""
    }

    /// Takes a whole answer, from a server that does not stream.
    mutating func take(whole value: JSONValue) throws(AttemptFailure) -> String {
        if value.member("type")?.asText == "error" || value.member("error") != nil {
            throw ServerError(value).inStream
        }
        guard let content = value.member("content")?.asElements else {
            throw .wrongKind("its JSON holds no content")
        }
        for block in content {
            switch block.member("type")?.asText {
            case "text":
                try parts.endParagraph()
                try parts.add(text: block.member("text")?.asText ?? "")
            case "tool_use":
                let place = try beginCall(block)
                parts.endCall(place)
            default: break
            }
        }
        reason = value.member("stop_reason")?.asText
        takeUsage(value.member("usage"))
        try complete()
        return String(decoding: parts.text, as: UTF8.self)
    }

    /// The stream ended.
    mutating func end() throws(AttemptFailure) {
        guard isComplete else { throw .truncated }
    }

    // MARK: Blocks

    private func index(_ value: JSONValue) throws(AttemptFailure) -> Int {
        guard let index = value.member("index")?.asCount else {
            throw .nonsense("a block has no index")
        }
        return index
    }

    private mutating func begin(_ value: JSONValue) throws(AttemptFailure) -> String {
        let index = try index(value)
        guard let block = value.member("content_block"), blocks[index] == nil,
            blocks.count < AnthropicAnswer.blocksMost
        else { throw .nonsense("a block begins wrongly") }
        switch block.member("type")?.asText {
        case "text":
            let before = parts.text.count
            try parts.endParagraph()
            try parts.add(text: block.member("text")?.asText ?? "")
            blocks[index] = .text
            return String(decoding: parts.text[before...], as: UTF8.self)
        case "tool_use": blocks[index] = .call(try beginCall(block))
        default: blocks[index] = .other
        }
        return ""
    }

    private mutating func beginCall(_ block: JSONValue) throws(AttemptFailure) -> Int {
        let place = try parts.beginCall(
            id: block.member("id")?.asText ?? "", name: block.member("name")?.asText ?? "")
        if let members = block.member("input")?.asMembers, !members.isEmpty {
            try parts.set(arguments: members, of: place)
        }
        return place
    }

    private mutating func goOn(_ value: JSONValue) throws(AttemptFailure) -> String {
        guard let block = blocks[try index(value)], let delta = value.member("delta") else {
            throw .nonsense("a piece belongs to no block")
        }
        switch (block, delta.member("type")?.asText) {
        case (.text, "text_delta"):
            guard let text = delta.member("text")?.asText else { break }
            try parts.add(text: text)
            return text
        case (.call(let place), "input_json_delta"):
            guard let piece = delta.member("partial_json")?.asText else { break }
            try parts.add(arguments: piece, to: place)
            return ""
        case (.other, _), (_, "thinking_delta"), (_, "signature_delta"), (_, "citations_delta"):
            return ""
        default: break
        }
        throw .nonsense("a piece does not fit its block")
    }

    // MARK: The end

    /// Numbers are of the whole message so far; a later one replaces an earlier one.
    private mutating func takeUsage(_ usage: JSONValue?) {
        guard let usage else { return }
        input = usage.member("input_tokens")?.asCount ?? input
        output = usage.member("output_tokens")?.asCount ?? output
        cacheRead = usage.member("cache_read_input_tokens")?.asCount ?? cacheRead
        cacheWrite = usage.member("cache_creation_input_tokens")?.asCount ?? cacheWrite
    }

    private mutating func complete() throws(AttemptFailure) {
        switch reason {
        case "refusal": throw .declined("the model declined to answer (refusal)")
        case "max_tokens", "model_context_window_exceeded": parts.isCut = true
        default: break
        }
        // Counted without what caches gave and took; ours is all of it.
        parts.usage.input = ModelUsage.sum(input, cacheRead, cacheWrite)
        parts.usage.output = ModelUsage.sum(output)
        parts.usage.cacheRead = ModelUsage.sum(cacheRead)
        parts.usage.cacheWrite = ModelUsage.sum(cacheWrite)
        isComplete = true
    }
}

extension ModelUsage {
    /// Most tokens that are believed of one answer: sums of many stay far from overflow.
    static let tokensMost = 1_000_000_000

    /// The sum of what a server counted, held within what can be true.
    static func sum(_ counts: Int...) -> Int {
        counts.reduce(0) { min(tokensMost, $0 + min(max(0, $1), tokensMost)) }
    }
}
