// Executes what the machines decide: starts monitors, probes, stops trees, answers those who wait.
// It never is the parent of a user's program: each has its gr-monitor, and what this daemon knows
// can be found again from there (Recovery.swift).

package import NetCore

/// Starts, watches and stops the programs of services.
@ReactorActor
package final class Supervisor {
    let reactor: Reactor
    let children: ChildProcesses
    let owners: SocketOwners?
    package var environment: SupervisorEnvironment
    /// Told whenever something a client can see has changed.
    package var changed: (Service) -> Void = { _ in }
    /// Told what happens to services.
    package weak var events: (any EventSink)?
    /// Where exits are kept; nil in tests without storage.
    package var exits: ExitStore?
    /// Reads what programs wrote; nil in tests without it.
    package var output: ServiceOutput?
    var services: [ObjectIdentifier: Service] = [:]
    /// Monitors whose program has to go, until their tree is empty.
    var discarded: [ObjectIdentifier: MonitorLink] = [:]
    /// Services whose monitor is to be started: one a turn.
    var spawning: [Service] = []
    package private(set) var isClosing = false

    package init(
        on reactor: Reactor, children: ChildProcesses, owners: SocketOwners?,
        environment: SupervisorEnvironment
    ) {
        self.reactor = reactor
        self.children = children
        self.owners = owners
        self.environment = environment
    }

    // MARK: Operations

    /// Starts `service` and waits until it is ready. With a timeout of zero it waits for the spawn
    /// only. A start that is under way is joined.
    package func start(_ service: Service, timeout: Duration) async throws(APIError) {
        guard !isClosing else { throw .daemonBusy("the daemon is shutting down") }
        switch service.machine.state {
        case .running:
            throw APIError(
                .alreadyRunning, "'\(service.name)' is running (pid \(service.program?.pid ?? 0))",
                hint: "run 'gr restart \(service.name)' to start it anew")
        case .stopping, .clearing:
            throw .daemonBusy("'\(service.name)' is being stopped")
        case .stopped, .failed:
            try checkStartable(service)
            service.failure = nil
            service.lastProbe = nil
            apply(.startRequested, to: service)
        case .spawning, .probing: break
        }
        let patience = timeout > .zero ? timeout : Supervisor.spawnPatience
        let outcome: StartWaiter.Outcome = await withCheckedContinuation { continuation in
            let waiter = StartWaiter(continuation, timeout: patience, on: reactor)
            waiter.endsAtSpawn = timeout == .zero
            service.starts.append(waiter)
            // It may have been answered in the meantime only by the turn, which comes later.
            if waiter.endsAtSpawn, service.program != nil { waiter.finish(.answered(.running)) }
        }
        service.starts.removeAll { $0.isOver }
        try check(outcome, of: service, timeout: timeout)
    }

    /// How long a start without timeout waits for the spawn.
    private static let spawnPatience = Duration.seconds(10)

    /// Stops the whole tree of `service` and waits until it is gone.
    package func stop(_ service: Service, grace: Duration) async {
        guard service.machine.isAlive else { return }
        await withCheckedContinuation { continuation in
            service.stops.append(continuation)
            apply(.stopRequested(grace: grace), to: service)
        }
    }

    // MARK: The machine

    func apply(_ event: ServiceMachine.Event, to service: Service) {
        for action in service.machine.handle(event) { execute(action, for: service) }
        changed(service)
    }

    private func execute(_ action: ServiceMachine.Action, for service: Service) {
        switch action {
        case .startMonitor:
            service.live = service.spec
            forgetExit(of: service)
            spawning.append(service)
            if spawning.count == 1 { reactor.runNextTurn(self) }
        case .beginProbing: beginProbing(service)
        case .endProbing:
            service.check?.end()
            service.check = nil
        case .markReady: service.link?.markReady()
        case .stopTree(let grace):
            service.orphan?.stop(grace: grace)
            service.link?.stop(grace: grace)
            withdrawSpawn(service)
        case .collect: release(service)
        case .answerStarts(let answer):
            let waiters = service.starts
            service.starts = []
            for waiter in waiters { waiter.finish(.answered(answer)) }
        case .answerStops:
            let waiters = service.stops
            service.stops = []
            for waiter in waiters { waiter.resume() }
        }
    }

    /// A stop came before the monitor was even started.
    private func withdrawSpawn(_ service: Service) {
        guard let index = spawning.firstIndex(where: { $0 === service }) else { return }
        spawning.remove(at: index)
        apply(.treeEmpty, to: service)
    }

    private func beginProbing(_ service: Service) {
        let check = ReadyCheck(
            service.reachable, on: reactor,
            looked: { [weak service] words in service?.lastProbe = words },
            passed: { [weak self, weak service] in
                guard let self, let service else { return }
                service.lastProbe = nil
                apply(.probePassed, to: service)
            })
        guard let check else { return apply(.probePassed, to: service) }
        service.check = check
    }

    /// The program is gone and known to be: forget the incarnation.
    private func release(_ service: Service) {
        service.orphan = nil
        service.program = nil
        service.live = nil
        service.usage = nil
        guard let link = service.link else { return }
        services[ObjectIdentifier(link)] = nil
        service.link = nil
        keepExit(of: service) { [environment] in
            link.collected()
            link.close()
            RunFiles.removeIntent(link.id, in: environment.runDirectory)
        }
    }

    /// Stores how the last program of `service` ended, then lets `done` tell its monitor.
    func keepExit(of service: Service, then done: @escaping @ReactorActor () -> Void) {
        guard let exits, let exit = service.machine.lastExit else { return done() }
        let name = service.name
        service.hasStoredExit = true
        spawn { [self] in
            do throws(StorageError) { try await exits.save(exit, of: name) } catch {
                // At the end of the daemon storage is closed first: the monitor keeps the exit for
                // the next one. A full disk must not keep monitors alive for ever, though, and who
                // was removed is not missed.
                if isClosing { return }
            }
            done()
        }
    }

    /// The stored exit is not that of the program that is started now.
    private func forgetExit(of service: Service) {
        guard let exits, service.hasStoredExit else { return }
        let name = service.name
        service.hasStoredExit = false
        spawn { try? await exits.forget(name) }
    }

    /// Before the daemon ends: nobody new is started, those who wait are told, programs go on.
    package func close() {
        isClosing = true
        let unborn = spawning
        spawning = []
        for service in unborn {
            // Nothing failed: the words of a lost monitor would be wrong.
            for waiter in service.starts { waiter.finish(.daemonEnds) }
            apply(.monitorVanished, to: service)
        }
        for service in services.values {
            for waiter in service.starts { waiter.finish(.daemonEnds) }
        }
    }
}
