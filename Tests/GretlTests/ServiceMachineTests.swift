// What the life of a service looks like: every pair of state and event in one table, the actions of
// the ways that matter, and the words of the API. That nothing forbidden can be reached at all is
// ServiceMachineExplorationTests' part.

import Gretl
import NetCore
import Testing

private typealias State = ServiceMachine.State
private typealias Event = ServiceMachine.Event
private typealias Action = ServiceMachine.Action

private func exit(_ code: Int32?, signal: Int32? = nil, requested: Bool = false) -> ProgramExit {
    ProgramExit(code: code, signal: signal, requested: requested, forced: false, endedAt: 1)
}

private func stored(_ exit: ProgramExit) -> StoredEnd {
    StoredEnd(exit: exit, state: ServiceMachine.isFailure(exit) ? .failed : .stopped)
}

private let grace = Duration.seconds(3)
private let plan = ServiceMachine.Plan()
private let onDemand = ServiceMachine.Plan(isOnDemand: true, heldPort: 1)
private let known = ServiceMachine.Circumstances()
private let start = Event.startRequested(plan)
private let up = Event.spawned(needsProbe: false)
private let crash = Event.exited(exit(1), isPortTaken: false)
private let empty = Event.treeEmpty(known)

/// What leads to a state from the beginning.
private func way(_ state: State) -> [Event] {
    switch state {
    case .stopped: []
    case .failed: [start, .spawnFailed(known)]
    case .arming: [.startRequested(onDemand)]
    case .armed: [.startRequested(onDemand), .socketHeld]
    case .awaitingPort: way(.backoff) + [.retryDue(plan)]
    case .spawning: [start]
    case .probing: [start, .spawned(needsProbe: true)]
    case .running: [start, up]
    case .stopping: [start, up, .stopRequested(grace: grace)]
    case .restarting: [start, up, .restartRequested(plan, grace: grace)]
    case .clearing: [start, up, crash]
    case .backoff: [start, up, crash, empty]
    }
}

private func machine(_ state: State) -> ServiceMachine {
    var machine = ServiceMachine()
    for event in way(state) { _ = machine.handle(event) }
    return machine
}

/// The state after each event, in the order of State.allCases; a dot where nothing changes.
private let table: [(Event, String)] = [
    // stopped failed arming armed awaitingPort spawning probing running stopping restarting
    // clearing backoff
    (start, "spawning spawning . . . . . . . . restarting awaitingPort"),
    (
        .restartRequested(plan, grace: grace),
        "spawning spawning . restarting . restarting restarting restarting . . restarting "
            + "awaitingPort"
    ),
    (
        .stopRequested(grace: grace),
        ". . stopping stopping stopped stopping stopping stopping . stopping stopping stopped"
    ),
    (.portFree, ". . . . spawning . . . . . . ."),
    (.portTaken(known), ". . . . backoff . . . . . . ."),
    (.retryDue(plan), ". . . . . . . . . . . awaitingPort"),
    (.retryHopeless, ". . . . . . . . . . . failed"),
    (.socketHeld, ". . armed . . . . . . . . ."),
    (.connectionCame, ". . . spawning . . . . . . . ."),
    (.spawned(needsProbe: true), ". . . . . probing . . . . . ."),
    (up, ". . . . . running . . . . . ."),
    (.spawnFailed(known), ". . failed . . failed . . stopped awaitingPort backoff ."),
    (.probePassed, ". . . . . . running . . . . ."),
    (crash, ". . . . . clearing clearing clearing . . . ."),
    (empty, ". . failed backoff . backoff backoff backoff stopped awaitingPort backoff ."),
    (
        .monitorVanished(known),
        ". . failed backoff . failed backoff backoff stopped awaitingPort backoff ."
    ),
    (
        .found(.program(isReady: true), plan, holdsSocket: false),
        "running running . . running . . . . . . running"
    ),
    (
        .found(.stopping, plan, holdsSocket: false),
        "stopping stopping . . stopping . . . . . . stopping"
    ),
    (.foundEnded(.unknown, plan, known), "backoff backoff . . . . . . . . . ."),
    (.foundEnded(.reboot, plan, known), "stopped stopped . . . . . . . . . ."),
]

@Suite struct ServiceMachineTests {
    @Test func `Every event in every state leads where the table says`() throws {
        for (event, row) in table {
            let wanted = row.split(separator: " ")
            try #require(wanted.count == State.allCases.count, "\(event)")
            for (state, word) in zip(State.allCases, wanted) {
                var machine = machine(state)
                try #require(machine.state == state)
                let actions = machine.handle(event)
                let name = word == "." ? "\(state)" : String(word)
                #expect("\(machine.state)" == name, "\(event) in \(state)")
                // What says nothing here must not do anything either; requests are answered.
                if word == ".", !Self.isRequest(event) {
                    #expect(actions == [], "\(event) in \(state)")
                }
            }
        }
    }

    private static func isRequest(_ event: ServiceMachine.Event) -> Bool {
        switch event {
        case .startRequested, .restartRequested, .stopRequested, .exited: true
        default: false
        }
    }

    /// The actions of the last of `events`.
    private func last(_ events: [Event]) -> [ServiceMachine.Action] {
        var machine = ServiceMachine()
        return events.reduce([]) { machine.handle($1) }
    }

    @Test func `An exit before it is ready is answered at once, unless the port may be the reason`()
    {
        let stop = Action.stopTree(grace: .seconds(5), keepsSocket: false)
        let ending = Action.publishEnded(.exit(exit(1)))
        #expect(
            last(way(.probing) + [crash])
                == [.endProbing, ending, .answerStarts(.exitedBeforeReady), stop])
        let taken = Event.exited(exit(1), isPortTaken: true)
        #expect(last(way(.probing) + [taken]) == [.endProbing, ending, stop])
        var lost = known
        lost.isPortTaken = true
        #expect(last(way(.probing) + [taken, .treeEmpty(lost)]).last == .answerStarts(.portTaken))
        #expect(
            last(way(.probing) + [taken, empty]).last == .answerStarts(.exitedBeforeReady))
    }

    @Test func `A stop is told to those who wait for the start before anything ends`() {
        for state in [State.spawning, .probing] {
            let actions = last(way(state) + [.stopRequested(grace: grace)])
            #expect(
                actions == [
                    .endProbing, .answerStarts(.stoppedBeforeReady),
                    .stopTree(grace: grace, keepsSocket: false),
                ])
        }
        #expect(
            last(way(.backoff) + [.stopRequested(grace: grace)])
                == [.endWait, .answerStarts(.stoppedBeforeReady), .answerStops])
    }

    @Test func `An intended restart is told as a stop and starts without a pause`() {
        let end = Event.exited(exit(nil, signal: 9, requested: true), isPortTaken: false)
        let actions = last(way(.restarting) + [end, empty])
        #expect(actions == [.endProbing, .collect(keepsSocket: false), .awaitPort])
        var machine = machine(.restarting)
        for event in [end, empty, .portFree] { _ = machine.handle(event) }
        #expect(machine.counter == RestartCounter())
        #expect(!machine.isAutomatic)
        #expect(machine.state == .spawning)
    }

    @Test func `What failed before does not count once somebody asks`() {
        var machine = ServiceMachine()
        _ = machine.handle(start)
        for _ in 0..<9 {
            for event in [up, crash, empty, .retryDue(plan), .portFree] {
                _ = machine.handle(event)
            }
        }
        #expect(machine.counter.failures == 9)
        #expect(machine.state == .spawning)
        _ = machine.handle(start)
        for event in [up, crash] { _ = machine.handle(event) }
        #expect(
            machine.handle(empty) == [
                .endProbing, .collect(keepsSocket: false),
                .scheduleRetry(after: .milliseconds(250)), .answerStarts(.exitedBeforeReady),
            ])
    }

    @Test func `A held socket outlives the program, and goes with the stop`() {
        let held = ServiceMachine.Plan(heldPort: 1)
        let life: [Event] = [.startRequested(held), .socketHeld, up]
        let crashed = last(life + [crash, empty])
        #expect(crashed.contains(.collect(keepsSocket: true)))
        let restarted = last(life + [.restartRequested(held, grace: grace)])
        #expect(restarted.contains(.stopTree(grace: grace, keepsSocket: true)))
        let moved = last(life + [.restartRequested(.init(heldPort: 2), grace: grace)])
        #expect(moved.contains(.stopTree(grace: grace, keepsSocket: false)))
        let stopped = last(life + [.stopRequested(grace: grace)])
        #expect(stopped.contains(.stopTree(grace: grace, keepsSocket: false)))
        #expect(last(life + [crash, empty, .retryDue(held)]) == [.startMonitor])
        let waiting = last(life + [crash, empty, .stopRequested(grace: grace)])
        #expect(waiting.last == .stopTree(grace: .zero, keepsSocket: false))
    }

    @Test func `An on-demand service is armed again behind its program`() {
        var machine = machine(.armed)
        let clean = Event.exited(exit(0), isPortTaken: false)
        for event in [.connectionCame, up, clean, empty, .retryDue(onDemand)] {
            _ = machine.handle(event)
        }
        #expect(machine.state == .arming)
        #expect(machine.handle(.socketHeld) == [.answerStarts(.armed)])
        #expect(machine.state == .armed)
    }

    @Test func `A wanted end, code zero and TERM are no failure, everything else is`() {
        let ends: [(ProgramExit, State)] = [
            (exit(0), .stopped), (exit(1), .failed), (exit(255), .failed),
            (exit(nil, signal: 15), .stopped), (exit(nil, signal: 9), .failed),
            (exit(nil, signal: 11), .failed), (exit(7, requested: true), .stopped),
            (exit(nil, signal: 9, requested: true), .stopped),
        ]
        for (end, state) in ends {
            var lived = ServiceMachine()
            _ = lived.handle(.startRequested(.init(restart: .never)))
            for event in [up, .exited(end, isPortTaken: false), empty] { _ = lived.handle(event) }
            #expect(lived.state == state, "\(end)")
            #expect(lived.lastExit == end)
            var recovered = ServiceMachine()
            recovered.recover(stored(end))
            #expect(recovered.state == state, "\(end)")
            #expect(recovered.lastExit == end)
        }
    }

    @Test func `Ends are told as the contract counts them`() {
        func told(_ ending: ServiceMachine.Ending) -> Gretl.Event { ending.event(of: "a") }
        func crashed(_ code: Int32, _ signal: String? = nil) -> Gretl.Event {
            .serviceCrashed(name: "a", exitCode: code, signal: signal)
        }
        func stopped(_ code: Int32?, _ reason: String? = nil) -> Gretl.Event {
            .serviceStopped(name: "a", exitCode: code, reason: reason)
        }
        #expect(told(.exit(exit(1))) == crashed(1))
        #expect(told(.exit(exit(nil, signal: 9))) == crashed(137, "SIGKILL"))
        #expect(told(.exit(exit(nil, signal: 11))) == crashed(139, "SIGSEGV"))
        #expect(told(.exit(exit(0))) == stopped(0))
        #expect(told(.exit(exit(nil, signal: 15))) == stopped(143))
        // Asked for, and forced.
        #expect(told(.exit(exit(nil, signal: 9, requested: true))) == stopped(137))
        #expect(told(.exit(exit(3, requested: true))) == stopped(3))
        #expect(told(.unknown) == stopped(nil, "unknown"))
        #expect(told(.reboot) == stopped(nil, "reboot"))
    }

    @Test func `A record says nothing about a program that runs`() {
        for state in State.allCases {
            var machine = machine(state)
            let before = machine
            machine.recover(stored(exit(9)))
            #expect((machine == before) == !before.isIdle, "\(state)")
        }
    }

    @Test func `Of several records the latest counts, in whatever order they are read`() {
        let early = ProgramExit(code: 1, signal: nil, requested: false, forced: false, endedAt: 10)
        let late = ProgramExit(code: 0, signal: nil, requested: false, forced: false, endedAt: 20)
        for order in [[early, late], [late, early]] {
            var machine = ServiceMachine()
            for exit in order { machine.recover(stored(exit)) }
            #expect(machine.lastExit == late)
            #expect(machine.state == .stopped)
        }
    }

    @Test func `An exit nobody saw is unknown, counts as a failure and is told as neither`() {
        for state in [State.probing, .running] {
            var machine = machine(state)
            let actions = machine.handle(empty)
            #expect(actions.contains(.publishEnded(.unknown)), "\(state)")
            #expect(machine.lastExit == nil)
            #expect(machine.state == .backoff)
        }
    }

    @Test func `A program that could not be started has no exit`() {
        for failure in [Event.spawnFailed(known), .monitorVanished(known)] {
            var machine = machine(.backoff)
            #expect(machine.lastExit == exit(1))
            for event in [start, .portFree, failure] { _ = machine.handle(event) }
            #expect(machine.state == .failed)
            #expect(machine.lastExit == nil, "\(failure)")
        }
    }

    @Test func `The words of the API`() {
        let words = State.allCases.map { machine($0).status }
        #expect(
            words == [
                "stopped", "failed", "starting", "armed", "backoff", "starting", "starting",
                "running", "stopping", "stopping", "stopping", "backoff",
            ])
    }
}
