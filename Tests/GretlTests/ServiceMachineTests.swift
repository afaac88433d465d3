// Every pair of state and event of a service's life: the state after it and what has to be done.
// The table is the specification in one screen; a pair that is missing fails.

import Gretl
import NetCore
import Testing

private typealias State = ServiceMachine.State
private typealias Event = ServiceMachine.Event
private typealias Action = ServiceMachine.Action

private func exit(_ code: Int32?, signal: Int32? = nil, requested: Bool = false) -> ProgramExit {
    ProgramExit(code: code, signal: signal, requested: requested, forced: false, endedAt: 1)
}

private let grace = Duration.seconds(3)
private let clearing = Action.stopTree(grace: .seconds(5))

/// A machine that has come to `state` the usual way.
private func machine(_ state: State) -> ServiceMachine {
    var machine = ServiceMachine()
    let way: [Event] =
        switch state {
        case .stopped: []
        case .failed: [.startRequested, .spawnFailed]
        case .spawning: [.startRequested]
        case .probing: [.startRequested, .spawned(needsProbe: true)]
        case .running: [.startRequested, .spawned(needsProbe: false)]
        case .stopping:
            [.startRequested, .spawned(needsProbe: false), .stopRequested(grace: grace)]
        case .clearing: [.startRequested, .spawned(needsProbe: false), .exited(exit(3))]
        }
    for event in way { _ = machine.handle(event) }
    return machine
}

/// One event and what it does in each state, in the order of State.allCases.
private struct Row {
    let event: Event
    let results: [(State, [Action])]
}

private let startFailed: [Action] = [
    .endProbing, clearing, .answerStarts(.exitedBeforeReady),
]
private let emptied: [Action] = [
    .endProbing, .collect, .answerStarts(.exitedBeforeReady), .answerStops,
]
private let lost: [Action] = [.endProbing, .answerStarts(.monitorFailed), .answerStops]
private let cancelled: [Action] = [
    .endProbing, .stopTree(grace: grace), .answerStarts(.stoppedBeforeReady),
]
private let stop = Action.stopTree(grace: grace)
private let up: [Action] = [.markReady, .answerStarts(.running)]

/// stopped, failed, spawning, probing, running, stopping, clearing.
private let table: [Row] = [
    Row(
        event: .startRequested,
        results: [
            (.spawning, [.startMonitor]), (.spawning, [.startMonitor]), (.spawning, []),
            (.probing, []), (.running, []), (.stopping, []), (.clearing, []),
        ]),
    Row(
        event: .stopRequested(grace: grace),
        results: [
            (.stopped, [.answerStops]), (.failed, [.answerStops]), (.stopping, cancelled),
            (.stopping, cancelled), (.stopping, [stop]), (.stopping, [stop]), (.clearing, [stop]),
        ]),
    Row(
        event: .spawned(needsProbe: true),
        results: [
            (.stopped, []), (.failed, []), (.probing, [.beginProbing]), (.probing, []),
            (.running, []), (.stopping, []), (.clearing, []),
        ]),
    Row(
        event: .spawned(needsProbe: false),
        results: [
            (.stopped, []), (.failed, []), (.running, up), (.probing, []), (.running, []),
            (.stopping, []), (.clearing, []),
        ]),
    Row(
        event: .spawnFailed,
        results: [
            (.stopped, []), (.failed, []), (.failed, [.collect, .answerStarts(.spawnFailed)]),
            (.probing, []), (.running, []), (.failed, [.collect, .answerStops]),
            (.failed, [.collect, .answerStops]),
        ]),
    Row(
        event: .probePassed,
        results: [
            (.stopped, []), (.failed, []), (.spawning, []), (.running, [.endProbing] + up),
            (.running, []), (.stopping, []), (.clearing, []),
        ]),
    Row(
        event: .exited(exit(1)),
        results: [
            (.stopped, []), (.failed, []), (.clearing, startFailed), (.clearing, startFailed),
            (.clearing, [clearing]), (.stopping, []), (.clearing, []),
        ]),
    Row(
        event: .treeEmpty,
        results: [
            (.stopped, []), (.failed, []), (.stopped, emptied), (.stopped, emptied),
            (.stopped, emptied), (.stopped, emptied), (.failed, emptied),
        ]),
    Row(
        event: .monitorVanished,
        results: [
            (.stopped, []), (.failed, []),
            (.failed, [.answerStarts(.monitorFailed), .answerStops]), (.failed, lost),
            (.failed, lost), (.stopped, lost), (.failed, lost),
        ]),
    Row(
        event: .found(isReady: false, isStopping: false),
        results: [
            (.probing, [.beginProbing]), (.probing, [.beginProbing]), (.spawning, []),
            (.probing, []), (.running, []), (.stopping, []), (.clearing, []),
        ]),
    Row(
        event: .found(isReady: true, isStopping: false),
        results: [
            (.running, []), (.running, []), (.spawning, []), (.probing, []), (.running, []),
            (.stopping, []), (.clearing, []),
        ]),
    Row(
        event: .found(isReady: true, isStopping: true),
        results: [
            (.stopping, []), (.stopping, []), (.spawning, []), (.probing, []), (.running, []),
            (.stopping, []), (.clearing, []),
        ]),
]

@Suite struct ServiceMachineTests {
    @Test func `Every event in every state does what the table says`() {
        for row in table {
            #expect(row.results.count == State.allCases.count)
            for (state, wanted) in zip(State.allCases, row.results) {
                var machine = machine(state)
                #expect(machine.state == state)
                let actions = machine.handle(row.event)
                #expect(machine.state == wanted.0, "\(row.event) in \(state)")
                #expect(actions == wanted.1, "\(row.event) in \(state)")
            }
        }
    }

    @Test func `Whoever waits is answered when nothing is alive any more`() {
        // From any state, every event that ends the life answers both kinds of waiters.
        for state in State.allCases {
            for event in [Event.treeEmpty, .monitorVanished] {
                var machine = machine(state)
                guard machine.isAlive else { continue }
                let actions = machine.handle(event)
                #expect(!machine.isAlive, "\(event) in \(state)")
                #expect(actions.contains(.answerStops), "\(event) in \(state)")
                #expect(
                    actions.contains {
                        if case .answerStarts = $0 { true } else { false }
                    }, "\(event) in \(state)")
            }
        }
    }

    @Test func `A wanted end, code zero and TERM are no failure, everything else is`() {
        let ends: [(ProgramExit, State)] = [
            (exit(0), .stopped), (exit(1), .failed), (exit(255), .failed),
            (exit(nil, signal: 15), .stopped), (exit(nil, signal: 9), .failed),
            (exit(nil, signal: 11), .failed), (exit(7, requested: true), .stopped),
            (exit(nil, signal: 9, requested: true), .stopped),
        ]
        for (end, state) in ends {
            var lived = machine(.running)
            _ = lived.handle(.exited(end))
            _ = lived.handle(.treeEmpty)
            #expect(lived.state == state, "\(end)")
            #expect(lived.lastExit == end)
            var recovered = ServiceMachine()
            recovered.recover(end)
            #expect(recovered.state == state, "\(end)")
            #expect(recovered.lastExit == end)
        }
    }

    @Test func `A record says nothing about a program that runs`() {
        for state in State.allCases {
            var machine = machine(state)
            let before = machine
            machine.recover(exit(9))
            #expect((machine == before) == before.isAlive, "\(state)")
        }
    }

    @Test func `Of several records the latest counts, in whatever order they are read`() {
        let early = ProgramExit(code: 1, signal: nil, requested: false, forced: false, endedAt: 10)
        let late = ProgramExit(code: 0, signal: nil, requested: false, forced: false, endedAt: 20)
        for order in [[early, late], [late, early]] {
            var machine = ServiceMachine()
            for exit in order { machine.recover(exit) }
            #expect(machine.lastExit == late)
            #expect(machine.state == .stopped)
        }
    }

    @Test func `An exit nobody saw is unknown and never that of the program before`() {
        for last in [State.probing, .running, .stopping] {
            var machine = machine(.clearing)
            _ = machine.handle(.treeEmpty)
            #expect(machine.lastExit == exit(3))
            _ = machine.handle(.startRequested)
            _ = machine.handle(.spawned(needsProbe: last == .probing))
            if last == .stopping { _ = machine.handle(.stopRequested(grace: grace)) }
            #expect(machine.state == last)
            _ = machine.handle(.treeEmpty)
            #expect(machine.lastExit == nil, "\(last)")
        }
    }

    @Test func `A program that could not be started has no exit`() {
        for failure in [Event.spawnFailed, .monitorVanished] {
            var machine = machine(.clearing)
            _ = machine.handle(.treeEmpty)
            _ = machine.handle(.startRequested)
            _ = machine.handle(failure)
            #expect(machine.state == .failed)
            #expect(machine.lastExit == nil, "\(failure)")
        }
    }

    @Test func `The words of the API`() {
        let words = State.allCases.map { machine($0).status }
        #expect(
            words == [
                "stopped", "failed", "starting", "starting", "running", "stopping", "stopping",
            ])
    }
}
