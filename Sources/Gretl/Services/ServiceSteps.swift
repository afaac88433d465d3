// The steps that several pairs of ServiceTransitions.swift share: how a start begins, how an end is
// remembered and told, and what the restart policy makes of it. Pure, like the table itself.

import NetCore

extension ServiceMachine {
    /// Somebody asked: what went wrong before does not count any more.
    mutating func reset(_ plan: Plan) {
        self.plan = plan
        counter = RestartCounter()
        isAutomatic = false
    }

    /// Starts (or arms) what nothing stands in the way of.
    mutating func begin() -> [Action] {
        // What is not seen of this program must not be told of it from the one before. Armed again
        // there is none yet, and the last end is how it stands.
        if !plan.isOnDemand || !isAutomatic { lastExit = nil }
        hasProgram = false
        state = plan.isOnDemand ? .arming : .spawning
        return [plan.isOnDemand ? .arm : .startMonitor]
    }

    /// Starts it once its port is free. A socket that a monitor listens on is.
    mutating func beginAfresh() -> [Action] {
        guard !plan.isOnDemand, !holdsSocket else { return begin() }
        state = .awaitingPort
        return [.awaitPort]
    }

    /// The start behind a restart.
    mutating func restart() -> [Action] {
        let next = nextPlan ?? plan
        nextPlan = nil
        // The socket serves the next program too, unless that is to have another one.
        let keeps = holdsSocket && next.heldPort != nil && next.heldPort == plan.heldPort
        let collected = collect(keepsSocket: keeps)
        reset(next)
        return [.endProbing, collected] + beginAfresh()
    }

    /// The program ended by itself: away with what it left behind.
    mutating func clear() -> [Action] {
        state = .clearing
        return [stopTree(ServiceMachine.clearingGrace)]
    }

    /// A stop ends the listening too; what starts again goes on listening.
    func stopTree(_ grace: Duration) -> Action {
        let keeps =
            switch state {
            case .restarting:
                holdsSocket && plan.heldPort != nil && nextPlan?.heldPort == plan.heldPort
            case .clearing: holdsSocket
            case .stopped, .failed, .arming, .armed, .awaitingPort, .spawning, .probing, .running,
                .stopping, .backoff:
                false
            }
        return .stopTree(grace: grace, keepsSocket: keeps)
    }

    mutating func collect(keepsSocket: Bool) -> Action {
        let keeps = keepsSocket && holdsSocket
        holdsSocket = keeps
        return .collect(keepsSocket: keeps)
    }

    /// Goes on where an earlier daemon left off.
    mutating func take(_ found: Found, _ plan: Plan, _ holds: Bool) -> [Action] {
        reset(plan)
        holdsSocket = holds
        hasProgram = false
        let before = lastExit
        lastExit = nil
        switch found {
        case .program(let isReady):
            hasProgram = true
            state = isReady ? .running : .probing
            return isReady ? [] : [.beginProbing]
        case .stopping:
            hasProgram = true
            state = .stopping
            return []
        case .armed:
            state = .armed
            return []
        case .ended(let exit, let isNew):
            let told = seen(exit)
            return (isNew ? told : []) + clear()
        case .backoff:
            lastExit = before
            state = .backoff
            return [.scheduleRetry(after: RestartCounter.firstDelay)]
        }
    }

    /// How it ended is known, or known to be unknown; it is told once.
    mutating func seen(_ exit: ProgramExit?) -> [Action] {
        lastExit = exit
        hasProgram = false
        return [.publishEnded(exit.map(Ending.exit) ?? .unknown)]
    }

    /// The program is gone; its exit, if nobody saw it, stays unknown.
    mutating func missed() -> [Action] {
        guard hasProgram else { return [] }
        hasProgram = false
        lastExit = nil
        return [.publishEnded(.unknown)]
    }

    /// Nothing came to run. A start that somebody asked for has failed; one that nobody did is
    /// tried again, like a program that ended.
    mutating func notStarted(_ why: StartAnswer, _ circumstances: Circumstances) -> [Action] {
        guard isAutomatic else {
            state = .failed
            return [collect(keepsSocket: false), .answerStarts(why)]
        }
        lastExit = nil
        return decide(circumstances) + [.answerStarts(why)]
    }

    /// What the policy makes of the end of a program.
    mutating func decide(_ circumstances: Circumstances) -> [Action] {
        let isFailure = lastExit.map(ServiceMachine.isFailure) ?? true
        let end = RestartCounter.End(
            isFailure: isFailure, readyFor: circumstances.readyFor, jitter: circumstances.jitter)
        let verdict = counter.ended(
            end, policy: plan.restart, isOnDemand: plan.isOnDemand,
            shortest: circumstances.shortest)
        switch verdict {
        case .stay:
            state = isFailure ? .failed : .stopped
            return [collect(keepsSocket: false)]
        case .again(let pause):
            state = .backoff
            return [collect(keepsSocket: plan.heldPort != nil), .scheduleRetry(after: pause)]
        case .giveUp(let failures):
            state = .failed
            return [collect(keepsSocket: false), .publishGaveUp(failures: failures)]
        }
    }
}
