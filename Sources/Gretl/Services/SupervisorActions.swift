// Executes what the machines decide, one action after the other. The only place where an event
// reaches a machine; everything here is called by Supervisor and by what it watches.

import NetCore

extension Supervisor {
    /// Has the machine of `service` take a step and does what it asks for.
    func apply(_ event: ServiceMachine.Event, to service: Service) {
        for action in service.machine.handle(event) { execute(action, for: service) }
        changed(service)
    }

    private func execute(_ action: ServiceMachine.Action, for service: Service) {
        switch action {
        case .arm: startSoon(service)
        case .awaitPort: awaitPort(service)
        case .scheduleRetry(let pause): scheduleRetry(service, after: pause)
        case .endWait: endWait(service)
        case .startMonitor: startSoon(service)
        case .beginProbing: beginProbing(service)
        case .endProbing:
            service.check?.end()
            service.check = nil
        case .markReady:
            service.readySince = reactor.now
            service.link?.markReady()
        case .stopTree(let grace, let keepsSocket):
            stopTree(service, grace: grace, keepsSocket: keepsSocket)
        case .collect(let keepsSocket): release(service, keepsSocket: keepsSocket)
        case .publishStarted:
            guard let program = service.program else { return }
            events?.publish(
                .serviceStarted(
                    name: service.name, pid: program.pid, url: service.reachable.url))
            conflicts?.check(service)
        case .publishEnded(let ending): publish(ending, of: service)
        case .publishGaveUp(let failures):
            service.failure =
                "failed \(failures) times in a row and is not started again by itself"
            events?.publish(.serviceGaveUp(name: service.name, failures: failures))
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

    // MARK: Starting

    private func startSoon(_ service: Service) {
        countRestart(of: service)
        let machine = service.machine
        // What a monitor listens on is that of the spec it was told to: nobody asked for another.
        if !machine.isAutomatic || !machine.holdsSocket || service.live == nil {
            service.live = service.spec
        }
        service.failure = nil
        service.portNotice = nil
        service.spawnedAt = nil
        service.outputStart = nil
        service.readySince = nil
        service.readyFor = .zero
        service.endedSoon = false
        service.isForced = false
        if service.machine.state == .spawning { forgetEnd(of: service) }
        guard !isClosing else { return }
        spawning.append(service)
        if spawning.count == 1, isOpen { reactor.runNextTurn(self) }
    }

    /// Listening anew is none: only with the program does one begin.
    private func countRestart(of service: Service) {
        let machine = service.machine
        guard machine.isAutomatic, machine.counter.tries > 0 else { return service.restarts = 0 }
        if machine.state == .spawning { service.restarts += 1 }
    }

    /// A stop came before the monitor was even started.
    private func withdrawSpawn(_ service: Service) {
        guard let index = spawning.firstIndex(where: { $0 === service }) else { return }
        spawning.remove(at: index)
        apply(.treeEmpty(circumstances(of: service)), to: service)
    }

    private func stopTree(_ service: Service, grace: Duration, keepsSocket: Bool) {
        service.stopGrace = grace
        service.orphan?.stop(grace: grace)
        service.adopted?.stop(grace: grace)
        // At once, and not with the end of the monitor: the port is free when the stop is answered.
        if !keepsSocket { letGoOfPort(service) }
        service.link?.stop(grace: grace)
        withdrawSpawn(service)
    }

    // MARK: Waiting

    private func scheduleRetry(_ service: Service, after pause: Duration) {
        service.nextTry = (reactor.wallNanoseconds() / 1_000_000) + pause.inMilliseconds
        holdRetry(service, for: pause)
    }

    private func holdRetry(_ service: Service, for pause: Duration) {
        hold(
            service,
            RestartWait(pause, on: reactor) { [weak self, weak service] in
                guard let self, let service else { return }
                retry(service)
            })
    }

    /// What starts by itself waits for what it depends on, as a start does, but brings nothing up:
    /// what somebody stopped stays stopped.
    private func retry(_ service: Service) {
        endWait(service)
        // It was changed into one that somebody else runs.
        guard service.spec.command != nil else {
            return apply(.stopRequested(grace: .zero), to: service)
        }
        // Before the daemon listens not all that runs is found yet.
        guard isOpen || service.spec.dependsOn.isEmpty else {
            return holdRetry(service, for: Supervisor.dependencyLook)
        }
        if let missing = missingDependency(service) {
            guard missing.isRegistered else {
                service.failure = "'\(missing.name)', which it depends on, is not registered"
                return apply(.retryHopeless, to: service)
            }
            service.failure =
                "waits for '\(missing.name)', which it depends on and which is not up"
            return holdRetry(service, for: Supervisor.dependencyLook)
        }
        apply(.retryDue(service.spec.plan), to: service)
    }

    /// A look is a few table look-ups.
    private static let dependencyLook = Duration.milliseconds(500)

    /// A port is given up with the process that listened there, unless that has left it to another
    /// one: then a start would only fail, and fail again.
    private func awaitPort(_ service: Service) {
        guard let port = service.spec.port, isTaken(port) else {
            return apply(.portFree, to: service)
        }
        hold(
            service,
            RestartWait(
                forPort: { [weak self] in self?.isTaken(port) ?? false }, on: reactor
            ) { [weak self, weak service] isFree in
                guard let self, let service else { return }
                endWait(service)
                if isFree { return apply(.portFree, to: service) }
                tellHolder(of: port, to: service)
                apply(.portTaken(circumstances(of: service)), to: service)
            })
    }

    /// Says in the object of `service` who holds its port.
    private func tellHolder(of port: Int, to service: Service) {
        service.failure = "port \(port) is held by another process"
        guard let failure = service.failure, conflicts != nil else { return }
        spawn { [weak self, weak service] in
            guard let self, let service else { return }
            let error = await portInUse(port, for: service)
            // Unless something else has happened by now.
            if service.failure == failure { service.failure = error.message }
        }
    }

    private func hold(_ service: Service, _ wait: RestartWait) {
        service.wait = wait
        waiting[ObjectIdentifier(service)] = service
    }

    private func endWait(_ service: Service) {
        service.wait?.end()
        service.wait = nil
        service.nextTry = nil
        waiting[ObjectIdentifier(service)] = nil
    }

    // MARK: Readiness

    /// Takes down who listens where the program is going to be asked. The socket that is held for
    /// it does not count.
    func noteListeners(_ service: Service) {
        let spec = service.reachable
        let held = service.machine.holdsSocket ? spec.heldPort : nil
        service.listenersBefore = Set(
            ReadyCheck.addresses(of: spec).filter { held == nil || Int($0.port) != held }
                .compactMap(listener))
    }

    /// The socket that accepts connections to `address`, by its inode.
    private func listener(at address: SocketAddress) -> UInt32? {
        guard let owner = try? owners?.listener(at: address), owner.inode != 0 else { return nil }
        return owner.inode
    }

    private func beginProbing(_ service: Service) {
        let check = ReadyCheck(
            service.reachable, on: reactor,
            isOld: { [weak self, weak service] address in
                guard let self, let service, !service.listenersBefore.isEmpty else { return false }
                return listener(at: address).map(service.listenersBefore.contains) ?? false
            },
            looked: { [weak service] words in service?.lastProbe = words },
            passed: { [weak self, weak service] in
                guard let self, let service else { return }
                service.lastProbe = nil
                apply(.probePassed, to: service)
            })
        guard let check else { return apply(.probePassed, to: service) }
        service.check = check
    }
}
