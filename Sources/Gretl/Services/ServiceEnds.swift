// The end of an incarnation: what is told of it, what is known of its circumstances, what is
// stored, and letting its monitor go. A monitor keeps the exit until storage has it.

import NetCore

extension Supervisor {
    /// What the machine has to know at the end of a program.
    func circumstances(of service: Service) -> ServiceMachine.Circumstances {
        var known = ServiceMachine.Circumstances(
            readyFor: service.readySince.map { reactor.now - $0 } ?? service.readyFor,
            isPortTaken: isPortLost(service), jitter: Int.random(in: 800...1_200))
        known.shortest = environment.firstDelay
        return known
    }

    /// Takes the moment of an exit down.
    func markEnd(_ service: Service) {
        service.readyFor = service.readySince.map { reactor.now - $0 } ?? .zero
        service.readySince = nil
        service.endedSoon =
            service.spawnedAt.map { reactor.now - $0 < Supervisor.soon } ?? false
    }

    /// A program that cannot have its port ends within this time.
    private static let soon = Duration.seconds(5)

    /// It ended soon after its start, and somebody listens on its port: the likely reason.
    func isPortLost(_ service: Service) -> Bool {
        guard service.endedSoon, !service.machine.holdsSocket, let port = service.reachable.port
        else { return false }
        return isTaken(port)
    }

    /// Tells of an end.
    func publish(_ ending: ServiceMachine.Ending, of service: Service) {
        events?.publish(ending.event(of: service.name))
    }

    /// The program is gone and known to be: forget the incarnation. A monitor that listens goes on.
    func release(_ service: Service, keepsSocket: Bool) {
        service.orphan = nil
        if let adopted = service.adopted {
            service.adopted = nil
            spawn { await self.forgetAdoption(adopted.stored) }
        }
        service.program = nil
        // What is started again by itself behind a held port is what was started before.
        if !keepsSocket { service.live = nil }
        service.usage = nil
        service.portNotice = nil
        guard let link = service.link, !keepsSocket else { return keepEnd(of: service) {} }
        services[ObjectIdentifier(link)] = nil
        service.link = nil
        letGoOfPort(service)
        keepEnd(of: service) { [environment] in
            // First: behind an end of the daemon right here only the monitor is asked.
            RunFiles.removeIntent(link.id, in: environment.runDirectory)
            link.collected()
            link.close()
        }
    }

    /// Has the monitor close what it listens on.
    func letGoOfPort(_ service: Service) {
        service.listensBy?.release()
        service.listensBy = nil
    }

    /// Stores how the last program of `service` ended, then lets `done` tell its monitor.
    func keepEnd(of service: Service, then done: @escaping @ReactorActor () -> Void) {
        guard let exits, let end = service.machine.end else { return done() }
        let name = service.name
        service.storedState = end.state
        spawn { [self] in
            do throws(StorageError) { try await exits.save(end, of: name) } catch {
                // At the end of the daemon storage is closed first: the monitor keeps the exit for
                // the next one. A full disk must not keep monitors alive for ever, though, and who
                // was removed is not missed.
                if isClosing { return }
            }
            done()
        }
    }

    /// The stored end is not that of the program that is started now.
    func forgetEnd(of service: Service) {
        guard let exits, service.storedState != nil else { return }
        let name = service.name
        service.storedState = nil
        spawn { try? await exits.forget(name) }
    }

    /// Somebody stopped what was going to be started again: a later daemon has to know.
    func keepStop(of service: Service) async {
        guard let exits, service.storedState == .backoff else { return }
        service.storedState = .stopped
        do throws(StorageError) { try await exits.markStopped(service.name) } catch {
            Log.shared.error(
                "a stop could not be stored", ["service": service.name, "reason": "\(error)"])
        }
    }
}

extension ServiceMachine.Ending {
    /// As the stream of events has it: asked for, clean and by SIGTERM is stopped, else crashed.
    package func event(of name: String) -> Event {
        switch self {
        case .exit(let exit) where ServiceMachine.isFailure(exit):
            .serviceCrashed(
                name: name, exitCode: exit.exitCode, signal: exit.signal.map(SignalName.text))
        case .exit(let exit):
            .serviceStopped(name: name, exitCode: exit.exitCode, reason: nil)
        case .unknown: .serviceStopped(name: name, exitCode: nil, reason: "unknown")
        case .reboot: .serviceStopped(name: name, exitCode: nil, reason: "reboot")
        }
    }
}
