// One event of a run: numbered, timed, rendered once. What is stored is what every subscriber gets
// and what GET events answers, byte by byte. Payloads carry the union of what the contract
// documents and what the original program emits.

/// A rendered event.
package struct RunEvent: Sendable, Equatable {
    /// From 1, without a gap.
    package let seq: Int64
    package let kind: Kind
    /// The whole envelope, one line of JSON.
    package let body: [UInt8]

    /// What events tell of.
    package enum Kind: String, Sendable, CaseIterable {
        case stepStart = "step_start"
        case toolCall = "tool_call"
        case toolResult = "tool_result"
        case usage = "llm_usage"
        case reasoning
        case log
        case goalCheck = "goal_check"
        case humanCheckRequired = "human_check_required"
        case humanCheckResponse = "human_check_response"
        case iterationComplete = "iteration_complete"
        case runEnd = "run_end"
        case error
        /// A piece of the model's text, for those who ask; has no number and is not kept.
        case stepProgress = "step_progress"
    }

    package init(seq: Int64, kind: Kind, body: [UInt8]) {
        self.seq = seq
        self.kind = kind
        self.body = body
    }
}

/// What an event says, before it has a number.
struct RunNotice {
    var kind: RunEvent.Kind
    var iteration: Int
    /// A JSON object.
    var payload: [UInt8]

    init(_ kind: RunEvent.Kind, _ iteration: Int, _ write: (inout JSONText) -> Void) {
        self.kind = kind
        self.iteration = iteration
        var json = JSONText()
        json.beginObject()
        write(&json)
        json.endObject()
        payload = json.bytes
    }

    /// The envelope. `time`: microseconds since 1970; no `seq` for what is not kept. `error`: what
    /// clients of the original look for when there is no such run.
    func render(run: String, seq: Int64? = nil, time: Int64 = 0, error: String? = nil) -> [UInt8] {
        var json = JSONText(capacity: payload.count + 160)
        json.beginObject()
        if let seq { json.field("seq", seq) }
        json.field("kind", kind.rawValue)
        json.field("run_id", run)
        json.field("iteration", iteration)
        json.key("ts")
        json.raw(RunNotice.seconds(time).utf8)
        json.key("payload")
        json.raw(payload)
        if let error { json.field("error", error) }
        json.endObject()
        return json.bytes
    }

    /// Seconds with six digits: a Double would lose the last one or write an exponent.
    private static func seconds(_ microseconds: Int64) -> String {
        let fraction = String(abs(microseconds % 1_000_000))
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        return "\(microseconds / 1_000_000).\(zeros)\(fraction)"
    }
}
