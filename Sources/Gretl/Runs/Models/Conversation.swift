// What must hold of a conversation before any model is asked, and how a long one is made shorter
// without breaking that. Pure. Servers answer a broken conversation with 400, and a run would be
// lost that cannot mend itself; so it is checked here first.

/// Rules of conversations.
package enum Conversation {
    /// Messages that are sent beside the first.
    package static let tailMost = 59
    /// So many go at once when there are too many: what stays is the same for some calls, and
    /// caches find it.
    static let cutStep = 20

    // MARK: The invariants

    /// What is wrong with what is to be sent; nil when nothing is.
    package static func problem(system: String, messages: [ChatMessage]) -> String? {
        if system.isBlank { return "there is no system text" }
        guard case .user? = messages.first else { return "the first message is not the user's" }
        guard messages.last?.isOfUser == true else { return "the last message is the model's" }
        var open: [String] = []
        var used: Set<String> = []
        for (index, message) in messages.enumerated() {
            let said: String?
            switch message {
            case .user(let text):
                said =
                    text.isBlank
                    ? "is empty" : open.isEmpty ? nil : "leaves \(open.count) tool calls unanswered"
            case .assistant(let answer):
                said = problem(answer, behind: messages[index - 1], &used)
                open = answer.calls.map(\.id)
            case .results(let results, _):
                said = problem(results, to: open)
                open = []
            }
            if let said { return "message \(index + 1) \(said)" }
        }
        return nil
    }

    private static func problem(
        _ answer: AssistantMessage, behind before: ChatMessage, _ used: inout Set<String>
    ) -> String? {
        guard before.isOfUser else { return "follows on another of the model" }
        for call in answer.calls {
            guard AnswerParts.isUsable(call.id) else { return "has a call whose id is none" }
            guard used.insert(call.id).inserted else { return "uses the id of a call again" }
            guard !call.name.isEmpty else { return "has a call without a name" }
        }
        return nil
    }

    private static func problem(_ results: [ToolResult], to open: [String]) -> String? {
        guard !results.isEmpty else { return "has no results" }
        guard !open.isEmpty else { return "answers calls that nobody made" }
        guard results.map(\.callID) == open else {
            return "does not answer exactly the calls before it, in order"
        }
        return nil
    }

    /// The same with messages of the user that follow on each other made one: models see turns.
    package static func joined(_ messages: [ChatMessage]) -> [ChatMessage] {
        var joined: [ChatMessage] = []
        for message in messages {
            guard case .user(let text) = message, let last = joined.popLast() else {
                joined.append(message)
                continue
            }
            switch last {
            case .user(let before): joined.append(.user(join(before, text)))
            case .results(let results, let before):
                joined.append(.results(results, text: before.map { join($0, text) } ?? text))
            case .assistant: joined += [last, message]
            }
        }
        return joined
    }

    private static func join(_ first: String, _ second: String) -> String {
        first.isBlank ? second : second.isBlank ? first : "\(first)\n\n\(second)"
    }

    // MARK: Trimming

    /// At most the first message and `most` others: the first with a line that says how many are
    /// missing, then from some turn of the model on everything. What is trimmed can be trimmed
    /// again; the line counts all.
    package static func trimmed(
        _ messages: [ChatMessage], most: Int = tailMost
    ) -> [ChatMessage] {
        let tail = messages.count - 1
        guard tail > most, most > 0, case .user(let first)? = messages.first else {
            return messages
        }
        let step = min(cutStep, max(1, most / 2))
        let excess = (tail - most + step - 1) / step * step
        // The next place where the model begins a turn; when it never does, the last message.
        let start = messages.indices.dropFirst(1 + min(excess, tail - 1)).first {
            !messages[$0].isOfUser
        }
        guard let start else { return messages }
        let (task, before) = withoutLine(first)
        let line = linePrefix + "\(before + start - 1)" + lineSuffix
        return [.user("\(task)\n\n\(line)")] + messages[start...]
    }

    private static let linePrefix = "["
    private static let lineSuffix = " earlier messages of this conversation were left out here.]"

    /// The task, and how many messages its line counts already.
    private static func withoutLine(_ text: String) -> (String, Int) {
        guard text.hasSuffix(lineSuffix), let start = text.range(of: "\n\n" + linePrefix) else {
            return (text, 0)
        }
        let digits = text[start.upperBound...].dropLast(lineSuffix.count)
        guard let count = Int(digits), count > 0, digits.utf8.count <= 9 else { return (text, 0) }
        return (String(text[..<start.lowerBound]), count)
    }
}

extension String {
    /// Where `part` stands last.
    fileprivate func range(of part: String) -> Range<Index>? {
        var at = endIndex
        while at > startIndex {
            at = index(before: at)
            if self[at...].hasPrefix(part) {
                return at..<index(at, offsetBy: part.count)
            }
        }
        return nil
    }
}
