// The events of a run as a text that is the same every time: one line each, without times, ids and
// counts of tokens, which the mock server counts its own way.

import TestSupport

enum RunTranscript {
    private static let dropped: Set<String> = ["duration_ms", "seq", "run_id", "ts"]
    private static let counted: Set<String> = [
        "input_tokens", "output_tokens", "prompt_tokens", "completion_tokens", "total_tokens",
        "tokens", "cost_usd", "estimated_cost_usd",
    ]

    static func text(_ events: [JSONValue], project: String) -> String {
        var calls: [String: String] = [:]
        return events.map { event in
            let kind = event["kind"].text ?? "?"
            let payload = plain(event["payload"], "", &calls)
            return "\(event["iteration"].integer ?? -1) \(kind) \(payload)\n"
        }
        .joined().replacing(project, with: "PROJECT")
    }

    private static func plain(
        _ value: JSONValue, _ key: String, _ calls: inout [String: String]
    ) -> String {
        switch value {
        case .null: return "null"
        case .missing: return "missing"
        case .bool(let flag): return "\(flag)"
        case .number(let text): return counted.contains(key) && text != "0" ? "N" : text
        case .string(let text):
            if key == "tool_call_id" {
                let known = calls[text] ?? "call-\(calls.count + 1)"
                calls[text] = known
                return known
            }
            return "\(withoutTimes(text).debugDescription)"
        case .array(let items):
            var parts: [String] = []
            for item in items { parts.append(plain(item, key, &calls)) }
            return "[\(parts.joined(separator: ", "))]"
        case .object(let members):
            var parts: [String] = []
            for (name, member) in members.sorted(by: { $0.key < $1.key })
            where !dropped.contains(name) {
                parts.append("\(name): \(plain(member, name, &calls))")
            }
            return "{\(parts.joined(separator: ", "))}"
        }
    }

    /// A text without what pytest and a shell say of time, and without its own lines and colours,
    /// which change from version to version.
    private static func withoutTimes(_ text: String) -> String {
        guard text.contains("short test summary") || text.contains(" in 0.") else { return text }
        return "…"
    }
}
