// A run in memory: the record, the conversation, and what of the current answer is still to be
// done. Changed by RunMachine alone.

/// Everything a run knows.
package struct RunState: Sendable, Equatable {
    package var record: RunRecord
    /// Made once, before the first question.
    package var system = ""
    /// Without the answer that is being worked on.
    package var conversation: [ChatMessage] = []
    /// The model's last answer while its tools run and its goal is checked.
    package var answer: AssistantMessage?
    /// Of `answer`, as far as they are there.
    package var results: [ToolResult] = []

    package init(_ record: RunRecord) { self.record = record }

    /// The calls nobody has answered yet.
    var openCalls: ArraySlice<ToolCall> { (answer?.calls ?? [])[min(results.count, callCount)...] }
    private var callCount: Int { answer?.calls.count ?? 0 }
}

/// A part of a conversation as it is kept: appended, never changed.
package enum RunPiece: Sendable, Equatable {
    case system(String)
    /// What the engine says.
    case user(String)
    case assistant(AssistantMessage)
    case result(ToolResult)
}

extension RunState {
    /// Takes up what was kept: as the run left off, with the answer under way as `answer`.
    package init(_ record: RunRecord, pieces: [RunPiece]) {
        self.init(record)
        for piece in pieces {
            switch piece {
            case .system(let text): system = text
            case .user(let text): append(user: text)
            case .assistant(let message):
                // An answer nobody commented cannot have another behind it.
                if answer != nil { append(user: "") }
                answer = message
            case .result(let result): results.append(result)
            }
        }
    }

    /// Ends the answer under way with what the engine says.
    mutating func append(user text: String) {
        guard let message = answer else { return conversation.append(.user(text)) }
        conversation.append(.assistant(message))
        if message.calls.isEmpty {
            conversation.append(.user(text))
        } else {
            conversation.append(.results(results, text: text.isEmpty ? nil : text))
        }
        answer = nil
        results = []
    }
}
