// The words of a run: where it stands, what it does, and why it ended. The five statuses are the
// contract's; a run that waits for a person is running and says so in awaiting_human.

/// Where a run stands.
package enum RunStatus: String, Sendable, Codable, CaseIterable {
    case pending, running, achieved, failed, aborted

    package var isFinal: Bool {
        switch self {
        case .pending, .running: false
        case .achieved, .failed, .aborted: true
        }
    }
}

/// What a run does.
package enum RunPhase: String, Sendable, Codable, CaseIterable {
    /// Waits for its turn.
    case queued
    /// Asks the model.
    case planning
    /// Runs tools.
    case acting
    /// Checks the goal.
    case evaluating
    /// Waits for a person.
    case waiting
    case ended
}

/// Why a run ended, as in `stop_reason` of its last event.
package enum StopReason: String, Sendable, Codable, CaseIterable {
    case goalAchieved = "goal_achieved"
    case maxIterations = "max_iterations"
    case maxTokens = "max_tokens"
    case maxCost = "max_cost"
    case maxSeconds = "max_seconds"
    /// By POST /api/runs/{id}/abort.
    case aborted
    /// By the answer to a question.
    case declined
    case error
}

/// What a person says to a run that waits.
package enum RunDecision: String, Sendable, CaseIterable {
    case approve, abort
}

/// The nodes of the loop, as events name them.
enum RunNode: String {
    case plan, act, evaluate
    case humanCheck = "human_check"
}
