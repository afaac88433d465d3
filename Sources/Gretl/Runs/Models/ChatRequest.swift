// The request of chat completions, as OpenAI and everybody compatible takes it. Nothing is sent
// that some refuse: no temperature and no limit of tokens unless configured.

/// Writes requests of chat completions.
enum ChatRequest {
    static func body(
        _ question: ModelQuestion, route: ModelRoute, settings: ModelSettings
    ) -> [UInt8] {
        var json = JSONText(capacity: 65_536)
        json.beginObject()
        json.field("model", route.model)
        if let most = settings.tokensMost {
            // OpenAI renamed it; others know the old name only.
            if route.provider == .openai {
                json.field("max_completion_tokens", most)
            } else {
                json.field("max_tokens", most)
            }
        }
        if let temperature = settings.temperature { json.field("temperature", temperature) }
        json.field("stream", true)
        json.key("stream_options")
        json.beginObject()
        json.field("include_usage", true)
        json.endObject()
        write(question.tools, into: &json)
        json.key("messages")
        json.beginArray()
        write("system", question.system, into: &json)
        for message in question.messages { write(message, into: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func write(_ tools: [ToolSpec], into json: inout JSONText) {
        guard !tools.isEmpty else { return }
        json.key("tools")
        json.beginArray()
        for tool in tools {
            json.beginObject()
            json.field("type", "function")
            json.key("function")
            json.beginObject()
            json.field("name", tool.name)
            json.field("description", tool.summary)
            json.key("parameters")
            json.raw(tool.schemaBytes)
            json.endObject()
            json.endObject()
        }
        json.endArray()
    }

    private static func write(_ message: ChatMessage, into json: inout JSONText) {
        switch message {
        case .user(let text): write("user", text, into: &json)
        case .assistant(let message): write(message, into: &json)
        case .results(let results, let text):
            for result in results {
                json.beginObject()
                json.field("role", "tool")
                json.field("tool_call_id", result.callID)
                json.field(
                    "content", result.content.isBlank ? AnthropicRequest.nothing : result.content)
                json.endObject()
            }
            if let text { write("user", text, into: &json) }
        }
    }

    private static func write(_ role: String, _ text: String, into json: inout JSONText) {
        json.beginObject()
        json.field("role", role)
        json.field("content", text.isBlank ? AnthropicRequest.nothing : text)
        json.endObject()
    }

    private static func write(_ message: AssistantMessage, into json: inout JSONText) {
        guard !message.calls.isEmpty else { return write("assistant", message.text, into: &json) }
        json.beginObject()
        json.field("role", "assistant")
        json.field("content", message.text.isBlank ? nil : message.text)
        json.key("tool_calls")
        json.beginArray()
        for call in message.calls {
            json.beginObject()
            json.field("id", call.id)
            json.field("type", "function")
            json.key("function")
            json.beginObject()
            json.field("name", call.name)
            json.key("arguments")
            json.string(decoding: ArgumentsText.object(of: call))
            json.endObject()
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}
