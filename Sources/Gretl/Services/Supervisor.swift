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
    /// What of the things a service depends on is not up; it starts without when nil.
    package var missingDependency: (Service) -> MissingDependency? = { _ in nil }
    /// Told what happens to services.
    package weak var events: (any EventSink)?
    /// Where exits are kept; nil in tests without storage.
    package var exits: ExitStore?
    /// Where adopted processes are kept; nil in tests without storage.
    package var adoptions: AdoptionStore?
    /// Reads what programs wrote; nil in tests without it.
    package var output: ServiceOutput?
    /// Where files are read.
    package var background: BackgroundThread?
    /// Finds out who holds ports; nil in tests without it.
    package var conflicts: PortConflicts?
    var services: [ObjectIdentifier: Service] = [:]
    /// Monitors whose program has to go, until their tree is empty.
    var discarded: [ObjectIdentifier: MonitorLink] = [:]
    /// Services whose monitor is to be started: one a turn.
    var spawning: [Service] = []
    /// Services whose program is without a monitor: the next one is started in one of the next
    /// turns.
    var adopting: [Service] = []
    /// Services between an end and the next start.
    var waiting: [ObjectIdentifier: Service] = [:]
    /// Programs are started: the daemon listens, and they can be told where.
    private(set) var isOpen = false
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
    /// only. A start that is under way is joined. What is not ready in time is left running, or
    /// stopped when `stopsLate` says so.
    package func start(
        _ service: Service, timeout: Duration, stopsLate: Bool = false
    ) async throws(APIError) {
        guard !isClosing else { throw .daemonBusy("the daemon is shutting down") }
        let stopsAsked = service.stopsAsked
        // Before the look at the state: from there on nothing may come in between.
        if service.spec.logFile != nil { try await checkLog(service.spec) }
        guard service.stopsAsked == stopsAsked else { throw .takenBack(service.name) }
        // Else a program would run that nobody can stop.
        try service.checkIsKept()
        switch service.machine.state {
        // A start that waits to see whether it settles is under way.
        case .running where service.starts.isEmpty:
            throw APIError(
                .alreadyRunning, "'\(service.name)' is running (pid \(service.program?.pid ?? 0))",
                hint: "run " + ShellQuoting.command("gr restart", service.name)
                    + " to start it anew")
        case .stopping: throw .daemonBusy("'\(service.name)' is being stopped")
        case .stopped, .failed, .backoff, .awaitingPort:
            try checkCommand(service)
            try await checkPorts(service)
            forget(service)
            apply(.startRequested(service.spec.plan), to: service)
        case .clearing:
            try checkCommand(service)
            apply(.startRequested(service.spec.plan), to: service)
        case .arming, .armed, .spawning, .probing, .restarting, .running: break
        }
        try await wait(service, timeout: timeout, stopsLate: stopsLate)
    }

    /// Stops `service` if it runs and starts it with what is registered now, as one operation. One
    /// that is under way is joined. False when a start under way was new enough to be joined too.
    package func restart(
        _ service: Service, grace: Duration, timeout: Duration
    ) async throws(APIError) -> Bool {
        guard !isClosing else { throw .daemonBusy("the daemon is shutting down") }
        try checkCommand(service)
        let stopsAsked = service.stopsAsked
        if service.spec.logFile != nil { try await checkLog(service.spec) }
        guard service.stopsAsked == stopsAsked else { throw .takenBack(service.name) }
        // Else a program would run that nobody can stop.
        try service.checkIsKept()
        let plan = service.spec.plan
        var isRestart = true
        switch service.machine.state {
        case .stopping: throw .daemonBusy("'\(service.name)' is being stopped")
        case .stopped, .failed, .backoff, .awaitingPort:
            try await checkPorts(service)
            forget(service)
            apply(.restartRequested(plan, grace: grace), to: service)
        case .running, .armed, .clearing:
            // While the old program still runs: what cannot be started does not cost it its life.
            if service.live?.port != service.spec.port { try await checkPorts(service) }
            apply(.restartRequested(plan, grace: grace), to: service)
        // It is new already, unless it was started with an older spec.
        case .spawning, .probing, .arming:
            isRestart = service.live != service.spec
            if isRestart { apply(.restartRequested(plan, grace: grace), to: service) }
        case .restarting: break
        }
        try await wait(service, timeout: timeout, stopsLate: false)
        return isRestart
    }

    /// Waits for a start of `service` that is under way, and begins none.
    func join(_ service: Service, timeout: Duration) async throws(APIError) {
        switch service.machine.state {
        case .arming, .spawning, .probing, .restarting:
            try await wait(service, timeout: timeout, stopsLate: false)
        case .stopped, .failed, .armed, .awaitingPort, .running, .stopping, .clearing, .backoff:
            break
        }
    }

    /// Has a service that runs with another spec than the registered one run with that. What does
    /// not run takes it with its next start. False when nothing was restarted.
    package func apply(toRunning service: Service) async throws(APIError) -> Bool {
        guard !service.machine.isIdle, service.machine.state != .stopping,
            service.isBehind
        else { return false }
        return try await restart(service, grace: .seconds(5), timeout: .seconds(30))
    }

    private func wait(
        _ service: Service, timeout: Duration, stopsLate: Bool
    ) async throws(APIError) {
        // What an immediate failure left behind needs no wait.
        let patience = timeout > .zero ? timeout : Supervisor.spawnPatience
        let end = reactor.now + timeout
        let stopsAsked = service.stopsAsked
        let outcome: StartWaiter.Outcome = await withCheckedContinuation { continuation in
            let waiter = StartWaiter(continuation, timeout: patience, on: reactor)
            waiter.endsAtSpawn = timeout == .zero
            service.starts.append(waiter)
            switch service.machine.state {
            case .armed: waiter.finish(.answered(.armed))
            case .probing where waiter.endsAtSpawn, .running: waiter.finish(.answered(.running))
            case .stopped, .failed, .arming, .awaitingPort, .spawning, .probing, .stopping,
                .restarting, .clearing, .backoff:
                break
            }
        }
        service.starts.removeAll { $0.isOver }
        if case .answered(.running) = outcome, timeout > .zero {
            let settled = await settle(service, until: end, stopsAsked)
            return try await check(settled, of: service, timeout: timeout)
        }
        if case .timedOut = outcome, stopsLate, service.machine.state != .running {
            await stop(service, grace: Supervisor.lateGrace)
            try await check(.stoppedLate, of: service, timeout: timeout)
        }
        try await check(outcome, of: service, timeout: timeout)
    }

    /// How long a start without timeout waits for the spawn.
    private static let spawnPatience = Duration.seconds(10)
    /// Grace of what is stopped because it was not ready in time.
    private static let lateGrace = Duration.seconds(5)

    /// Stops the whole tree of `service` and waits until it is gone.
    package func stop(_ service: Service, grace: Duration) async {
        service.stopsAsked &+= 1
        guard !service.machine.isIdle else { return }
        if service.machine.state == .running {
            // Starts that wait to see whether it settles.
            for start in service.starts { start.finish(.answered(.stoppedBeforeReady)) }
        }
        let adopted = service.adopted?.stored
        await withCheckedContinuation { continuation in
            service.stops.append(continuation)
            apply(.stopRequested(grace: grace), to: service)
        }
        await keepStop(of: service)
        if let adopted { await forgetAdoption(adopted) }
    }

    /// What was said of the last start says nothing about the next one.
    private func forget(_ service: Service) {
        service.failure = nil
        service.lastProbe = nil
    }

    // MARK: The daemon's life

    /// The daemon listens: what waits to be started is.
    package func open() {
        isOpen = true
        if !spawning.isEmpty { reactor.runNextTurn(self) }
    }

    /// Before the daemon ends: nobody new is started, those who wait are told, programs go on.
    package func close() {
        isClosing = true
        // Without a reader of its output a program would not outlive us.
        for service in adopting { adopt(service) }
        adopting = []
        let unborn = spawning
        spawning = []
        for service in unborn {
            // Nothing failed: the words of a lost monitor would be wrong.
            for waiter in service.starts { waiter.finish(.daemonEnds) }
            apply(.monitorVanished(circumstances(of: service)), to: service)
        }
        for service in waiting.values {
            service.wait?.end()
            for waiter in service.starts { waiter.finish(.daemonEnds) }
        }
        for service in services.values {
            for waiter in service.starts { waiter.finish(.daemonEnds) }
        }
    }
}
