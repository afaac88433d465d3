// What is around a machine: its monitor, its program, its waits, and those who asked. Executes the
// actions as the supervisor does, and says at once when one cannot be right. The exploration walks
// through every state of both together.

import Gretl
import NetCore

/// A machine and the small world it acts on.
struct ServiceWorld: Hashable {
    /// What there is of a monitor and its program.
    enum Monitor: Hashable {
        case none
        /// Told to listen, and has not answered.
        case arming
        /// Listens, without a program.
        case listening
        /// Told to start the program, and has not answered.
        case starting
        case running
        /// The program has ended, its descendants perhaps not.
        case ended
    }

    enum Wait: Hashable { case none, pause, port }

    var machine = ServiceMachine()
    var monitor = Monitor.none
    /// The monitor was told to stop everything.
    var isStopping = false
    var wait = Wait.none
    var isProbing = false
    var startsWait = false
    var stopsWait = false
    /// The end of the program that runs was not told yet.
    var owesEnd = false
    /// The last stop that was asked for has to lead to nothing but stopped.
    var isBoundToStop = false

    /// Why the last step was wrong; not part of what is compared.
    struct Wrong: Error { let words: String }

    static let crash = ProgramExit(
        code: 1, signal: nil, requested: false, forced: false, endedAt: 1)
    static let clean = ProgramExit(
        code: 0, signal: nil, requested: false, forced: false, endedAt: 2)
    static let asked = ProgramExit(
        code: nil, signal: 9, requested: true, forced: true, endedAt: 3)

    // MARK: What can happen

    /// Every event that can happen here, of the user's and of the machine's.
    func events(_ plans: [ServiceMachine.Plan]) -> [ServiceMachine.Event] {
        var events: [ServiceMachine.Event] = [.stopRequested(grace: .seconds(5))]
        let state = machine.state
        for plan in plans {
            // The supervisor refuses the others before they get here.
            if state != .running, state != .stopping { events.append(.startRequested(plan)) }
            if state != .stopping {
                events.append(.restartRequested(plan, grace: .seconds(5)))
            }
            if machine.isIdle, monitor == .none { events += found(plan) }
        }
        switch wait {
        case .none: break
        case .pause: events += plans.map { .retryDue($0) } + [.retryHopeless]
        case .port:
            events.append(.portFree)
            events += ServiceWorld.circumstances.map { .portTaken($0) }
        }
        if isProbing { events.append(.probePassed) }
        return events + ofMonitor
    }

    private static let circumstances = [
        ServiceMachine.Circumstances(),
        ServiceMachine.Circumstances(readyFor: .seconds(31)),
        ServiceMachine.Circumstances(isPortTaken: true),
    ]

    private var ofMonitor: [ServiceMachine.Event] {
        let gone = ServiceWorld.circumstances.map { ServiceMachine.Event.monitorVanished($0) }
        let empty = ServiceWorld.circumstances.map { ServiceMachine.Event.treeEmpty($0) }
        switch monitor {
        case .none: return []
        case .arming:
            return gone + [.socketHeld, .spawnFailed(.init())] + (isStopping ? empty : [])
        case .listening:
            return gone + [.connectionCame] + (isStopping ? empty : [])
        case .starting:
            return gone + [.spawned(needsProbe: true), .spawned(needsProbe: false)]
                + [.spawnFailed(.init())] + (machine.plan.heldPort != nil ? [.socketHeld] : [])
        case .running:
            let exits = isStopping ? [ServiceWorld.asked] : [ServiceWorld.crash, .init(like: 15)]
            // A tree can be empty without anybody having seen the exit.
            return gone + empty
                + [.exited(nil, isPortTaken: false)]
                + (exits + [ServiceWorld.clean]).flatMap { exit in
                    [true, false].map { .exited(exit, isPortTaken: $0) }
                }
        case .ended: return gone + empty
        }
    }

    private func found(_ plan: ServiceMachine.Plan) -> [ServiceMachine.Event] {
        var all: [ServiceMachine.Found] = [
            .program(isReady: true), .program(isReady: false), .stopping,
            .ended(ServiceWorld.crash, isNew: true), .ended(ServiceWorld.clean, isNew: false),
        ]
        if plan.isOnDemand { all.append(.armed) }
        if machine.state == .failed { all.append(.backoff) }
        let ends: [ServiceMachine.Ending] = [.exit(ServiceWorld.crash), .unknown, .reboot]
        return all.map { .found($0, plan, holdsSocket: plan.heldPort != nil && $0 != .backoff) }
            + ends.map { .foundEnded($0, plan, .init()) }
    }

    // MARK: What it does

    /// Lets `event` happen.
    mutating func take(_ event: ServiceMachine.Event) throws(Wrong) {
        try before(event)
        for action in machine.handle(event) { try execute(action) }
        try check()
    }

    /// What the event itself changes outside of the machine.
    private mutating func before(_ event: ServiceMachine.Event) throws(Wrong) {
        switch event {
        case .startRequested:
            startsWait = true
            isBoundToStop = false
        case .restartRequested:
            // One that is refused or joined in the supervisor is not passed on.
            startsWait = true
            isBoundToStop = false
        case .stopRequested:
            stopsWait = true
            isBoundToStop = !machine.isIdle
        case .portFree, .portTaken, .retryDue: wait = .none
        case .socketHeld: if monitor == .arming { monitor = .listening }
        case .connectionCame: break
        case .spawned:
            monitor = .running
            owesEnd = true
        case .spawnFailed: monitor = .ended
        case .probePassed, .retryHopeless: break
        case .exited: monitor = .ended
        case .treeEmpty: monitor = .ended
        case .monitorVanished: monitor = .none
        case .found(let found, _, _):
            isBoundToStop = false
            switch found {
            case .program: monitor = .running
            case .stopping:
                monitor = .running
                isStopping = true
                isBoundToStop = true
            case .armed: monitor = .listening
            case .ended: monitor = .ended
            case .backoff: break
            }
            if case .ended(_, let isNew) = found {
                owesEnd = isNew
            } else {
                owesEnd = found != .armed && found != .backoff
            }
        case .foundEnded(let ending, _, _):
            isBoundToStop = false
            owesEnd = true
            // A record that is older than what is known has been told of.
            if case .exit(let exit) = ending, let last = machine.lastExit {
                owesEnd = exit.endedAt >= last.endedAt
            }
        }
    }

    private mutating func execute(_ action: ServiceMachine.Action) throws(Wrong) {
        switch action {
        case .arm:
            if monitor != .listening {
                try need(monitor == .none, "a second monitor")
                monitor = .arming
            }
            isStopping = false
        case .startMonitor:
            try need(monitor == .none || monitor == .listening, "a second program")
            try need(!owesEnd, "the end of the program before was not told")
            monitor = .starting
            isStopping = false
        case .awaitPort, .scheduleRetry:
            try need(wait == .none, "two waits")
            wait = action == .awaitPort ? .port : .pause
        case .endWait:
            try need(wait != .none, "there is no wait to end")
            wait = .none
        case .beginProbing: isProbing = true
        case .endProbing: isProbing = false
        case .markReady: try need(monitor == .running, "nothing is ready")
        case .stopTree: isStopping = true
        case .collect(let keepsSocket):
            // One that listens behind an end is told so a second time.
            let isLetGo = monitor == .listening && !keepsSocket && machine.state == .failed
            try need(
                isLetGo || monitor == .ended || monitor == .none,
                "let go while it runs: \(monitor)")
            try need(monitor != .none || !keepsSocket, "a socket of a monitor that is gone")
            monitor = keepsSocket ? .listening : .none
            isStopping = false
        case .publishStarted:
            try need(machine.state == .running && owesEnd, "started without a program")
        case .publishEnded:
            try need(owesEnd, "an end told twice")
            owesEnd = false
        case .publishGaveUp(let failures):
            try need(failures == RestartCounter.failuresMost, "gave up after \(failures)")
            try need(machine.state == .failed, "gave up and goes on")
        case .answerStarts: startsWait = false
        case .answerStops: stopsWait = false
        }
    }

    private func need(_ isSo: Bool, _ words: String) throws(Wrong) {
        guard isSo else { throw Wrong(words: words) }
    }

    // MARK: What always holds

    private func check() throws(Wrong) {
        let state = machine.state
        try need((wait == .pause) == (state == .backoff), "the pause and the state")
        try need((wait == .port) == (state == .awaitingPort), "the wait for a port")
        try need(!isProbing || state == .probing, "it probes while \(state)")
        try need(!stopsWait || state == .stopping, "a stop waits for nothing")
        if isBoundToStop {
            try need(state == .stopping || state == .stopped, "a stop led to \(state)")
        }
        switch state {
        case .stopped, .failed:
            try need(monitor == .none, "idle with a monitor")
            try need(!machine.holdsSocket, "idle with a socket")
            try need(!startsWait, "a start that nobody answers")
            try need(!owesEnd, "an end nobody told")
        case .backoff, .awaitingPort, .armed:
            try need(monitor == .none || monitor == .listening, "a program while \(state)")
            try need(!owesEnd, "an end nobody told")
            try need(state == .awaitingPort || !startsWait, "a start waits while \(state)")
        case .running: try need(!startsWait && monitor == .running, "running")
        case .probing: try need(monitor == .running, "probing nothing")
        case .spawning: try need(monitor == .starting, "spawning nothing")
        case .arming: try need(monitor == .arming || monitor == .listening, "arming nothing")
        case .stopping:
            try need(!startsWait, "a start waits for a stop")
            try need(monitor != .none, "stopping nothing")
        case .restarting, .clearing: try need(monitor != .none, "\(state) without a monitor")
        }
    }
}

extension ProgramExit {
    /// Killed by a signal nobody here sent.
    init(like signal: Int32) {
        self.init(code: nil, signal: signal, requested: false, forced: false, endedAt: 4)
    }
}
