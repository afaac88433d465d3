// What a model's server says of a failure, in the forms of both wires, and what may be quoted of
// it: cleaned, cut, and without anything that looks like a credential. Servers repeat keys.

import NetCore

/// An error as a server words it.
struct ServerError {
    private(set) var message = ""
    private(set) var kind = ""
    private(set) var number: Int?

    /// Longest quotation, in scalars.
    private static let quotedMost = 300

    /// `{"error": {"type", "message", "code"}}`, or `{"error": "text"}`, or `{"message"}`, as
    /// Anthropic, OpenAI, vLLM, llama.cpp and Ollama have them.
    init(_ value: JSONValue) {
        let error = value.member("error") ?? value
        if let text = error.asText {
            message = text
        } else {
            message = error.member("message")?.asText ?? value.member("message")?.asText ?? ""
            kind = error.member("type")?.asText ?? ""
            number = error.member("code")?.asCount ?? error.member("status")?.asCount
            if kind.isEmpty || kind == "error" { kind = error.member("code")?.asText ?? kind }
        }
    }

    /// As a failure in the middle of an answer.
    var inStream: AttemptFailure {
        .inStream(status: status, said: ServerError.clean(message.isEmpty ? kind : message))
    }

    private var status: Int {
        if let number, (400...599).contains(number) { return number }
        switch kind {
        case "overloaded_error": return 529
        case "invalid_request_error": return 400
        case "authentication_error": return 401
        case "billing_error", "insufficient_quota": return 402
        case "permission_error": return 403
        case "not_found_error": return 404
        case "request_too_large": return 413
        case "rate_limit_error", "rate_limit_exceeded": return 429
        case "timeout_error": return 504
        default: return 500
        }
    }

    /// What an answer with `status` says. Of a 401 nothing: it is about the key.
    static func said(_ body: [UInt8], status: Int) -> String {
        guard status != 401, !body.isEmpty else { return "" }
        guard let value = StrictJSON.parse(body) else {
            // A proxy's page is of no use.
            guard body.first != UInt8(ascii: "<") else { return "" }
            return clean(String(decoding: body.prefix(2_000), as: UTF8.self))
        }
        let error = ServerError(value)
        return clean(error.message.isEmpty ? error.kind : error.message)
    }

    static func clean(_ text: String) -> String {
        let hidden = SecretLikeText.hidden(in: String(text.prefix(2_000)))
        return ClusterFailure.clean(hidden, most: quotedMost)
    }

    /// The time a server asks for: milliseconds where it gives them, else whole or broken seconds.
    static func retryAfter(_ head: HTTPSClient.Head) -> Duration? {
        if let milliseconds = number(head.value("retry-after-ms")) {
            return .milliseconds(Int(min(milliseconds, 86_400_000).rounded(.up)))
        }
        if let seconds = number(head.value("retry-after")) {
            return .milliseconds(Int((min(seconds, 86_400) * 1_000).rounded(.up)))
        }
        return nil
    }

    private static func number(_ text: String?) -> Double? {
        guard let text, text.utf8.count <= 20, let number = Double(text), number.isFinite,
            number >= 0
        else { return nil }
        return number
    }
}
