// The life of one service as a pure state machine: event in, actions out, no I/O, no clock. Every
// pair of state and event is written down. The Supervisor executes the actions.

package import NetCore

/// Where a service is in its life, and what has to happen next.
package struct ServiceMachine: Equatable, Sendable {
    package enum State: Equatable, Sendable, CaseIterable {
        /// Nothing runs; the last end, if any, was wanted or clean.
        case stopped
        /// Nothing runs; the last program crashed or could not be started.
        case failed
        /// The monitor is told to start the program.
        case spawning
        /// The program runs; its ready check has not passed.
        case probing
        /// Up and ready.
        case running
        /// A stop was asked for; the tree below the monitor is not empty yet.
        case stopping
        /// The program ended by itself; what it left behind is being stopped.
        case clearing
    }

    package enum Event: Equatable, Sendable {
        case startRequested
        case stopRequested(grace: Duration)
        /// The program runs; `needsProbe` says whether readiness has to be found out.
        case spawned(needsProbe: Bool)
        case spawnFailed
        case probePassed
        case exited(ProgramExit)
        case treeEmpty
        /// The monitor is gone and nothing is known of a program.
        case monitorVanished
        /// A monitor of an earlier daemon: its program runs.
        case found(isReady: Bool, isStopping: Bool)
    }

    package enum Action: Equatable, Sendable {
        case startMonitor
        case beginProbing
        case endProbing
        case markReady
        case stopTree(grace: Duration)
        /// The exit is known and the tree is empty: the monitor may end.
        case collect
        case answerStarts(StartAnswer)
        case answerStops
    }

    /// What those who asked for a start are told.
    package enum StartAnswer: Equatable, Sendable {
        case running
        case exitedBeforeReady
        case stoppedBeforeReady
        case spawnFailed
        case monitorFailed
    }

    package private(set) var state = State.stopped
    /// How the last program ended, nil while it is unknown or one runs for the first time.
    package private(set) var lastExit: ProgramExit?

    package init() {}

    /// Grace for what a program leaves behind when it ends by itself.
    static let clearingGrace = Duration.seconds(5)

    /// Whether a program may be alive.
    package var isAlive: Bool {
        switch state {
        case .stopped, .failed: false
        case .spawning, .probing, .running, .stopping, .clearing: true
        }
    }

    /// The word of the API.
    package var status: String {
        switch state {
        case .stopped: "stopped"
        case .failed: "failed"
        case .spawning, .probing: "starting"
        case .running: "running"
        case .stopping, .clearing: "stopping"
        }
    }

    /// Remembers an exit that was read from a record, with no monitor left. Records come in any
    /// order: the latest end counts.
    package mutating func recover(_ exit: ProgramExit) {
        guard !isAlive, exit.endedAt >= lastExit?.endedAt ?? exit.endedAt else { return }
        lastExit = exit
        state = ServiceMachine.ended(exit)
    }

    /// Takes one step.
    package mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .startRequested: startRequested()
        case .stopRequested(let grace): stopRequested(grace)
        case .spawned(let needsProbe): spawned(needsProbe)
        case .spawnFailed: spawnFailed()
        case .probePassed: probePassed()
        case .exited(let exit): exited(exit)
        case .treeEmpty: treeEmpty()
        case .monitorVanished: monitorVanished()
        case .found(let isReady, let isStopping): found(isReady, isStopping)
        }
    }

    private mutating func startRequested() -> [Action] {
        switch state {
        case .stopped, .failed:
            // What is not seen of this program must not be told of it from the one before.
            lastExit = nil
            state = .spawning
            return [.startMonitor]
        case .spawning, .probing, .running, .stopping, .clearing:
            return []
        }
    }

    private mutating func stopRequested(_ grace: Duration) -> [Action] {
        switch state {
        case .stopped, .failed: return [.answerStops]
        case .spawning, .probing:
            state = .stopping
            return [.endProbing, .stopTree(grace: grace), .answerStarts(.stoppedBeforeReady)]
        case .running:
            state = .stopping
            return [.stopTree(grace: grace)]
        // The monitor lets a further stop only shorten the grace.
        case .stopping, .clearing: return [.stopTree(grace: grace)]
        }
    }

    private mutating func spawned(_ needsProbe: Bool) -> [Action] {
        switch state {
        case .spawning:
            state = needsProbe ? .probing : .running
            return needsProbe ? [.beginProbing] : [.markReady, .answerStarts(.running)]
        // Stopped before it was up: the monitor has both commands.
        case .stopping, .clearing: return []
        case .stopped, .failed, .probing, .running: return []
        }
    }

    private mutating func spawnFailed() -> [Action] {
        switch state {
        case .spawning:
            state = .failed
            return [.collect, .answerStarts(.spawnFailed)]
        case .stopping, .clearing:
            state = .failed
            return [.collect, .answerStops]
        case .stopped, .failed, .probing, .running: return []
        }
    }

    private mutating func probePassed() -> [Action] {
        switch state {
        case .probing:
            state = .running
            return [.endProbing, .markReady, .answerStarts(.running)]
        case .stopped, .failed, .spawning, .running, .stopping, .clearing: return []
        }
    }

    private mutating func exited(_ exit: ProgramExit) -> [Action] {
        switch state {
        case .spawning, .probing:
            lastExit = exit
            state = .clearing
            return [
                .endProbing, .stopTree(grace: ServiceMachine.clearingGrace),
                .answerStarts(.exitedBeforeReady),
            ]
        case .running:
            lastExit = exit
            state = .clearing
            return [.stopTree(grace: ServiceMachine.clearingGrace)]
        case .stopping, .clearing:
            lastExit = exit
            return []
        case .stopped, .failed: return []
        }
    }

    private mutating func treeEmpty() -> [Action] {
        switch state {
        case .stopping, .clearing, .spawning, .probing, .running:
            let wasStopping = state == .stopping
            state = lastExit.map(ServiceMachine.ended) ?? .stopped
            if wasStopping { state = .stopped }
            return [.endProbing, .collect, .answerStarts(.exitedBeforeReady), .answerStops]
        case .stopped, .failed: return []
        }
    }

    private mutating func monitorVanished() -> [Action] {
        switch state {
        case .spawning:
            state = .failed
            return [.answerStarts(.monitorFailed), .answerStops]
        case .probing, .running, .stopping, .clearing:
            lastExit = nil
            state = state == .stopping ? .stopped : .failed
            return [.endProbing, .answerStarts(.monitorFailed), .answerStops]
        case .stopped, .failed: return []
        }
    }

    private mutating func found(_ isReady: Bool, _ isStopping: Bool) -> [Action] {
        switch state {
        case .stopped, .failed:
            lastExit = nil
            state = isStopping ? .stopping : (isReady ? .running : .probing)
            return state == .probing ? [.beginProbing] : []
        case .spawning, .probing, .running, .stopping, .clearing: return []
        }
    }

    /// A wanted end, exit code 0 and death by SIGTERM are no failure (services.started/stopped).
    package static func ended(_ exit: ProgramExit) -> State {
        exit.requested || exit.code == 0 || exit.signal == 15 ? .stopped : .failed
    }
}
