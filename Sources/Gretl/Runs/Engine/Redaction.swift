// Takes known secrets out of text that comes from models and programs, before it is kept, told or
// sent anywhere: the keys the daemon itself holds. A program in the jail does not get them, but
// without one it can find them.

import NetCore

/// The secrets that must not be told.
package struct Redaction: Sendable {
    private let secrets: [[UInt8]]
    private static let word = Array("[redacted]".utf8)
    /// What is shorter would be found in innocent text.
    private static let lengthLeast = 8

    package init(_ secrets: [Secret]) {
        var texts = Set(secrets.map { $0.reveal() })
        texts = texts.filter { $0.utf8.count >= Redaction.lengthLeast }
        // The longest first: one may be the beginning of another.
        self.secrets = texts.map { Array($0.utf8) }.sorted { $0.count > $1.count }
    }

    /// The text without them.
    package func clean(_ text: String) -> String {
        guard !secrets.isEmpty, !text.isEmpty else { return text }
        let bytes = Array(text.utf8)
        guard secrets.contains(where: { ByteSearch.contains($0.span, in: bytes.span) }) else {
            return text
        }
        var cleaned: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if let secret = secrets.first(where: { bytes[index...].starts(with: $0) }) {
                cleaned += Redaction.word
                index += secret.count
            } else {
                cleaned.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: cleaned, as: UTF8.self)
    }

    func clean(_ call: ToolCall) -> ToolCall {
        let text = clean(call.text)
        guard text != call.text else { return call }
        var cleaned = call
        cleaned.text = text
        cleaned.arguments = try? JSONValue.object(Array(text.utf8))
        return cleaned
    }

    func clean(_ answer: ModelAnswer) -> ModelAnswer {
        var cleaned = answer
        cleaned.message.text = clean(answer.message.text)
        cleaned.message.calls = answer.message.calls.map { clean($0) }
        return cleaned
    }

    func clean(_ outcome: ToolOutcome) -> ToolOutcome {
        var cleaned = outcome
        cleaned.content = clean(outcome.content)
        return cleaned
    }

    func clean(_ verdict: GoalVerdict) -> GoalVerdict {
        var cleaned = verdict
        cleaned.reason = clean(verdict.reason)
        cleaned.details = Array(clean(String(decoding: verdict.details, as: UTF8.self)).utf8)
        return cleaned
    }
}
