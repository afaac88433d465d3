// The request of the Messages API. The bytes of tools, system and earlier messages are the same in
// each call of a run, and at most four marks say how far the cache shall reach: without both
// nothing is ever found in it.

/// Writes requests of the Messages API.
enum AnthropicRequest {
    /// Marks on messages; the tools and the system text have one each.
    private static let messageMarks = 2
    /// What stands where a text must not be empty.
    static let nothing = "(nothing)"

    static func body(
        _ question: ModelQuestion, model: String, settings: ModelSettings
    ) -> [UInt8] {
        var json = JSONText(capacity: 65_536)
        json.beginObject()
        json.field("model", model)
        json.field("max_tokens", settings.tokensMost ?? tokensMost(model))
        if let temperature = settings.temperature { json.field("temperature", temperature) }
        json.field("stream", true)
        write(question.tools, into: &json)
        json.key("system")
        json.beginArray()
        write(text: question.system, isMarked: true, into: &json)
        json.endArray()
        write(question.messages, into: &json)
        json.endObject()
        return json.bytes
    }

    /// What a model can write at most, as far as we ask for it; required by the API.
    static func tokensMost(_ model: String) -> Int {
        let name = model.split(separator: "/").last.map(String.init) ?? model
        if ["claude-3-opus", "claude-3-haiku", "claude-3-sonnet", "claude-2", "claude-instant"]
            .contains(where: name.hasPrefix)
        {
            return 4_096
        }
        return name.hasPrefix("claude") && !name.hasPrefix("claude-3-5") ? 32_000 : 8_192
    }

    private static func write(_ tools: [ToolSpec], into json: inout JSONText) {
        guard !tools.isEmpty else { return }
        json.key("tools")
        json.beginArray()
        for (index, tool) in tools.enumerated() {
            json.beginObject()
            json.field("name", tool.name)
            json.field("description", tool.summary)
            json.key("input_schema")
            json.raw(tool.schemaBytes)
            if index == tools.count - 1 { mark(&json) }
            json.endObject()
        }
        json.endArray()
    }

    private static func write(_ messages: [ChatMessage], into json: inout JSONText) {
        // The last ones of the user: the next call finds in the cache what this one left there.
        let users = messages.indices.filter { messages[$0].isOfUser }
        let marked = Set(users.suffix(messageMarks))
        json.key("messages")
        json.beginArray()
        for (index, message) in messages.enumerated() {
            json.beginObject()
            json.field("role", message.isOfUser ? "user" : "assistant")
            json.key("content")
            json.beginArray()
            let isMarked = marked.contains(index)
            switch message {
            case .user(let text): write(text: text, isMarked: isMarked, into: &json)
            case .assistant(let message): write(message, into: &json)
            case .results(let results, let text):
                for (place, result) in results.enumerated() {
                    let isLast = text == nil && place == results.count - 1
                    write(result, isMarked: isMarked && isLast, into: &json)
                }
                if let text { write(text: text, isMarked: isMarked, into: &json) }
            }
            json.endArray()
            json.endObject()
        }
        json.endArray()
    }

    private static func write(_ message: AssistantMessage, into json: inout JSONText) {
        if !message.text.isBlank || message.calls.isEmpty {
            write(text: message.text, isMarked: false, into: &json)
        }
        for call in message.calls {
            json.beginObject()
            json.field("type", "tool_use")
            json.field("id", call.id)
            json.field("name", call.name)
            json.key("input")
            json.raw(ArgumentsText.object(of: call))
            json.endObject()
        }
    }

    private static func write(_ result: ToolResult, isMarked: Bool, into json: inout JSONText) {
        json.beginObject()
        json.field("type", "tool_result")
        json.field("tool_use_id", result.callID)
        json.field("content", result.content.isBlank ? nothing : result.content)
        if result.isError { json.field("is_error", true) }
        if isMarked { mark(&json) }
        json.endObject()
    }

    private static func write(text: String, isMarked: Bool, into json: inout JSONText) {
        json.beginObject()
        json.field("type", "text")
        // Text of spaces only is refused.
        json.field("text", text.isBlank ? nothing : text)
        if isMarked { mark(&json) }
        json.endObject()
    }

    private static func mark(_ json: inout JSONText) {
        json.key("cache_control")
        json.beginObject()
        json.field("type", "ephemeral")
        json.endObject()
    }
}

extension ChatMessage {
    /// Sent in the user's name.
    var isOfUser: Bool {
        if case .assistant = self { false } else { true }
    }
}

extension String {
    /// Nothing in it is seen.
    var isBlank: Bool { allSatisfy(\.isWhitespace) }
}

extension ToolSpec {
    /// The schema as it is sent.
    var schemaBytes: [UInt8] {
        // The text is part of the program.
        schema.withUTF8Buffer { unsafe Array($0) }
    }
}
