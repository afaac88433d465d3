// Programs whose monitor was killed: a new monitor takes each over, under the same id and with the
// descriptors the daemon still holds, so that its output, its end and its stop go on as before.
// Called by Supervisor and Recovery. Where no monitor can be started the daemon does the least
// itself (OrphanedProgram). Never two monitors for one program at a time.

package import NetCore

extension Supervisor {
    package func monitorLost(_ link: MonitorLink) {
        // Nobody wants its program: what it was about to end is ended without it.
        if discarded.removeValue(forKey: ObjectIdentifier(link)) != nil {
            return endForgotten(link)
        }
        guard let service = services.removeValue(forKey: ObjectIdentifier(link)),
            service.link === link
        else { return }
        Log.shared.warning("a monitor was lost", ["service": service.name])
        guard let program = service.program, service.machine.isAlive, link.programDescriptor >= 0
        else { return forget(link, of: service) }
        // Those that could not even take the program over are not followed by others for ever.
        guard !service.isBeingAdopted || service.monitorsLost < Supervisor.monitorsMost else {
            return watch(program, of: service, without: link)
        }
        if service.isBeingAdopted { service.monitorsLost += 1 }
        // Until its turn comes the service keeps the lost link, which holds what is to be handed
        // on; a stop that comes before is made up for.
        adopting.append(service)
        reactor.runNextTurn(self)
        changed(service)
    }

    /// Nothing runs below the lost monitor, as far as is known.
    private func forget(_ link: MonitorLink, of service: Service) {
        service.link = nil
        service.listensBy = nil
        let id = link.id
        link.close()
        defer { changed(service) }
        guard service.machine.isAlive else { return programVanished(service) }
        // It was told to start a program, and may have done so without anybody hearing of it.
        spawn { [self] in
            let isOver = await endAll(of: id, grace: .zero)
            if isOver { RunFiles.removeAll(id, in: environment.runDirectory) }
            let mayTryAgain = isOver && isOpen && service.monitorsLost < Supervisor.monitorsMost
            if service.machine.state == .spawning, mayTryAgain {
                service.monitorsLost += 1
                instruct(service)
            } else {
                service.monitorsLost = 0
                programVanished(service)
            }
            changed(service)
        }
    }

    private func endForgotten(_ link: MonitorLink) {
        let id = link.id
        link.close()
        spawn { [self] in
            guard await endAll(of: id, grace: .zero) else { return }
            RunFiles.removeAll(id, in: environment.runDirectory)
        }
    }

    /// How many monitors may be lost in a row before they did anything: then a start has failed and
    /// a program goes on without one.
    private static let monitorsMost = 3

    /// Starts the next monitor of the program of `service`.
    func adopt(_ service: Service) {
        guard let lost = service.link, !lost.isOpen, let program = service.program else { return }
        do throws(SystemError) {
            let link = try MonitorLink.adopt(
                adoption(of: program, service), of: lost, path: environment.monitorPath,
                name: service.name, runDirectory: environment.runDirectory, children: children)
            if service.listensBy === lost { service.listensBy = link }
            service.isBeingAdopted = true
            attach(link, to: service)
            stopAgain(service)
        } catch {
            Log.shared.error("a monitor could not be started", ["reason": "\(error)"])
            watch(program, of: service, without: lost)
        }
    }

    private func adoption(of program: ProgramIdentity, _ service: Service) -> ProgramAdoption {
        let spec = service.reachable
        return ProgramAdoption(
            program: program, logPath: environment.logPath(of: spec),
            isReady: service.machine.state == .running, options: spec.options)
    }

    /// The new monitor knows nothing of a stop that was asked of the one before.
    private func stopAgain(_ service: Service) {
        switch service.machine.state {
        case .stopping, .restarting, .clearing:
            service.link?.stop(grace: service.stopGrace ?? ServiceMachine.clearingGrace)
        case .stopped, .failed, .arming, .armed, .awaitingPort, .spawning, .probing, .running,
            .backoff:
            break
        }
    }

    /// Whether `program` is one that the monitor has just taken over, and not one it started.
    func isAdopted(_ program: ProgramIdentity?, by link: MonitorLink, _ service: Service) -> Bool {
        service.isBeingAdopted && program == service.program && link.adopts(program)
    }

    func adopted(_ service: Service) {
        service.isBeingAdopted = false
        service.monitorsLost = 0
        Log.shared.info("a program has a new monitor", ["service": service.name])
    }

    func adoptionFailed(_ link: MonitorLink, _ step: String, _ code: Int32, of service: Service) {
        guard let program = service.program else { return }
        Log.shared.error(
            "a program could not be taken over",
            ["service": service.name, "step": step, "reason": SystemError.text(code)])
        services[ObjectIdentifier(link)] = nil
        watch(program, of: service, without: link)
    }

    /// Without a monitor: the daemon itself watches the program and drains its output.
    private func watch(_ program: ProgramIdentity, of service: Service, without link: MonitorLink) {
        service.isBeingAdopted = false
        service.monitorsLost = 0
        service.link = nil
        service.listensBy = nil
        service.strayIncarnation = link.id
        let path = environment.logPath(of: service.reachable)
        service.orphan = link.orphan(program, logPath: path) { [weak self, weak service] in
            guard let self, let service else { return }
            orphanEnded(service)
        }
        link.collected()
        link.close()
        guard let orphan = service.orphan else { return programVanished(service) }
        switch service.machine.state {
        case .stopping, .restarting, .clearing:
            orphan.stop(grace: service.stopGrace ?? ServiceMachine.clearingGrace)
        case .stopped, .failed, .arming, .armed, .awaitingPort, .spawning, .probing, .running,
            .backoff:
            break
        }
        changed(service)
    }

    /// A stop without a monitor reaches the program's group only: who left it goes now.
    private func orphanEnded(_ service: Service) {
        guard let id = service.strayIncarnation else { return programVanished(service) }
        spawn { [self] in
            await endAll(of: id, grace: .zero)
            programVanished(service)
        }
    }

    private func programVanished(_ service: Service) {
        service.failure = "its monitor was killed; the exit of the program is unknown"
        let known = circumstances(of: service)
        if let id = service.strayIncarnation {
            RunFiles.removeAll(id, in: environment.runDirectory)
        }
        service.strayIncarnation = nil
        service.orphan = nil
        service.program = nil
        service.live = nil
        apply(.monitorVanished(known), to: service)
    }

    // MARK: Without a daemon too

    /// Takes back a program that lost its monitor and its daemon. False when it has ended.
    func takeBack(_ stray: StrayProgram, of service: Service) -> Bool {
        guard take(stray, service) else { return false }
        Log.shared.warning("a program without its monitor", ["service": service.name])
        service.program = stray.program
        service.live = service.spec
        apply(
            .found(.program(isReady: false), service.spec.plan, holdsSocket: false), to: service)
        return true
    }

    /// Ends a program that lost its monitor and its daemon, and whose service is no more. False
    /// when it has ended or nobody can end it.
    func discard(_ stray: StrayProgram) -> Bool {
        // What it says in its last moments is nobody's.
        let adoption = ProgramAdoption(
            program: stray.program, logPath: "/dev/null", isReady: false)
        let link = try? MonitorLink.adopt(
            adoption, id: stray.incarnation, isStill: { stray.isAlive },
            path: environment.monitorPath, name: stray.service,
            runDirectory: environment.runDirectory, children: children, on: reactor)
        guard let link else { return false }
        discard(link)
        return true
    }

    private func take(_ stray: StrayProgram, _ service: Service) -> Bool {
        do throws(SystemError) {
            let link = try MonitorLink.adopt(
                adoption(of: stray.program, service), id: stray.incarnation,
                isStill: { stray.isAlive },
                path: environment.monitorPath, name: service.name,
                runDirectory: environment.runDirectory, children: children, on: reactor)
            guard let link else { return false }
            service.isBeingAdopted = true
            attach(link, to: service)
            return true
        } catch {
            Log.shared.error("a monitor could not be started", ["reason": "\(error)"])
        }
        let path = environment.logPath(of: service.reachable)
        service.orphan = OrphanedProgram.adopt(
            pid: stray.pid, logPath: path, on: reactor, isStill: { stray.isAlive },
            ended: { [weak self, weak service] in
                guard let self, let service else { return }
                orphanEnded(service)
            })
        service.strayIncarnation = service.orphan == nil ? nil : stray.incarnation
        return service.orphan != nil
    }
}
