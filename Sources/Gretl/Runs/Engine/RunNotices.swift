// The notices of the loop, one function each: docs/api.md lists their payloads. Texts are bounded
// here and nowhere else.

extension RunNotice {
    static func stepStart(_ node: RunNode, _ iteration: Int) -> RunNotice {
        RunNotice(.stepStart, iteration) { json in
            json.field("node", node.rawValue)
            json.field("iteration", iteration)
        }
    }

    static func log(_ message: String, _ iteration: Int, level: String = "info") -> RunNotice {
        RunNotice(.log, iteration) { json in
            json.field("message", cut(message, RunLimits.textMost).text)
            json.field("level", level)
        }
    }

    static func usage(_ usage: ModelUsage, model: String, _ iteration: Int) -> RunNotice {
        RunNotice(.usage, iteration) { json in
            json.field("input_tokens", usage.input)
            json.field("output_tokens", usage.output)
            json.field("prompt_tokens", usage.input)
            json.field("completion_tokens", usage.output)
            json.field("total_tokens", usage.total)
            json.field("cache_read_tokens", usage.cacheRead)
            json.field("cache_write_tokens", usage.cacheWrite)
            json.field("cost_usd", usage.cost)
            json.field("model", model)
        }
    }

    static func reasoning(_ message: AssistantMessage, model: String, _ iteration: Int) -> RunNotice
    {
        RunNotice(.reasoning, iteration) { json in
            json.field("text", cut(message.text, RunLimits.payloadBytes / 8).text)
            json.field("model", model)
            json.field("has_tool_calls", !message.calls.isEmpty)
        }
    }

    static func toolCall(_ call: ToolCall, _ iteration: Int) -> RunNotice {
        RunNotice(.toolCall, iteration) { json in
            json.field("tool", call.name)
            json.field("tool_call_id", call.id)
            json.key("args")
            guard let arguments = call.arguments else {
                json.beginObject()
                json.endObject()
                return json.field("args_text", cut(call.text, RunLimits.argumentMost).text)
            }
            let bounded = JSONValue.object(arguments).bounded(texts: RunLimits.argumentMost)
            var text = JSONText()
            text.value(bounded)
            if text.bytes.count > RunLimits.payloadBytes {
                text.removeAll()
                text.value(JSONValue.object(arguments).bounded(texts: 200, elements: 20))
            }
            if text.bytes.count > RunLimits.payloadBytes {
                json.beginObject()
                json.endObject()
            } else {
                json.raw(text.bytes)
            }
        }
    }

    static func toolResult(
        _ call: ToolCall, _ outcome: ToolOutcome, milliseconds: Int64, _ iteration: Int
    ) -> RunNotice {
        RunNotice(.toolResult, iteration) { json in
            let content = cut(outcome.content, RunLimits.textMost)
            json.field("tool", call.name)
            json.field("tool_call_id", call.id)
            json.field("content", content.text)
            json.field("output", content.text)
            json.field("error", outcome.isError)
            json.field("exit_code", outcome.exitCode)
            json.field("truncated", outcome.isTruncated || content.isCut)
            json.field("blocked", outcome.isBlocked)
            json.field("duration_ms", milliseconds)
        }
    }

    static func goalCheck(
        _ verdict: GoalVerdict, isCached: Bool, milliseconds: Int64, _ iteration: Int
    ) -> RunNotice {
        RunNotice(.goalCheck, iteration) { json in
            json.field("achieved", verdict.isAchieved)
            json.field("reason", cut(verdict.reason, RunLimits.reasonMost).text)
            json.key("details")
            if verdict.details.isEmpty || verdict.details.count > RunLimits.payloadBytes {
                json.beginObject()
                json.endObject()
            } else {
                json.raw(verdict.details)
            }
            json.field("cached", isCached)
            json.field("duration_ms", milliseconds)
        }
    }

    static func iterationComplete(_ record: RunRecord) -> RunNotice {
        RunNotice(.iterationComplete, record.iteration) { json in
            json.field("iteration", record.iteration)
            json.field("tokens", record.iterationTokens)
            json.field("goal_achieved", record.isAchieved ?? false)
        }
    }

    static func humanCheckRequired(_ record: RunRecord) -> RunNotice {
        RunNotice(.humanCheckRequired, record.iteration) { json in
            let reason = record.reason ?? ""
            let summary =
                "Iteration \(record.iteration) of \(record.options.maxIterations) is done and the "
                + "goal '\(record.goal.name)' is not met: \(reason)"
            json.field("iteration", record.iteration)
            json.field("summary", summary)
            json.field("goal_reason", reason)
            json.field("message", "Go on? Answer approve or abort.")
        }
    }

    static func humanCheckResponse(_ decision: RunDecision, _ iteration: Int) -> RunNotice {
        RunNotice(.humanCheckResponse, iteration) { json in
            json.field("decision", decision.rawValue)
        }
    }

    static func error(
        _ message: String, code: String, hint: String? = nil, _ iteration: Int
    ) -> RunNotice {
        RunNotice(.error, iteration) { json in
            let text = cut(message, RunLimits.textMost).text
            json.field("error", text)
            json.field("message", text)
            json.field("code", code)
            json.field("hint", hint)
            json.nullField("traceback")
        }
    }

    static func runEnd(_ record: RunRecord, reason: String) -> RunNotice {
        RunNotice(.runEnd, record.iteration) { json in
            json.field("status", record.status.rawValue)
            json.field("achieved", record.status == .achieved)
            json.field("reason", cut(reason, RunLimits.reasonMost).text)
            json.field("stop_reason", record.stopReason?.rawValue)
            json.field("iterations", record.iteration)
            json.field("total_tokens", record.totals.tokens)
            json.field("estimated_cost_usd", record.totals.cost)
        }
    }

    static func progress(_ text: String, _ iteration: Int) -> RunNotice {
        RunNotice(.stepProgress, iteration) { json in json.field("text", text) }
    }

    /// The first `most` characters; says how many are missing.
    static func cut(_ text: String, _ most: Int) -> (text: String, isCut: Bool) {
        // Bytes are counted in constant time: nearly all text is short enough.
        guard text.utf8.count > most else { return (text, false) }
        let scalars = text.unicodeScalars
        guard
            let end = scalars.index(scalars.startIndex, offsetBy: most, limitedBy: scalars.endIndex)
        else { return (text, false) }
        let missing = scalars.distance(from: end, to: scalars.endIndex)
        guard missing > 0 else { return (text, false) }
        return (String(scalars[..<end]) + "… (\(missing) more)", true)
    }
}
