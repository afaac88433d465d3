// Every pair of state and event of a service's life: the state after it and the actions, in one
// table of switches without a default. Pure: ServiceMachineTests walks through all of it.

import NetCore

extension ServiceMachine {
    /// Takes one step.
    package mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .startRequested(let plan): startRequested(plan)
        case .restartRequested(let plan, let grace): restartRequested(plan, grace)
        case .stopRequested(let grace): stopRequested(grace)
        case .portFree: portFree()
        case .portTaken(let circumstances): portTaken(circumstances)
        case .socketHeld: socketHeld()
        case .connectionCame: connectionCame()
        case .spawned(let needsProbe): spawned(needsProbe)
        case .spawnFailed(let circumstances): spawnFailed(circumstances)
        case .probePassed: probePassed()
        case .exited(let exit, let isPortTaken): exited(exit, isPortTaken)
        case .treeEmpty(let circumstances): treeEmpty(circumstances)
        case .monitorVanished(let circumstances): monitorVanished(circumstances)
        case .retryDue(let plan): retryDue(plan)
        case .retryHopeless: retryHopeless()
        case .found(let found, let plan, let holds): self.found(found, plan, holds)
        case .foundEnded(let ending, let plan, let circumstances):
            foundEnded(ending, plan, circumstances)
        }
    }

    // MARK: Requests

    private mutating func startRequested(_ plan: Plan) -> [Action] {
        switch state {
        case .stopped, .failed:
            reset(plan)
            return begin()
        case .backoff:
            // A monitor that listens on another port than is wanted now has to let go first.
            guard !holdsSocket || plan.heldPort == self.plan.heldPort else {
                nextPlan = plan
                state = .restarting
                return [.endWait, stopTree(.zero)]
            }
            reset(plan)
            return [.endWait] + beginAfresh()
        case .awaitingPort:
            reset(plan)
            return []
        case .armed: return [.answerStarts(.armed)]
        case .clearing:
            nextPlan = plan
            state = .restarting
            return []
        case .arming, .spawning, .probing:
            // Somebody wants it: what failed before does not count any more.
            counter = RestartCounter()
            return []
        case .running, .stopping, .restarting: return []
        }
    }

    private mutating func restartRequested(_ plan: Plan, _ grace: Duration) -> [Action] {
        switch state {
        case .stopped, .failed, .backoff, .awaitingPort: return startRequested(plan)
        case .armed, .spawning, .probing, .running, .clearing, .restarting:
            nextPlan = plan
            state = .restarting
            return [.endProbing, stopTree(grace)]
        case .arming, .stopping: return []
        }
    }

    private mutating func stopRequested(_ grace: Duration) -> [Action] {
        switch state {
        case .stopped, .failed: return [.answerStops]
        case .backoff, .awaitingPort:
            guard holdsSocket else {
                state = .stopped
                return [.endWait, .answerStarts(.stoppedBeforeReady), .answerStops]
            }
            state = .stopping
            return [.endWait, .answerStarts(.stoppedBeforeReady), stopTree(.zero)]
        case .arming, .armed:
            state = .stopping
            return [.answerStarts(.stoppedBeforeReady), stopTree(.zero)]
        case .spawning, .probing:
            state = .stopping
            return [.endProbing, .answerStarts(.stoppedBeforeReady), stopTree(grace)]
        case .restarting, .clearing:
            state = .stopping
            nextPlan = nil
            return [.answerStarts(.stoppedBeforeReady), stopTree(grace)]
        case .running:
            state = .stopping
            return [stopTree(grace)]
        // The monitor lets a further stop only shorten the grace.
        case .stopping: return [stopTree(grace)]
        }
    }

    // MARK: Before a program

    private mutating func portFree() -> [Action] {
        switch state {
        case .awaitingPort: return begin()
        case .stopped, .failed, .arming, .armed, .spawning, .probing, .running, .stopping,
            .restarting, .clearing, .backoff:
            return []
        }
    }

    private mutating func portTaken(_ circumstances: Circumstances) -> [Action] {
        switch state {
        case .awaitingPort: return notStarted(.portTaken, circumstances)
        case .stopped, .failed, .arming, .armed, .spawning, .probing, .running, .stopping,
            .restarting, .clearing, .backoff:
            return []
        }
    }

    private mutating func retryDue(_ plan: Plan) -> [Action] {
        switch state {
        case .backoff:
            // A socket that is held stays the one it is; a new spec counts from the next start.
            if !holdsSocket { self.plan = plan }
            isAutomatic = true
            return beginAfresh()
        case .stopped, .failed, .arming, .armed, .awaitingPort, .spawning, .probing, .running,
            .stopping, .restarting, .clearing:
            return []
        }
    }

    private mutating func retryHopeless() -> [Action] {
        switch state {
        case .backoff:
            state = .failed
            return [.endWait, collect(keepsSocket: false)]
        case .stopped, .failed, .arming, .armed, .awaitingPort, .spawning, .probing, .running,
            .stopping, .restarting, .clearing:
            return []
        }
    }

    private mutating func socketHeld() -> [Action] {
        switch state {
        case .arming:
            holdsSocket = true
            state = .armed
            return [.answerStarts(.armed)]
        case .spawning, .probing, .running, .stopping, .restarting, .clearing:
            holdsSocket = true
            return []
        case .stopped, .failed, .armed, .awaitingPort, .backoff: return []
        }
    }

    private mutating func connectionCame() -> [Action] {
        switch state {
        case .armed:
            isAutomatic = true
            lastExit = nil
            state = .spawning
            return [.startMonitor]
        case .stopped, .failed, .arming, .awaitingPort, .spawning, .probing, .running, .stopping,
            .restarting, .clearing, .backoff:
            return []
        }
    }

    private mutating func spawned(_ needsProbe: Bool) -> [Action] {
        switch state {
        case .spawning:
            hasProgram = true
            state = needsProbe ? .probing : .running
            return needsProbe ? [.beginProbing] : ServiceMachine.up
        // Stopped before it was up: the monitor has both commands.
        case .stopping, .restarting, .clearing:
            hasProgram = true
            return []
        case .stopped, .failed, .arming, .armed, .awaitingPort, .probing, .running, .backoff:
            return []
        }
    }

    private mutating func spawnFailed(_ circumstances: Circumstances) -> [Action] {
        switch state {
        case .spawning, .arming:
            let why = circumstances.isPortTaken ? StartAnswer.portTaken : .spawnFailed
            return notStarted(why, circumstances)
        case .stopping, .restarting, .clearing: return treeEmpty(circumstances)
        case .stopped, .failed, .armed, .awaitingPort, .probing, .running, .backoff: return []
        }
    }

    private mutating func probePassed() -> [Action] {
        switch state {
        case .probing:
            state = .running
            return [.endProbing] + ServiceMachine.up
        case .stopped, .failed, .arming, .armed, .awaitingPort, .spawning, .running, .stopping,
            .restarting, .clearing, .backoff:
            return []
        }
    }

    private static let up: [Action] = [.markReady, .publishStarted, .answerStarts(.running)]

    // MARK: The end of a program

    private mutating func exited(_ exit: ProgramExit?, _ isPortTaken: Bool) -> [Action] {
        switch state {
        case .spawning, .probing:
            // Who holds the port is clear only when what the program left behind is gone.
            let told: [Action] = isPortTaken ? [] : [.answerStarts(.exitedBeforeReady)]
            return [.endProbing] + seen(exit) + told + clear()
        case .running: return seen(exit) + clear()
        case .stopping, .restarting: return seen(exit)
        case .stopped, .failed, .arming, .armed, .awaitingPort, .clearing, .backoff: return []
        }
    }

    private mutating func treeEmpty(_ circumstances: Circumstances) -> [Action] {
        switch state {
        case .stopping:
            state = .stopped
            return [.endProbing] + missed() + [collect(keepsSocket: false), .answerStops]
        case .restarting: return missed() + restart()
        case .spawning, .probing, .running, .clearing:
            let answer: StartAnswer =
                circumstances.isPortTaken ? .portTaken : .exitedBeforeReady
            return [.endProbing] + missed() + decide(circumstances) + [.answerStarts(answer)]
        case .arming: return notStarted(.monitorFailed, circumstances)
        case .armed:
            isAutomatic = true
            return notStarted(.monitorFailed, circumstances)
        case .stopped, .failed, .awaitingPort, .backoff: return []
        }
    }

    private mutating func monitorVanished(_ circumstances: Circumstances) -> [Action] {
        holdsSocket = false
        switch state {
        case .spawning, .arming: return notStarted(.monitorFailed, circumstances)
        case .armed:
            isAutomatic = true
            return notStarted(.monitorFailed, circumstances)
        case .probing, .running, .clearing:
            return [.endProbing] + missed() + decide(circumstances)
                + [.answerStarts(.monitorFailed)]
        case .stopping, .restarting: return treeEmpty(circumstances)
        case .stopped, .failed, .awaitingPort, .backoff: return []
        }
    }

    // MARK: Earlier daemons

    private mutating func found(
        _ found: Found, _ plan: Plan, _ holds: Bool
    ) -> [Action] {
        switch state {
        case .stopped, .failed: return take(found, plan, holds)
        // It greets late: what was read of the program before it does not count any more.
        case .backoff, .awaitingPort: return [.endWait] + take(found, plan, holds)
        case .arming, .armed, .spawning, .probing, .running, .stopping, .restarting, .clearing:
            return []
        }
    }

    private mutating func foundEnded(
        _ ending: Ending, _ plan: Plan, _ circumstances: Circumstances
    ) -> [Action] {
        switch state {
        case .stopped, .failed:
            reset(plan)
            switch ending {
            case .exit(let exit):
                // Records are read in any order: the latest end is how it stands.
                guard exit.endedAt >= lastExit?.endedAt ?? exit.endedAt else { return [] }
                lastExit = exit
                return [.publishEnded(ending)] + decide(circumstances)
            case .unknown:
                lastExit = nil
                return [.publishEnded(ending)] + decide(circumstances)
            case .reboot:
                lastExit = nil
                state = .stopped
                return [.publishEnded(ending)]
            }
        case .arming, .armed, .awaitingPort, .spawning, .probing, .running, .stopping, .restarting,
            .clearing, .backoff:
            return []
        }
    }
}
