// The supervisor's dealings with monitors: starting one a turn, taking those of an earlier daemon
// back, listening to what they say. What happens when one is lost stands in Adoptions.swift.

package import NetCore

extension Supervisor {
    /// Has a monitor do what the machine waits for: listen, or start the program. One that listens
    /// already is used again.
    func instruct(_ service: Service) {
        if service.link == nil, !startMonitor(service) { return }
        guard let link = service.link else { return }
        let spec = service.reachable
        guard let port = spec.heldPort.flatMap(UInt16.init(exactly:)) else {
            return run(service, link)
        }
        // What has to happen then happens when it listens; it does at once if it did before.
        link.hold(port: port)
    }

    private func startMonitor(_ service: Service) -> Bool {
        let id = RandomID.make()
        let spec = service.reachable
        RunFiles.writeIntent(
            id, RunFiles.Facts(name: spec.name, port: spec.port), in: environment.runDirectory)
        do throws(SystemError) {
            let link = try MonitorLink.start(
                path: environment.monitorPath, id: id, name: service.name,
                runDirectory: environment.runDirectory, children: children, on: reactor)
            attach(link, to: service)
            return true
        } catch {
            service.failure = "\(environment.monitorPath): \(error)"
            Log.shared.error("a monitor could not be started", ["reason": "\(error)"])
            RunFiles.removeIntent(id, in: environment.runDirectory)
            apply(.monitorVanished(circumstances(of: service)), to: service)
            return false
        }
    }

    private func run(_ service: Service, _ link: MonitorLink) {
        let spec = service.reachable
        noteListeners(service)
        link.options(spec.options)
        link.run(name: service.name, environment.programStart(spec, incarnation: link.id))
    }

    /// The monitor listens: on with what it listens for.
    private func held(_ service: Service, _ link: MonitorLink) {
        service.listensBy = link
        let state = service.machine.state
        apply(.socketHeld, to: service)
        switch state {
        case .arming: link.arm()
        case .spawning: run(service, link)
        case .stopped, .failed, .armed, .awaitingPort, .probing, .running, .stopping, .restarting,
            .clearing, .backoff:
            break
        }
    }

    func attach(_ link: MonitorLink, to service: Service) {
        service.link = link
        services[ObjectIdentifier(link)] = service
        link.delegate = self
    }

    /// Takes a monitor of an earlier daemon back. False when there is nothing to take.
    func takeBack(_ link: MonitorLink, _ greeting: MonitorGreeting, of service: Service) -> Bool {
        let found: ServiceMachine.Found
        switch greeting.state {
        case .running:
            guard greeting.program != nil else { return false }
            found = greeting.isStopping ? .stopping : .program(isReady: greeting.isReady)
        case .exited, .empty, .new:
            // It listens for a program that did not run yet; perhaps it said that somebody waits,
            // and nobody heard it.
            let isWaiting =
                greeting.heldPort != nil && greeting.state == .new
                && service.spec.startMode == .onDemand
            if greeting.isArmed && greeting.state != .exited || isWaiting {
                found = .armed
            } else if let exit = greeting.exit {
                found = .ended(exit, isNew: service.machine.lastExit != exit)
            } else {
                return false
            }
        }
        attach(link, to: service)
        if greeting.state == .running {
            service.program = greeting.program
            // As if it had become ready now: it is not known since when it is.
            service.readySince = greeting.isReady ? reactor.now : nil
        }
        service.live = started(service.spec, by: link.id)
        var plan = service.spec.plan
        // The socket is the old one, whatever port is wanted now.
        if plan.heldPort != nil, let held = greeting.heldPort { plan.heldPort = Int(held) }
        service.listenersBefore = []
        if greeting.heldPort != nil { service.listensBy = link }
        apply(
            .found(found, plan, holdsSocket: greeting.heldPort != nil), to: service)
        if found == .armed { link.arm() }
        return true
    }

    /// The spec a program of an earlier daemon was started with, as far as that is known: what
    /// clients reach it by.
    private func started(_ spec: ServiceSpec, by incarnation: String) -> ServiceSpec {
        guard let facts = RunFiles.facts(incarnation, in: environment.runDirectory),
            facts.port != spec.port
        else { return spec }
        var old = spec
        old.port = facts.port
        // It may ask at the new port.
        old.ready = nil
        return old
    }

    /// Takes in how a program ended that neither monitor nor daemon outlived.
    func foundEnd(_ ending: ServiceMachine.Ending, of service: Service, isNewBoot: Bool) {
        if case .exit(let exit) = ending, service.machine.lastExit == exit { return }
        var plan = service.spec.plan
        // What ran before a boot was ended by it, or would have been.
        if isNewBoot { plan = ServiceMachine.Plan(restart: .never) }
        apply(.foundEnded(ending, plan, circumstances(of: service)), to: service)
        if ending == .reboot { service.failure = "reboot" }
        if ending == .unknown { service.failure = "it ended while nobody watched" }
        changed(service)
    }

    /// Goes on with what an earlier daemon was going to start again.
    func resume(_ service: Service) {
        guard service.storedState == .backoff, service.machine.isIdle else { return }
        apply(.found(.backoff, service.spec.plan, holdsSocket: false), to: service)
    }

    /// Ends a monitor and whatever runs below it: its exit is known, or nobody wants the program.
    func discard(_ link: MonitorLink) {
        link.delegate = self
        discarded[ObjectIdentifier(link)] = link
        link.stop(grace: .zero)
    }

    func spawned(_ program: ProgramIdentity, of service: Service) {
        service.program = program
        service.monitorsLost = 0
        service.spawnedAt = reactor.now
        service.stopGrace = nil
        if let link = service.link {
            RunFiles.settleIntent(link.id, in: environment.runDirectory)
            RunFiles.writeProgram(program, of: link.id, in: environment.runDirectory)
        }
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
        case "log":
            let path = environment.logPath(of: service.reachable)
            service.failure = "its log \(path): \(reason)"
        case "listen":
            service.failure = "port \(service.reachable.port ?? 0) cannot be held: \(reason)"
        default: service.failure = "\(step): \(reason)"
        }
        service.advice = Supervisor.advice(onStep: step, code)
        var known = circumstances(of: service)
        known.isPortTaken = step == "listen" && service.reachable.port.map(isTaken) ?? false
        apply(.spawnFailed(known), to: service)
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
        case .spawned(let program, _) where isAdopted(program, by: link, service):
            adopted(service)
        case .spawned(let program, let output):
            service.outputStart = output
            spawned(program, of: service)
        case .failed(let step, let code) where isAdopted(service.program, by: link, service):
            adoptionFailed(link, step, code, of: service)
        case .failed(let step, let code): spawnFailed(step, code, of: service)
        case .exited(let exit):
            markEnd(service)
            apply(.exited(exit, isPortTaken: isPortLost(service)), to: service)
        case .empty: apply(.treeEmpty(circumstances(of: service)), to: service)
        // Only a monitor that was found again greets, and Recovery listens to that.
        case .greeting: break
        case .exitedUnknown:
            markEnd(service)
            apply(.exited(nil, isPortTaken: false), to: service)
        case .held: held(service, link)
        case .connection: apply(.connectionCame, to: service)
        case .pong: break
        }
    }

    /// Only with an empty tree does a monitor take that it is no longer needed.
    private func endDiscarded(_ link: MonitorLink) {
        discarded[ObjectIdentifier(link)] = nil
        RunFiles.removeIntent(link.id, in: environment.runDirectory)
        link.collected()
        link.close()
    }
}

// MARK: - One spawn a turn

// A spawn costs about half a millisecond: a hundred at once would hold up every client.
extension Supervisor: DeferredHandler {
    package func runDeferred() {
        for _ in 0..<Limits.spawnsPerTurn {
            // First: who lost its monitor cannot write until it has the next one.
            if !adopting.isEmpty {
                adopt(adopting.removeFirst())
            } else if isOpen, !spawning.isEmpty {
                instruct(spawning.removeFirst())
            }
        }
        if !adopting.isEmpty || (isOpen && !spawning.isEmpty) { reactor.runNextTurn(self) }
    }
}
