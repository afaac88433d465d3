// Takes known secrets out of text that comes from models, servers and programs, before it is kept,
// told or sent anywhere: the keys the daemon itself holds. A program in the jail does not get them,
// but without one it can find them; and some servers repeat the beginning of a key they do not
// know.

import NetCore

/// The secrets that must not be told.
package struct Redaction: Sendable {
    private let secrets: [[UInt8]]
    private static let word = Array("[redacted]".utf8)
    /// A beginning of a secret that is shorter would be found in innocent text.
    private static let lengthLeast = 8

    package init(_ secrets: [Secret]) {
        self.secrets = Set(secrets.map { $0.reveal() })
            .filter { $0.utf8.count >= Redaction.lengthLeast }.sorted().map { Array($0.utf8) }
    }

    /// The text without them, whole or cut: every piece of eight bytes or more that stands at a
    /// secret's beginning.
    package func clean(_ text: String) -> String {
        guard !secrets.isEmpty, !text.isEmpty else { return text }
        let bytes = Array(text.utf8)
        let isClean = !secrets.contains { secret in
            let beginning = Array(secret[..<Redaction.lengthLeast])
            return ByteSearch.contains(beginning.span, in: bytes.span)
        }
        return isClean ? text : Redaction.replace(bytes, secrets)
    }

    private static func replace(_ bytes: [UInt8], _ secrets: [[UInt8]]) -> String {
        var cleaned: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let same =
                secrets.lazy.map { zip($0, bytes[index...]).prefix { $0 == $1 }.count }
                .max() ?? 0
            if same >= lengthLeast {
                cleaned += word
                index += same
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
