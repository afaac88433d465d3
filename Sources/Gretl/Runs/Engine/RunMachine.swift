// The loop of a run as a pure function: what happened goes in, what is to be told and kept and what
// is to be done next comes out. No clock, no input or output: `Run` is the shell around it, and
// commits each step before anything of it is seen.
//
// plan (ask the model) → act (its tools) → evaluate (the goal) → a person's word, if asked for →
// plan. An iteration is one answer and one check; events of plan and act carry the number n of the
// iteration, those of its check and end n + 1.

/// What came of a call, and how long that took in milliseconds.
package typealias TimedOutcome = (outcome: ToolOutcome, milliseconds: Int64)

/// What happened to a run.
package enum RunInput: Sendable {
    /// Its turn has come, with what the model is told first.
    case begin(system: String, task: String)
    case answered(ModelAnswer)
    case unanswered(ModelFailure)
    /// The calls that were to be run, in order, with their times in milliseconds.
    case ran([TimedOutcome])
    case checked(GoalVerdict, milliseconds: Int64)
    case decided(RunDecision, message: String?)
    /// From outside, with what came of the tools that ran.
    case aborted([TimedOutcome])
    /// Its seconds are used up.
    case outOfTime([TimedOutcome])
    /// The daemon ended while it was under way, and has come back.
    case recovered
    /// It cannot go on.
    case broken(code: String, message: String)
}

/// What a run does next.
package enum RunAction: Sendable, Equatable {
    case ask
    /// The first calls that are open.
    case run([ToolCall])
    case check
    case wait
    case end
}

/// What comes of an input.
package struct RunStep {
    var notices: [RunNotice] = []
    package var pieces: [RunPiece] = []
    package var action: RunAction

    init(_ action: RunAction) { self.action = action }
}

/// The transitions.
package struct RunMachine {
    package private(set) var state: RunState
    /// Which tools only look.
    private let isReadOnly: @Sendable (String) -> Bool

    package init(_ state: RunState, isReadOnly: @escaping @Sendable (String) -> Bool) {
        self.state = state
        self.isReadOnly = isReadOnly
    }

    /// Takes the next input. An input that does not fit the phase changes nothing.
    package mutating func take(_ input: RunInput) -> RunStep {
        switch (state.record.phase, input) {
        case (.ended, _): return RunStep(.end)
        case (.queued, .begin(let system, let task)): return begin(system, task)
        case (.planning, .answered(let answer)): return answered(answer)
        case (.planning, .unanswered(let failure)):
            return broken(code: failure.code, failure.message, hint: failure.hint)
        case (.acting, .ran(let outcomes)): return ran(outcomes)
        case (.evaluating, .checked(let verdict, let milliseconds)):
            return checked(verdict, isCached: false, milliseconds)
        case (.waiting, .decided(let decision, let message)): return decided(decision, message)
        case (_, .aborted(let outcomes)):
            return end(.aborted, .aborted, "Aborted", interrupted(outcomes))
        case (_, .outOfTime(let outcomes)): return outOfTime(outcomes)
        case (_, .recovered): return recovered()
        case (_, .broken(let code, let message)): return broken(code: code, message)
        case (.waiting, _): return RunStep(.wait)
        case (.queued, _), (.planning, _), (.acting, _), (.evaluating, _):
            return broken(code: "internal", "the run lost its place")
        }
    }

    /// Options that count from here on, and numbers the shell gave.
    package mutating func update(_ change: (inout RunRecord) -> Void) { change(&state.record) }

    /// A conversation that was made shorter for the next question.
    package mutating func shorten(_ conversation: [ChatMessage]) {
        state.conversation = conversation
    }

    // MARK: Plan

    private mutating func begin(_ system: String, _ task: String) -> RunStep {
        var step = RunStep(.ask)
        state.record.status = .running
        state.system = system
        step.pieces.append(.system(system))
        say(task, &step)
        return plan(step)
    }

    private mutating func say(_ text: String, _ step: inout RunStep) {
        state.append(user: text)
        step.pieces.append(.user(text))
    }

    /// The next question, unless a budget is used up.
    private mutating func plan(_ step: RunStep) -> RunStep {
        var step = step
        let record = state.record
        if let (reason, text) = record.usedUp { return end(.failed, reason, text, step) }
        state.record.phase = .planning
        state.record.iterationTokens = 0
        step.notices.append(.stepStart(.plan, record.iteration))
        step.action = .ask
        return step
    }

    private mutating func answered(_ answer: ModelAnswer) -> RunStep {
        var step = RunStep(.check)
        let iteration = state.record.iteration
        let model = state.record.options.model
        let isFirstUnknown = answer.usage.cost == nil && !state.record.totals.hasUnknownCost
        state.record.totals.add(answer.usage)
        state.record.iterationTokens += answer.usage.total
        var message = answer.message
        if message.text.allSatisfy(\.isWhitespace), message.calls.isEmpty {
            // No wire takes a message of nothing.
            message.text = "(no answer)"
        }
        step.notices.append(.usage(answer.usage, model: model, iteration))
        if isFirstUnknown {
            let text = "no price is known for the model: its cost counts as 0"
            step.notices.append(.log(text, iteration, level: "warning"))
        }
        if !answer.message.text.allSatisfy(\.isWhitespace) {
            step.notices.append(.reasoning(message, model: model, iteration))
        }
        if answer.isCut {
            let text = "the answer was cut at the model's limit of tokens"
            step.notices.append(.log(text, iteration, level: "warning"))
        }
        state.answer = message
        state.results = []
        step.pieces.append(.assistant(message))
        guard !message.calls.isEmpty else { return evaluate(step) }
        state.record.phase = .acting
        step.notices.append(.stepStart(.act, iteration))
        return act(step)
    }

    // MARK: Act

    /// The next batch: all calls in a row that only look, or one that may change something.
    private func batch() -> ArraySlice<ToolCall> {
        let open = state.openCalls
        guard let first = open.first, isReadOnly(first.name) else { return open.prefix(1) }
        return open.prefix(while: { isReadOnly($0.name) }).prefix(RunLimits.batchMost)
    }

    private mutating func act(_ step: RunStep) -> RunStep {
        var step = step
        let batch = batch()
        guard !batch.isEmpty else { return evaluate(step) }
        let iteration = state.record.iteration
        if batch.count > 1 {
            step.notices.append(.log("Running \(batch.count) read-only tools", iteration))
        }
        step.notices += batch.map { .toolCall($0, iteration) }
        step.action = .run(Array(batch))
        return step
    }

    private mutating func ran(_ outcomes: [TimedOutcome]) -> RunStep {
        act(interrupted(outcomes))
    }

    /// Takes what the tools gave, and nothing more.
    private mutating func interrupted(_ outcomes: [TimedOutcome]) -> RunStep {
        var step = RunStep(.end)
        for (call, (outcome, milliseconds)) in zip(batch(), outcomes) {
            take(outcome, of: call, milliseconds, &step)
        }
        return step
    }

    private mutating func take(
        _ outcome: ToolOutcome, of call: ToolCall, _ milliseconds: Int64, _ step: inout RunStep
    ) {
        let content = outcome.content.isEmpty ? "(no output)" : outcome.content
        let result = ToolResult(callID: call.id, content: content, isError: outcome.isError)
        state.results.append(result)
        if outcome.mayHaveChanged { state.record.mayHaveChanged = true }
        step.pieces.append(.result(result))
        step.notices.append(
            .toolResult(call, outcome, milliseconds: milliseconds, state.record.iteration))
    }

    // MARK: Evaluate

    private mutating func evaluate(_ step: RunStep) -> RunStep {
        var step = step
        state.record.phase = .evaluating
        step.notices.append(.stepStart(.evaluate, state.record.iteration))
        step.action = .check
        guard !state.record.mayHaveChanged, let isAchieved = state.record.isAchieved else {
            return step
        }
        // Nothing that could have changed it: what the last check found still holds.
        let verdict = GoalVerdict(
            isAchieved: isAchieved, reason: state.record.reason ?? "",
            details: state.record.details)
        var rest = checked(verdict, isCached: true, 0)
        rest.notices = step.notices + rest.notices
        rest.pieces = step.pieces + rest.pieces
        return rest
    }

    private mutating func checked(
        _ verdict: GoalVerdict, isCached: Bool, _ milliseconds: Int64
    ) -> RunStep {
        var step = RunStep(.end)
        state.record.iteration += 1
        state.record.mayHaveChanged = false
        state.record.isAchieved = verdict.isAchieved
        state.record.reason = RunNotice.cut(verdict.reason, RunLimits.reasonMost).text
        state.record.details =
            verdict.details.count <= RunLimits.payloadBytes ? verdict.details : []
        let record = state.record
        step.notices.append(
            .goalCheck(
                verdict, isCached: isCached, milliseconds: milliseconds, record.iteration))
        step.notices.append(.iterationComplete(record))
        if verdict.isAchieved {
            return end(.achieved, .goalAchieved, record.reason ?? "", step)
        }
        if record.iteration >= record.options.maxIterations {
            let text =
                "Max iterations (\(record.options.maxIterations)) reached. \(record.reason ?? "")"
            return end(.failed, .maxIterations, text, step)
        }
        if record.options.isGated {
            state.record.phase = .waiting
            step.notices.append(.stepStart(.humanCheck, record.iteration))
            step.notices.append(.humanCheckRequired(record))
            step.action = .wait
            return step
        }
        return reflect(step)
    }

    private mutating func decided(_ decision: RunDecision, _ message: String?) -> RunStep {
        var step = RunStep(.ask)
        step.notices.append(.humanCheckResponse(decision, state.record.iteration))
        switch decision {
        case .abort: return end(.aborted, .declined, "Aborted by a person", step)
        case .approve:
            // Who was asked may have changed something before answering.
            state.record.mayHaveChanged = true
            return reflect(step, personsWord: message)
        }
    }

    /// What the model is told of the check, then the next question.
    private mutating func reflect(_ step: RunStep, personsWord: String? = nil) -> RunStep {
        var step = step
        let reason = state.record.reason ?? ""
        state.record.failures.append(reason)
        if state.record.failures.count > RunLimits.failuresMost {
            state.record.failures.removeFirst()
        }
        let reflection = RunReflection(
            state.record.failures, failures: state.record.iteration)
        step.notices += reflection.sentences.map { .log($0, state.record.iteration) }
        let text = RunPrompts.feedback(
            state.record, reflection: reflection, personsWord: personsWord)
        say(text, &step)
        return plan(step)
    }

    // MARK: Ends

    private mutating func outOfTime(_ outcomes: [TimedOutcome]) -> RunStep {
        let seconds = state.record.options.maxSeconds ?? 0
        let reason = state.record.reason.map { " \($0)" } ?? ""
        let text = "The time of \(seconds) s is used up.\(reason)"
        return end(.failed, .maxSeconds, text, interrupted(outcomes))
    }

    private mutating func broken(
        code: String, _ message: String, hint: String? = nil
    ) -> RunStep {
        var step = RunStep(.end)
        state.record.error = RunNotice.cut(message, RunLimits.reasonMost).text
        step.notices.append(.error(message, code: code, hint: hint, state.record.iteration))
        return end(.failed, .error, message, step)
    }

    /// Where the daemon left off: questions and checks are repeated, a tool is not.
    private mutating func recovered() -> RunStep {
        guard state.record.options.resumesOnStart || state.record.phase == .waiting else {
            return broken(
                code: "daemon_restarted",
                "the daemon ended while the run was under way; start it anew, or set "
                    + "resume_on_start")
        }
        var step = RunStep(.wait)
        switch state.record.phase {
        case .queued, .ended, .waiting: break
        case .planning:
            step.notices.append(resumed)
            step.notices.append(.stepStart(.plan, state.record.iteration))
            step.action = .ask
        case .evaluating:
            step.notices.append(resumed)
            step.action = .check
        case .acting:
            step.notices.append(resumed)
            // What was told as begun and has no end: it may have happened or not.
            for call in batch() {
                let outcome = ToolOutcome(
                    "outcome unknown: the daemon was restarted while this ran; what was left of "
                        + "it was ended. Look before you repeat it.",
                    isError: true, mayHaveChanged: true)
                take(outcome, of: call, 0, &step)
            }
            return act(step)
        }
        return step
    }

    private var resumed: RunNotice {
        .log(
            "the daemon was restarted; the run goes on from its last complete step",
            state.record.iteration, level: "warning")
    }

    private mutating func end(
        _ status: RunStatus, _ reason: StopReason, _ text: String, _ step: RunStep = RunStep(.end)
    ) -> RunStep {
        var step = step
        state.record.status = status
        state.record.phase = .ended
        state.record.stopReason = reason
        if status != .achieved, state.record.reason == nil { state.record.reason = text }
        step.notices.append(.runEnd(state.record, reason: text))
        step.action = .end
        return step
    }
}

extension RunRecord {
    /// The budget that is used up, and how that is said. The seconds are the shell's to watch.
    var usedUp: (StopReason, String)? {
        if let most = options.maxTokens, totals.tokens >= most {
            return (.maxTokens, "The budget of \(most) tokens is used up (\(totals.tokens)).")
        }
        if let most = options.maxCost, totals.cost >= most {
            let spent = RunPrompts.dollars(totals.cost)
            return (.maxCost, "The budget of \(RunPrompts.dollars(most)) is used up (\(spent)).")
        }
        if let most = options.maxSeconds, workedMilliseconds >= Int64(most) * 1_000 {
            return (.maxSeconds, "The time of \(most) s is used up.")
        }
        if iteration >= options.maxIterations {
            return (.maxIterations, "Max iterations (\(options.maxIterations)) reached.")
        }
        return nil
    }
}
