// Adopted programs in the life of a service: taken over while nothing of it runs, watched, stopped
// and given up like any other, except that nobody learns how they end. The machine sees a program
// without a monitor; a later start runs the service's command under one.

import NetCore

extension Supervisor {
    /// What the end of an adopted program leads to. How it ended is not known, so that only
    /// `always` asks for another one: a user who ends the own program does not want it back.
    private static func plan(_ spec: ServiceSpec) -> ServiceMachine.Plan {
        ServiceMachine.Plan(restart: spec.restart == .always ? .always : .never)
    }

    /// Makes the process the program of `service`, which has none. False when it cannot be watched.
    func adopt(_ handle: ProcessHandle, _ stored: StoredAdoption, for service: Service) -> Bool {
        guard service.machine.isIdle, service.removal == .none, let background else { return false }
        let program = try? AdoptedProgram(
            handle, stored, uid: ProcessFacts.uid, background: background, on: reactor,
            ended: { [weak self, weak service] program in
                guard let self, let service, service.adopted === program else { return }
                adoptedEnded(program, of: service)
            })
        guard let program else { return false }
        forgetEnd(of: service)
        service.adopted = program
        service.program = ProgramIdentity(
            pid: stored.process.pid, startTime: stored.process.startTime,
            startedAt: ProcessFacts.startedAt(ticks: stored.process.startTime))
        service.live = service.spec
        service.failure = nil
        service.lastProbe = nil
        service.isForced = false
        service.restarts = 0
        service.endedSoon = false
        service.readySince = reactor.now
        apply(
            .found(.program(isReady: true), Supervisor.plan(service.spec), holdsSocket: false),
            to: service)
        return true
    }

    /// Tells that the service is up; a process that an earlier daemon adopted is no news.
    func tellAdopted(_ service: Service) {
        guard let program = service.program else { return }
        events?.publish(
            .serviceStarted(name: service.name, pid: program.pid, url: service.reachable.url))
        conflicts?.check(service)
    }

    private func adoptedEnded(_ program: AdoptedProgram, of service: Service) {
        service.isForced = program.isForced
        service.failure =
            program.isStopping
            ? "stopped on request" : "it was adopted and has ended; how is not known"
        apply(.monitorVanished(circumstances(of: service)), to: service)
    }

    /// Forgets on disk that `service` has an adopted program.
    func forgetAdoption(_ stored: StoredAdoption) async {
        do throws(StorageError) { try await adoptions?.forget(stored) } catch {
            // The next daemon finds that the process is gone.
            Log.shared.warning(
                "an end could not be stored", ["service": stored.name, "reason": "\(error)"])
        }
    }

    /// Takes the processes that earlier daemons adopted back. Before the daemon listens, and after
    /// the monitors have greeted: a service that has one has no use for an older process.
    func takeBackAdopted(boot: String, find: (String) -> Service?) async -> Int {
        guard let adoptions, let background, let stored = try? await adoptions.all(),
            !stored.isEmpty
        else { return 0 }
        let uid = ProcessFacts.uid
        let held = try? await background.perform {
            stored.map { $0.boot == boot ? HeldTree.process($0.process, uid: uid) : nil }
        }
        guard let held, held.count == stored.count else { return 0 }
        var found = 0
        for (one, handle) in zip(stored, held) {
            if let service = find(one.name), service.machine.isIdle {
                if let handle, adopt(handle, one, for: service) {
                    found += 1
                    continue
                }
                missed(service, one.boot == boot ? .unknown : .reboot)
            }
            await forgetAdoption(one)
        }
        return found
    }

    private func missed(_ service: Service, _ ending: ServiceMachine.Ending) {
        var plan = Supervisor.plan(service.spec)
        if ending == .reboot { plan.restart = .never }
        service.failure = ending == .reboot ? "reboot" : "it ended while nobody watched"
        apply(.foundEnded(ending, plan, circumstances(of: service)), to: service)
    }
}
