// Executes what the machines decide: starts monitors, probes, stops trees, answers those who wait.
// It never is the parent of a user's program: each has its gr-monitor, and what this daemon knows
// can be found again from there (Recovery.swift).

package import NetCore

/// What the supervisor needs of the machine and the home folder.
package struct SupervisorEnvironment: Sendable {
    /// Path of gr-monitor.
    package var monitorPath: String
    /// An open descriptor of the run directory.
    package var runDirectory: Int32
    /// The log file of a service.
    package var logPath: @Sendable (_ name: String) -> String
    /// Octal umask of programs.
    package var umask: String
    package var shell: String
    /// Directory of a command without one.
    package var homeDirectory: String
    /// What every program gets of the daemon's environment.
    package var inherited: [String: String]
    /// GRETL_DAEMON.
    package var daemonURL: String

    package init(
        monitorPath: String, runDirectory: Int32,
        logPath: @escaping @Sendable (String) -> String, umask: String, shell: String,
        homeDirectory: String, inherited: [String: String], daemonURL: String
    ) {
        self.monitorPath = monitorPath
        self.runDirectory = runDirectory
        self.logPath = logPath
        self.umask = umask
        self.shell = shell
        self.homeDirectory = homeDirectory
        self.inherited = inherited
        self.daemonURL = daemonURL
    }
}

/// Starts, watches and stops the programs of services.
@ReactorActor
package final class Supervisor {
    private let reactor: Reactor
    private let children: ChildProcesses
    private let owners: SocketOwners?
    package var environment: SupervisorEnvironment
    /// Told whenever something a client can see has changed.
    package var changed: (Service) -> Void = { _ in }
    /// Told what happens to services.
    package weak var events: (any EventSink)?
    /// Where exits are kept; nil in tests without storage.
    package var exits: ExitStore?
    private var services: [ObjectIdentifier: Service] = [:]
    /// Monitors whose program has to go, until their tree is empty.
    private var discarded: [ObjectIdentifier: MonitorLink] = [:]
    /// Services whose monitor is to be started: one a turn.
    private var spawning: [Service] = []
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

    private func checkStartable(_ service: Service) throws(APIError) {
        guard service.spec.command != nil else {
            throw .invalid(
                "'\(service.name)' has no command: nothing to run, somebody else runs it",
                hint: "register it with 'cmd' to have it started here")
        }
        try checkReadyPort(service)
        guard let port = service.spec.port, isTaken(port) else { return }
        throw APIError(
            .portInUse, "port \(port) is held by another process",
            hint: "run 'gr adopt \(port) --as <name>' or 'gr kill :\(port)'")
    }

    /// A ready answer from somebody who was there before says nothing about the new program.
    private func checkReadyPort(_ service: Service) throws(APIError) {
        guard let ready = service.spec.ready, case .success(let url) = ReadyURL.parse(ready),
            Int(url.port) != service.spec.port, isTaken(Int(url.port))
        else { return }
        throw APIError(
            .portInUse,
            "port \(url.port) of the ready URL is held by another process, whose answer would say "
                + "nothing about '\(service.name)'",
            hint: "point 'ready' to a port the service itself opens")
    }

    /// Whether somebody listens on the port of this machine's loopback addresses.
    package func isTaken(_ port: Int) -> Bool {
        guard let owners, let port = UInt16(exactly: port) else { return false }
        for host in ["127.0.0.1", "::1"] {
            guard let address = SocketAddress(host, port: port) else { continue }
            if let owner = try? owners.listener(at: address), owner.inode != 0 { return true }
        }
        return false
    }

    private func check(
        _ answer: StartWaiter.Outcome, of service: Service, timeout: Duration
    ) throws(APIError) {
        var outcome = answer
        switch (answer, service.machine.state) {
        // A program without a port is ready when it runs, and may have ended by now.
        case (.answered(.running), .clearing), (.answered(.running), .stopped),
            (.answered(.running), .failed):
            outcome = .answered(.exitedBeforeReady)
        default: break
        }
        let log = environment.logPath(service.name)
        let last = service.lastProbe.map { "; last look: \($0)" } ?? ""
        switch outcome {
        case .answered(.running): return
        case .timedOut:
            throw APIError(
                .readyTimeout,
                "'\(service.name)' started but was not ready within "
                    + "\(timeout.inMilliseconds) ms\(last)",
                hint: "it was left running; its output is in \(log)")
        case .daemonEnds:
            throw .daemonBusy("the daemon is shutting down; '\(service.name)' goes on")
        case .answered(.exitedBeforeReady):
            throw APIError(
                .readyTimeout,
                "'\(service.name)' ended before it was ready: \(Supervisor.words(service))",
                hint: "its output is in \(log)")
        case .answered(.stoppedBeforeReady):
            throw APIError(
                .readyTimeout, "'\(service.name)' was stopped before it was ready",
                hint: "start it again")
        case .answered(.spawnFailed):
            throw .invalid(
                "'\(service.name)' could not be started: \(service.failure ?? "unknown")",
                hint: "check 'cmd' and 'cwd' of the service")
        case .answered(.monitorFailed):
            throw APIError(
                .internal,
                "the monitor of '\(service.name)' failed: \(service.failure ?? "it ended")",
                hint: "see the daemon's log")
        }
    }

    /// How the last program ended, in words.
    package static func words(_ service: Service) -> String {
        guard let exit = service.machine.lastExit else { return "its exit is unknown" }
        if let signal = exit.signal { return "killed by \(SignalName.text(signal))" }
        return "exit code \(exit.exitCode)"
    }

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

    // MARK: Monitors

    private func startMonitor(_ service: Service) {
        let id = RandomID.make()
        RunFiles.writeIntent(id, in: environment.runDirectory)
        do throws(SystemError) {
            let link = try MonitorLink.start(
                path: environment.monitorPath, id: id, name: service.name,
                runDirectory: environment.runDirectory, children: children, on: reactor)
            attach(link, to: service)
            link.run(name: service.name, programStart(service, incarnation: id))
        } catch {
            service.failure = "\(environment.monitorPath): \(error)"
            Log.shared.error("a monitor could not be started", ["reason": "\(error)"])
            RunFiles.removeIntent(id, in: environment.runDirectory)
            apply(.monitorVanished, to: service)
        }
    }

    func attach(_ link: MonitorLink, to service: Service) {
        service.link = link
        services[ObjectIdentifier(link)] = service
        link.delegate = self
    }

    /// Takes the program of an earlier daemon back.
    func takeBack(
        _ link: MonitorLink, _ program: ProgramIdentity, of service: Service, isReady: Bool,
        isStopping: Bool
    ) {
        attach(link, to: service)
        service.program = program
        service.live = service.spec
        apply(.found(isReady: isReady, isStopping: isStopping), to: service)
    }

    /// Takes back a program that lost its monitor and its daemon. False when it has ended.
    func takeBack(_ stray: StrayProgram, of service: Service) -> Bool {
        let path = environment.logPath(service.name)
        let orphan = OrphanedProgram.adopt(
            pid: stray.pid, logPath: path, on: reactor,
            isStill: { StrayProgram.leaderStart(stray.pid) == stray.startTime },
            ended: { [weak self, weak service] in
                guard let self, let service else { return }
                programVanished(service)
            })
        guard let orphan else { return false }
        Log.shared.warning("a program without its monitor", ["service": service.name])
        service.orphan = orphan
        service.strayIncarnation = stray.incarnation
        service.program = ProgramIdentity(
            pid: stray.pid, startTime: stray.startTime,
            startedAt: ProcessFacts.startedAt(ticks: stray.startTime))
        service.live = service.spec
        apply(.found(isReady: false, isStopping: false), to: service)
        return true
    }

    /// Ends a monitor and whatever runs below it: its exit is known, or nobody wants the program.
    func discard(_ link: MonitorLink) {
        link.delegate = self
        discarded[ObjectIdentifier(link)] = link
        link.stop(grace: .zero)
    }

    private func programStart(_ service: Service, incarnation: String) -> ProgramStart {
        let spec = service.reachable
        var variables = environment.inherited
        variables["PORT"] = spec.port.map { "\($0)" }
        let directory = spec.directory ?? environment.homeDirectory
        variables["PWD"] = directory
        for (name, value) in spec.environment { variables[name] = value }
        // Ours: by these a later daemon finds the program, whatever the spec says.
        variables["GRETL_NAME"] = spec.name
        variables["GRETL_GROUP"] = spec.group ?? ""
        variables["GRETL_DAEMON"] = environment.daemonURL
        variables["GRETL_INCARNATION"] = incarnation
        return ProgramStart(
            shell: environment.shell, command: spec.command ?? "", directory: directory,
            logPath: environment.logPath(spec.name), umask: environment.umask,
            environment: variables.map { "\($0.key)=\($0.value)" }.sorted())
    }

    private func spawned(_ program: ProgramIdentity, of service: Service) {
        service.program = program
        if let link = service.link { RunFiles.removeIntent(link.id, in: environment.runDirectory) }
        let spec = service.reachable
        apply(.spawned(needsProbe: spec.port != nil || spec.ready != nil), to: service)
        for waiter in service.starts where waiter.endsAtSpawn {
            waiter.finish(.answered(.running))
        }
    }

    private func spawnFailed(_ step: String, _ code: Int32, of service: Service) {
        let reason = SystemError.text(code)
        let directory = service.reachable.directory ?? environment.homeDirectory
        switch step {
        case "directory": service.failure = "the directory \(directory): \(reason)"
        case "exec": service.failure = "the shell \(environment.shell): \(reason)"
        case "log": service.failure = "its log \(environment.logPath(service.name)): \(reason)"
        default: service.failure = "\(step): \(reason)"
        }
        apply(.spawnFailed, to: service)
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

// MARK: - What monitors say

extension Supervisor: MonitorLinkDelegate {
    package func monitor(_ link: MonitorLink, said message: MonitorMessage) {
        guard let service = services[ObjectIdentifier(link)], service.link === link else {
            if message == .empty, discarded[ObjectIdentifier(link)] != nil { endDiscarded(link) }
            return
        }
        switch message {
        case .spawned(let program): spawned(program, of: service)
        case .failed(let step, let code): spawnFailed(step, code, of: service)
        case .exited(let exit): apply(.exited(exit), to: service)
        case .empty: apply(.treeEmpty, to: service)
        // Only a monitor that was found again greets, and Recovery listens to that.
        case .greeting: break
        }
    }

    /// Only with an empty tree does a monitor take that it is no longer needed.
    private func endDiscarded(_ link: MonitorLink) {
        discarded[ObjectIdentifier(link)] = nil
        link.collected()
        link.close()
    }

    package func monitorLost(_ link: MonitorLink) {
        discarded[ObjectIdentifier(link)] = nil
        guard let service = services.removeValue(forKey: ObjectIdentifier(link)),
            service.link === link
        else { return }
        service.link = nil
        Log.shared.warning("a monitor was lost", ["service": service.name])
        if let program = service.program, service.machine.isAlive {
            let path = environment.logPath(service.name)
            service.strayIncarnation = link.id
            service.orphan = link.orphan(program, logPath: path) { [weak self, weak service] in
                guard let self, let service else { return }
                programVanished(service)
            }
        }
        link.close()
        if service.orphan == nil { programVanished(service) }
        changed(service)
    }

    private func programVanished(_ service: Service) {
        service.failure = "its monitor was killed; the exit of the program is unknown"
        if let id = service.strayIncarnation {
            RunFiles.removeAll(id, in: environment.runDirectory)
        }
        service.strayIncarnation = nil
        service.orphan = nil
        service.program = nil
        service.live = nil
        apply(.monitorVanished, to: service)
    }
}

// MARK: - One spawn a turn

// A spawn costs about half a millisecond: a hundred at once would hold up every client.
extension Supervisor: DeferredHandler {
    package func runDeferred() {
        for _ in 0..<Limits.spawnsPerTurn where !spawning.isEmpty {
            startMonitor(spawning.removeFirst())
        }
        if !spawning.isEmpty { reactor.runNextTurn(self) }
    }
}
