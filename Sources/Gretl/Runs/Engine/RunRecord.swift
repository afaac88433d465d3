// What is kept of a run: what it was asked for and how far it is. Small, because it is written with
// every step; the conversation and the events have tables of their own. Codable names are the
// database's: a field may be added with a default, never renamed.

/// What a run was asked for; what PATCH changes counts from its next step.
package struct RunOptions: Sendable, Equatable, Codable {
    /// The goal's name as it was asked for, such as `pytest` or `auto`.
    package var goal: String
    /// Absolute, symbolic links resolved.
    package var folder: String
    package var model: String
    package var maxIterations = RunLimits.iterationsUsual
    /// Whether a person has to agree before each further iteration.
    package var isGated = false
    package var maxTokens: Int?
    /// US dollars.
    package var maxCost: Double?
    /// Of work; the time a run waits for a person does not count.
    package var maxSeconds: Int?
    /// Whether the model is asked for a report when one iteration is left.
    package var stopsSoftly = true
    package var isSandboxed = true
    package var hasNetwork = false
    /// Whether a restart of the daemon takes the run up again.
    package var resumesOnStart = false

    package init(goal: String, folder: String, model: String) {
        self.goal = goal
        self.folder = folder
        self.model = model
    }
}

/// How far a run is.
package struct RunRecord: Sendable, Equatable, Codable {
    package var options: RunOptions
    /// The goal that was meant, with its settings of then.
    package var goal: RunGoal
    package var status = RunStatus.pending
    package var phase = RunPhase.queued
    /// From 0; one answer of the model and one check each.
    package var iteration = 0
    package var totals = RunTotals()
    /// Of the iteration that is under way.
    package var iterationTokens = 0
    /// Of the last check; nil before the first.
    package var isAchieved: Bool?
    package var reason: String?
    /// What the last check told beside, a JSON object.
    package var details: [UInt8] = []
    /// Whether something may have changed since the last check.
    package var mayHaveChanged = true
    /// The reasons of the last unmet checks, newest last.
    package var failures: [String] = []
    package var stopReason: StopReason?
    /// A sentence, when an error ended it.
    package var error: String?
    /// The last event's number and time, microseconds since 1970.
    package var lastSeq: Int64 = 0
    package var lastTime: Int64 = 0
    /// Milliseconds since 1970.
    package var createdAt: Int64
    package var startedAt: Int64?
    package var finishedAt: Int64?
    /// Time it worked, without the waits for a person.
    package var workedMilliseconds: Int64 = 0

    package init(options: RunOptions, goal: RunGoal, createdAt: Int64) {
        self.options = options
        self.goal = goal
        self.createdAt = createdAt
    }

    package var isWaiting: Bool { phase == .waiting }
}

/// What a run has used.
package struct RunTotals: Sendable, Equatable, Codable {
    package var input = 0
    package var output = 0
    package var cacheRead = 0
    package var cacheWrite = 0
    /// US dollars; answers of models without a price count as nothing.
    package var cost = 0.0
    /// Whether an answer without a known price is among them.
    package var hasUnknownCost = false

    package init() {}

    package var tokens: Int { input + output }

    mutating func add(_ usage: ModelUsage) {
        input += max(0, usage.input)
        output += max(0, usage.output)
        cacheRead += max(0, usage.cacheRead)
        cacheWrite += max(0, usage.cacheWrite)
        cost += max(0, usage.cost ?? 0)
        if usage.cost == nil { hasUnknownCost = true }
    }
}
