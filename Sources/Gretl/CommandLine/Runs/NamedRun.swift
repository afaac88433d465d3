// A run as a person names it on the command line: by its id, or by the beginning of it. Shared by
// all commands about runs.

internal import NetCore

/// A run as GET /api/runs gives it.
struct NamedRun: Decodable, Sendable {
    struct Usage: Decodable, Sendable {
        let total_tokens: Int?
        let estimated_cost_usd: Double?
    }

    struct FinalState: Decodable, Sendable {
        let goal_reason: String?
    }

    let run_id: String
    let goal: String
    let status: String
    let model_name: String?
    let max_iterations: Int?
    let hitl_enabled: Bool?
    let cwd: String?
    let created_at: String?
    let started_at: String?
    let finished_at: String?
    let iteration: Int?
    let awaiting_human: Bool?
    let error: String?
    let stop_reason: String?
    let sandbox: String?
    let network: String?
    let usage: Usage?
    let final_state: FinalState?

    var target: String { "/api/runs/\(DaemonClient.percentEncoded(run_id))" }
    /// Enough to tell it from others.
    var short: String { String(run_id.prefix(8)) }
    var isWaiting: Bool { awaiting_human == true }
    var isOver: Bool { !["pending", "running"].contains(status) }

    /// The one a person means.
    static func find(_ text: String, _ client: DaemonClient) throws(CommandFailure) -> NamedRun {
        if text.utf8.count == 36 {
            let target = "/api/runs/\(DaemonClient.percentEncoded(text))"
            return try client.decode(NamedRun.self, try client.call("GET", target))
        }
        let all = try client.decode(
            [NamedRun].self, try client.call("GET", "/api/runs?limit=1000"))
        let found = all.filter { !text.isEmpty && $0.run_id.hasPrefix(text) }
        guard let first = found.first else {
            throw CommandFailure(
                exit: .unknownService, code: "unknown_run",
                message: "no run's id begins with '\(text)'", hint: "see: gr runs ls")
        }
        guard found.count == 1 else {
            throw CommandFailure(
                exit: .conflict, code: "ambiguous",
                message: "the ids of \(found.count) runs begin with '\(text)'",
                hint: "write more of it: \(found.prefix(4).map(\.run_id).joined(separator: ", "))")
        }
        return try client.decode(NamedRun.self, try client.call("GET", first.target))
    }

    /// How it stands, as shown.
    func state(_ style: OutputStyle) -> (text: String, ink: Ink?) {
        if isWaiting { return ("waiting for you", .busy) }
        let ink: Ink? =
            switch status {
            case "achieved": .good
            case "running", "pending": .busy
            case "failed": .bad
            default: .dim
            }
        return (DisplayText.escaped(status), ink)
    }
}
