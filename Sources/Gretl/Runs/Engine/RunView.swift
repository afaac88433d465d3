// A run as JSON: the union of what the contract shows, what the original answers and what we add.
// Used by all routes of runs.

/// Writes runs.
enum RunView {
    /// The whole view, as GET /api/runs/{id} answers it.
    static func write(_ id: String, _ record: RunRecord, into json: inout JSONText) {
        json.beginObject()
        fields(id, record, into: &json)
        json.endObject()
    }

    /// An element of the list.
    static func writeShort(_ id: String, _ record: RunRecord, into json: inout JSONText) {
        json.beginObject()
        short(id, record, into: &json)
        json.endObject()
    }

    private static func short(_ id: String, _ record: RunRecord, into json: inout JSONText) {
        let options = record.options
        json.field("run_id", id)
        json.field("goal", options.goal.isEmpty ? record.goal.name : options.goal)
        json.field("status", record.status.rawValue)
        json.field("created_at", Timestamp.utcText(milliseconds: record.createdAt))
        json.field("model_name", options.model)
        json.field("max_iterations", options.maxIterations)
        json.field("hitl_enabled", options.isGated)
        json.field("cwd", options.folder)
        json.field("iteration", record.iteration)
        json.field("awaiting_human", record.isWaiting)
        json.field("error", record.error)
    }

    private static func fields(_ id: String, _ record: RunRecord, into json: inout JSONText) {
        short(id, record, into: &json)
        let options = record.options
        json.field("goal_meant", record.goal.name)
        json.field("phase", record.phase.rawValue)
        json.field("started_at", record.startedAt.map { Timestamp.utcText(milliseconds: $0) })
        json.field("finished_at", record.finishedAt.map { Timestamp.utcText(milliseconds: $0) })
        json.field("stop_reason", record.stopReason?.rawValue)
        json.field("stop_mode", options.stopsSoftly ? "soft" : "hard")
        json.field("max_tokens", options.maxTokens)
        json.field("max_cost_usd", options.maxCost)
        json.field("max_seconds", options.maxSeconds)
        json.field("sandbox", options.isSandboxed ? "on" : "off")
        json.field("network", options.hasNetwork || !options.isSandboxed ? "on" : "off")
        json.field("resume_on_start", options.resumesOnStart)
        json.field("last_seq", record.lastSeq)
        json.field("worked_ms", record.workedMilliseconds)
        json.key("usage")
        json.beginObject()
        json.field("input_tokens", record.totals.input)
        json.field("output_tokens", record.totals.output)
        json.field("cache_read_tokens", record.totals.cacheRead)
        json.field("cache_write_tokens", record.totals.cacheWrite)
        json.field("total_tokens", record.totals.tokens)
        json.field("estimated_cost_usd", record.totals.cost)
        json.endObject()
        json.key("final_state")
        guard record.status.isFinal else { return json.null() }
        json.beginObject()
        json.field("iteration", record.iteration)
        json.field("goal_achieved", record.status == .achieved)
        json.field("goal_reason", record.reason)
        json.field("total_tokens", record.totals.tokens)
        json.field("estimated_cost_usd", record.totals.cost)
        json.endObject()
    }
}
