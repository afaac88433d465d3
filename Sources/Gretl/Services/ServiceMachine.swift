// The life of one service as a pure state machine: event in, actions out, no I/O, no clock, no
// chance. The states and words are here, every pair of state and event in ServiceTransitions.swift.
// The Supervisor executes the actions.

package import NetCore

/// Where a service is in its life, and what has to happen next.
package struct ServiceMachine: Hashable, Sendable {
    package enum State: Hashable, Sendable, CaseIterable {
        /// Nothing runs; the last end, if any, was wanted or clean.
        case stopped
        /// Nothing runs; the last program crashed or could not be started, and is not tried again.
        case failed
        /// A monitor is told to listen on the port of an on-demand service.
        case arming
        /// It listens; the first connection starts the program.
        case armed
        /// Before a start that nobody checked the port for: somebody may still hold it.
        case awaitingPort
        /// The monitor is told to start the program.
        case spawning
        /// The program runs; its ready check has not passed.
        case probing
        /// Up and ready.
        case running
        /// A stop was asked for; the tree below the monitor is not empty yet.
        case stopping
        /// As stopping, and then it is started again.
        case restarting
        /// The program ended by itself; what it left behind is being stopped.
        case clearing
        /// It ended and is started again after a pause.
        case backoff
    }

    /// What a start goes by, from the spec as it is then.
    package struct Plan: Hashable, Sendable {
        package var restart = RestartPolicy.onFailure
        package var isOnDemand = false
        /// The port a monitor listens on for the program, nil when the program opens its own.
        package var heldPort: Int?

        package init(
            restart: RestartPolicy = .onFailure, isOnDemand: Bool = false, heldPort: Int? = nil
        ) {
            self.restart = restart
            self.isOnDemand = isOnDemand
            self.heldPort = heldPort
        }
    }

    /// What is known outside at the end of a program.
    package struct Circumstances: Hashable, Sendable {
        /// How long it had been ready.
        package var readyFor = Duration.zero
        /// It ended soon after its start, and somebody else listens on its port.
        package var isPortTaken = false
        /// See RestartCounter.End.
        package var jitter = 1_000
        /// The first pause; shorter in tests.
        package var shortest = RestartCounter.firstDelay

        package init(readyFor: Duration = .zero, isPortTaken: Bool = false, jitter: Int = 1_000) {
            self.readyFor = readyFor
            self.isPortTaken = isPortTaken
            self.jitter = jitter
        }
    }

    /// How a program ended.
    package enum Ending: Hashable, Sendable {
        case exit(ProgramExit)
        /// Nobody saw it.
        case unknown
        case reboot
    }

    /// What is left of the program of an earlier daemon.
    package enum Found: Hashable, Sendable {
        case program(isReady: Bool)
        case stopping
        case armed
        /// The program has ended, its monitor still lives. `isNew`: no daemon has told of it.
        case ended(ProgramExit, isNew: Bool)
        /// It was going to be started again when the daemon ended.
        case backoff
    }

    package enum Event: Hashable, Sendable {
        case startRequested(Plan)
        case restartRequested(Plan, grace: Duration)
        case stopRequested(grace: Duration)
        /// Nobody listens on the port (any more).
        case portFree
        /// Somebody listens there, and goes on doing so.
        case portTaken(Circumstances)
        /// The monitor listens for the program.
        case socketHeld
        /// Somebody connected to the held socket.
        case connectionCame
        /// The program runs; `needsProbe` says whether readiness has to be found out.
        case spawned(needsProbe: Bool)
        case spawnFailed(Circumstances)
        case probePassed
        /// Nil: of a program that was taken over nobody knows how it ended. `isPortTaken`: as in
        /// Circumstances.
        case exited(ProgramExit?, isPortTaken: Bool)
        case treeEmpty(Circumstances)
        /// The monitor is gone and nothing is known of a program.
        case monitorVanished(Circumstances)
        /// The pause is over.
        case retryDue(Plan)
        /// The pause is over, and there is nothing to wait for that would make a start possible.
        case retryHopeless
        /// A monitor of an earlier daemon lives, and perhaps listens.
        case found(Found, Plan, holdsSocket: Bool)
        /// Program and monitor of an earlier daemon have ended.
        case foundEnded(Ending, Plan, Circumstances)
    }

    package enum Action: Hashable, Sendable {
        /// Have a monitor listen, and tell of the first connection.
        case arm
        /// Wait until nobody listens on the port; answered by portFree or portTaken.
        case awaitPort
        case scheduleRetry(after: Duration)
        /// Neither the port nor the pause is waited for any longer.
        case endWait
        case startMonitor
        case beginProbing
        case endProbing
        case markReady
        case stopTree(grace: Duration, keepsSocket: Bool)
        /// The exit is known and the tree is empty: the monitor may end, or goes on listening.
        case collect(keepsSocket: Bool)
        case publishStarted
        case publishEnded(Ending)
        case publishGaveUp(failures: Int)
        case answerStarts(StartAnswer)
        case answerStops
    }

    /// What those who asked for a start are told.
    package enum StartAnswer: Hashable, Sendable, CaseIterable {
        case running
        case armed
        case exitedBeforeReady
        case stoppedBeforeReady
        case portTaken
        case spawnFailed
        case monitorFailed
    }

    package internal(set) var state = State.stopped
    /// How the last program ended, nil while it is unknown or one runs for the first time.
    package internal(set) var lastExit: ProgramExit?
    package internal(set) var counter = RestartCounter()
    /// What the present start goes by.
    package internal(set) var plan = Plan()
    /// What the start behind a restart goes by.
    var nextPlan: Plan?
    /// The present start was not asked for by anybody.
    package internal(set) var isAutomatic = false
    /// A program of this incarnation was seen, and its end was not told yet.
    var hasProgram = false
    /// A monitor listens for the program.
    package internal(set) var holdsSocket = false

    package init() {}

    /// Grace for what a program leaves behind when it ends by itself.
    package static let clearingGrace = Duration.seconds(5)

    /// Whether a program may be alive.
    package var isAlive: Bool {
        switch state {
        case .stopped, .failed, .arming, .armed, .awaitingPort, .backoff: false
        case .spawning, .probing, .running, .stopping, .restarting, .clearing: true
        }
    }

    /// Whether nothing runs and nothing is going to by itself.
    package var isIdle: Bool { state == .stopped || state == .failed }

    /// All words of `status`.
    package static let statuses = [
        "stopped", "starting", "running", "stopping", "backoff", "armed", "failed",
    ]

    /// The word of the API.
    package var status: String {
        switch state {
        case .stopped: "stopped"
        case .failed: "failed"
        case .armed: "armed"
        case .arming, .spawning, .probing: "starting"
        case .running: "running"
        case .stopping, .restarting, .clearing: "stopping"
        case .backoff, .awaitingPort: "backoff"
        }
    }

    /// A wanted end, exit code 0 and death by SIGTERM are no failure.
    package static func isFailure(_ exit: ProgramExit) -> Bool {
        !(exit.requested || exit.code == 0 || exit.signal == 15)
    }

    /// Remembers an end that was stored. Of several the latest counts.
    package mutating func recover(_ end: StoredEnd) {
        guard isIdle, (end.exit?.endedAt ?? .max) >= lastExit?.endedAt ?? .min else { return }
        lastExit = end.exit
        state = end.state == .stopped ? .stopped : .failed
    }

    /// What of the present state is to be stored; nil while something of it runs.
    package var end: StoredEnd? {
        switch state {
        case .stopped: lastExit.map { StoredEnd(exit: $0, state: .stopped) }
        case .failed: StoredEnd(exit: lastExit, state: .failed)
        case .backoff, .awaitingPort: StoredEnd(exit: lastExit, state: .backoff)
        case .arming, .armed, .spawning, .probing, .running, .stopping, .restarting, .clearing: nil
        }
    }
}
