// One run under way: the shell around RunMachine. Performs what the machine asks for, commits each
// step before anybody sees it, and takes words from outside: abort, decisions, other options. One
// loop owns it; nothing in it runs twice at once.

package import NetCore

/// A run that has not ended.
@ReactorActor
package final class Run {
    package let id: String
    private let parts: RunParts
    private var machine: RunMachine
    /// As it was committed last: what the API shows.
    package private(set) var record: RunRecord
    private var pieceCount: Int
    /// Set by PATCH, for the next step.
    private var changedOptions: RunOptions?
    private let cancellation = Cancellation()
    private var stop: Stop?
    private var waiting: CheckedContinuation<RunInput?, Never>?
    private var decision: CheckedContinuation<Bool, Never>?
    /// What was decided before anybody waited for it.
    private var given: RunInput?
    private var timer = TimerHandle.none
    /// Since when it works; nil while it does not.
    private var workingSince: Instant?
    private var isClosing = false
    /// Told of each step that was committed.
    package var committed: (@ReactorActor (Run, [RunEvent]) -> Void)?
    /// Whether anybody wants pieces of text, and who gets them.
    package var progress: (@ReactorActor ([UInt8]) -> Void)?

    private enum Stop { case abort, time }

    /// How `drive` ended.
    enum Ending { case ended, closed, notStored }

    private var notes: [RunNotice] = []
    private var isNoting = false
    private var noted: CheckedContinuation<Void, Never>?

    /// `pieces`: what was said so far, for one that was taken up again.
    package init(_ id: String, _ record: RunRecord, pieces: [RunPiece] = [], _ parts: RunParts) {
        self.id = id
        self.record = record
        self.parts = parts
        pieceCount = pieces.count
        machine = RunMachine(
            RunState(record, pieces: pieces), isReadOnly: parts.isReadOnly)
    }

    private var context: ToolContext {
        ToolContext(
            folder: record.options.folder, confinement: record.options.confinement,
            cancellation: cancellation, run: id)
    }

    // MARK: The loop

    /// Works until the end.
    func drive(from first: RunInput) async -> Ending {
        var input: RunInput? = first
        if case .waiting = record.phase {} else { beginWork() }
        while let given = input {
            guard let step = await take(given) else {
                endWork()
                return isClosing ? .closed : .notStored
            }
            if step.action == .end {
                endWork()
                return .ended
            }
            input = await perform(step.action)
        }
        endWork()
        return .closed
    }

    /// What its beginning takes: the system text is made now, so that it is the same in each
    /// question.
    func beginning() async -> RunInput {
        let record = record
        let overview = await parts.overview(record.options.folder)
        return .begin(
            system: RunPrompts.system(
                folder: record.options.folder, goal: record.goal, tools: parts.specs,
                confinement: record.options.confinement,
                overview: parts.redaction.clean(overview)),
            task: RunPrompts.task(record.goal, iterations: record.options.maxIterations))
    }

    /// Takes an input and commits the step; nil when it cannot be stored, or the daemon ends.
    private func take(_ given: RunInput) async -> RunStep? {
        await awaitNotes()
        var input = given
        if let stop {
            var outcomes: [TimedOutcome] = []
            if case .ran(let all) = given { outcomes = all }
            input = stop == .abort ? .aborted(outcomes) : .outOfTime(outcomes)
        }
        // What the daemon's end cut off is not an end of the run.
        guard !isClosing else { return nil }
        if let options = changedOptions {
            changedOptions = nil
            machine.update { $0.options.take(options) }
        }
        countWork()
        let step = machine.take(input)
        let events = number(step.notices)
        let change = RunStore.Change(
            id: id, record: machine.state.record, firstPiece: pieceCount, pieces: step.pieces,
            events: events)
        guard await commit(change) else {
            settle(false)
            return nil
        }
        pieceCount += step.pieces.count
        record = change.record
        // PATCH came while the step was being written.
        if let options = changedOptions { record.options.take(options) }
        if case .decided = input { settle(true) } else if stop != nil { settle(false) }
        committed?(self, events)
        return step
    }

    /// Tells who decided whether that is stored.
    private func settle(_ isStored: Bool) {
        decision?.resume(returning: isStored)
        decision = nil
    }

    private func number(_ notices: [RunNotice]) -> [RunEvent] {
        let now = parts.reactor.wallNanoseconds() / 1_000
        var events: [RunEvent] = []
        machine.update { record in
            for notice in notices {
                record.lastSeq += 1
                // Clients order by time: it never stands still.
                record.lastTime = max(now, record.lastTime + 1)
                events.append(
                    RunEvent(
                        seq: record.lastSeq, kind: notice.kind,
                        body: notice.render(
                            run: id, seq: record.lastSeq, time: record.lastTime)))
            }
            if record.startedAt == nil, record.phase != .queued { record.startedAt = now / 1_000 }
            if record.status.isFinal { record.finishedAt = now / 1_000 }
        }
        return events
    }

    /// Writes a step; again for a while, when there is no room or too much waits.
    private func commit(_ change: RunStore.Change) async -> Bool {
        await retrying { () async throws(StorageError) in
            try await self.parts.store.commit(change)
        }
    }

    private func retrying(
        _ write: @ReactorActor () async throws(StorageError) -> Void
    ) async -> Bool {
        var pause = Duration.milliseconds(250)
        for _ in 0..<Run.commitAttempts {
            do throws(StorageError) {
                try await write()
                return true
            } catch {
                Log.shared.error(
                    "a step of a run is not stored", ["run": id, "reason": "\(error)"])
            }
            if isClosing { return false }
            await parts.reactor.pause(pause)
            pause = pause * 2
        }
        return false
    }

    /// About a minute in all.
    private static let commitAttempts = 8

    // MARK: What is to be done

    /// Nil when the daemon ends.
    private func perform(_ action: RunAction) async -> RunInput? {
        switch action {
        case .ask: return await ask()
        case .run(let calls): return .ran(await run(calls))
        case .check: return await check()
        case .wait:
            endWork()
            let input: RunInput? = await withCheckedContinuation { continuation in
                if stop != nil || isClosing {
                    continuation.resume(returning: isClosing ? nil : .aborted([]))
                } else if let given {
                    self.given = nil
                    continuation.resume(returning: given)
                } else {
                    waiting = continuation
                }
            }
            beginWork()
            return input
        case .end: return nil
        }
    }

    private func ask() async -> RunInput {
        machine.shorten(Conversation.trimmed(machine.state.conversation))
        let state = machine.state
        let question = ModelQuestion(
            model: record.options.model, system: state.system, messages: state.conversation,
            tools: parts.specs)
        let iteration = state.record.iteration
        let progress = ModelProgress(
            retries: { [weak self] in self?.note($0) },
            delta: { [weak self] text in
                guard let self, let progress = self.progress else { return }
                let notice = RunNotice.progress(parts.redaction.clean(text), iteration)
                progress(
                    notice.render(
                        run: id, seq: nil, time: parts.reactor.wallNanoseconds() / 1_000))
            })
        do throws(ModelFailure) {
            let answer = try await parts.model.ask(question, progress, until: cancellation)
            return .answered(parts.redaction.clean(answer))
        } catch {
            var failure = error
            failure.message = parts.redaction.clean(error.message)
            return .unanswered(failure)
        }
    }

    /// Runs calls side by side; in their order.
    private func run(_ calls: [ToolCall]) async -> [TimedOutcome] {
        let gather = Gather<TimedOutcome>(calls.count)
        for (index, call) in calls.enumerated() {
            spawn { [self] in gather.set(index, await run(call)) }
        }
        return await gather.all()
    }

    private func run(_ call: ToolCall) async -> TimedOutcome {
        let number = machine.state.answer?.calls.firstIndex { $0.id == call.id } ?? 0
        if number >= RunLimits.callsMost {
            let text = "not run: an answer may have \(RunLimits.callsMost) calls; ask again"
            return (ToolOutcome(text, isError: true, isBlocked: true), 0)
        }
        guard call.arguments != nil else {
            let text =
                "not run: the arguments are no JSON object, or were cut; send them again, whole"
            return (ToolOutcome(text, isError: true, isBlocked: true), 0)
        }
        let begun = parts.reactor.clock()
        let outcome = await parts.tools.run(call, in: context)
        return (parts.redaction.clean(outcome), milliseconds(since: begun))
    }

    private func check() async -> RunInput {
        let begun = parts.reactor.clock()
        let verdict = await parts.goals.check(machine.state.record.goal, in: context)
        return .checked(parts.redaction.clean(verdict), milliseconds: milliseconds(since: begun))
    }

    private func milliseconds(since begun: Instant) -> Int64 {
        let nanoseconds = parts.reactor.clock().nanoseconds - begun.nanoseconds
        return max(0, nanoseconds) / 1_000_000
    }

    // MARK: Notes

    /// Says something in the log of the run between two steps.
    private func note(_ text: String) {
        let cleaned = parts.redaction.clean(text)
        notes.append(.log(cleaned, machine.state.record.iteration, level: "warning"))
        guard !isNoting else { return }
        isNoting = true
        spawn { [self] in await writeNotes() }
    }

    private func writeNotes() async {
        while !notes.isEmpty, !isClosing {
            let events = number(notes)
            notes = []
            let (seq, time) = (machine.state.record.lastSeq, machine.state.record.lastTime)
            let isKept = await retrying {
                () async throws(StorageError) in
                try await self.parts.store.amend(self.id, events) { record in
                    record.lastSeq = seq
                    record.lastTime = time
                }
            }
            guard isKept else {
                // Their numbers are given again: there must be no gap.
                let kept = record.lastSeq
                machine.update { $0.lastSeq = kept }
                break
            }
            record.lastSeq = seq
            record.lastTime = time
            committed?(self, events)
        }
        notes = []
        isNoting = false
        noted?.resume()
        noted = nil
    }

    /// The next step's events have the numbers behind them.
    private func awaitNotes() async {
        guard isNoting else { return }
        await withCheckedContinuation { noted = $0 }
    }

    // MARK: Time

    private func beginWork() {
        workingSince = parts.reactor.clock()
        guard let most = record.options.maxSeconds else { return }
        let left = Int64(most) * 1_000 - record.workedMilliseconds
        timer = parts.reactor.timers.schedule(
            at: parts.reactor.now + .milliseconds(max(0, left)), self)
    }

    private func countWork() {
        guard let since = workingSince else { return }
        let worked = milliseconds(since: since)
        workingSince = since + .milliseconds(worked)
        machine.update { $0.workedMilliseconds += worked }
    }

    private func endWork() {
        countWork()
        workingSince = nil
        parts.reactor.timers.cancel(timer)
    }

    // MARK: From outside

    /// Ends it soon: transfers, programs, waits.
    package func abort() { stop(.abort) }

    private func stop(_ why: Stop) {
        guard stop == nil else { return }
        stop = why
        cancellation.cancel()
        waiting?.resume(returning: .aborted([]))
        waiting = nil
    }

    /// Answers the question it waits with; true when that is stored, nil when it does not wait.
    package func decide(_ word: RunDecision, message: String?) async -> Bool? {
        guard record.isWaiting, decision == nil, stop == nil, !isClosing else { return nil }
        return await withCheckedContinuation { continuation in
            decision = continuation
            given = .decided(word, message: message)
            // Behind a restart the question may stand before anybody waits.
            waiting?.resume(returning: given)
            if waiting != nil { given = nil }
            waiting = nil
        }
    }

    /// Other options, from the next step on; false when they cannot be stored.
    package func configure(_ options: RunOptions) async -> Bool {
        changedOptions = options
        record.options.take(options)
        do throws(StorageError) {
            try await parts.store.amend(id, []) { $0.options.take(options) }
            return true
        } catch { return false }
    }

    /// The daemon ends: programs and transfers end too, and the run is found again as it was.
    package func close() {
        isClosing = true
        cancellation.cancel()
        waiting?.resume(returning: nil)
        waiting = nil
        settle(false)
    }
}

extension Run: TimerHandler {
    package func timerFired(_ tag: UInt32) { stop(.time) }
}

extension RunOptions {
    var confinement: Confinement {
        Confinement(isSandboxed: isSandboxed, hasNetwork: hasNetwork)
    }

    /// What may change while a run is under way.
    mutating func take(_ other: RunOptions) {
        model = other.model
        maxIterations = other.maxIterations
        isGated = other.isGated
    }
}
