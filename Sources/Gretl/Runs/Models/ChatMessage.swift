// A conversation with a model, as the engine keeps it and both wires write it. Invariants, which
// Conversation checks before each request: the first message is a user's; every tool call of an
// assistant's message is answered by exactly one result in the next, in order.

/// One message.
package enum ChatMessage: Sendable, Equatable {
    case user(String)
    case assistant(AssistantMessage)
    /// Answers to the calls of the message before, then what the engine says.
    case results([ToolResult], text: String?)
}

/// What a model said.
package struct AssistantMessage: Sendable, Equatable {
    package var text: String
    package var calls: [ToolCall]

    package init(text: String, calls: [ToolCall]) {
        self.text = text
        self.calls = calls
    }
}

/// The answer to one tool call.
package struct ToolResult: Sendable, Equatable {
    package var callID: String
    package var content: String
    package var isError: Bool

    package init(callID: String, content: String, isError: Bool) {
        self.callID = callID
        self.content = content
        self.isError = isError
    }
}
