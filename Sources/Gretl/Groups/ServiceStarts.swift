// Starts of one service behind what it depends on: by POST start, restart, a registration with
// restart=1, and after a boot. What is up needs nothing; what is not ready keeps the service from
// being started, and the error says which it was and why. A service that is started again by itself
// asks here what it still has to wait for.

import NetCore

extension Groups {
    /// Starts what `service` depends on, waits until it is ready, and starts `service`.
    package func start(
        _ service: Service, timeout: Duration, stopsLate: Bool = false,
        withDependencies: Bool = true
    ) async throws(APIError) {
        try refuseWhileStopping(service)
        if !service.machine.isAlive { service.startsAlone = !withDependencies }
        guard withDependencies, waits(service) else {
            return try await supervisor.start(service, timeout: timeout, stopsLate: stopsLate)
        }
        try await bringUpDependencies(of: service, timeout: timeout)
        do throws(APIError) {
            try await supervisor.start(service, timeout: timeout, stopsLate: stopsLate)
        } catch {
            // It did not run when it was asked for: another start was quicker.
            guard error.code == .alreadyRunning else { throw error }
        }
    }

    /// The same for a restart: nothing is stopped while something it needs is not ready.
    package func restart(
        _ service: Service, grace: Duration, timeout: Duration, withDependencies: Bool = true
    ) async throws(APIError) {
        try refuseWhileStopping(service)
        if withDependencies, service.spec.command != nil, service.machine.state != .stopping,
            !service.spec.dependsOn.isEmpty
        {
            try await bringUpDependencies(of: service, timeout: timeout)
        }
        service.startsAlone = !withDependencies
        let dependents = runningDependents(of: service)
        guard try await supervisor.restart(service, grace: grace, timeout: timeout) else { return }
        restart(dependents, behind: service, grace: grace)
    }

    /// Refuses a registration that is to be applied at once while the program is being stopped: it
    /// could only be forgotten.
    package func checkApplicable(to service: Service) throws(APIError) {
        guard service.machine.state != .stopping else {
            throw .daemonBusy("'\(service.name)' is being stopped")
        }
        if !service.machine.isIdle { try refuseWhileStopping(service) }
    }

    /// Whether a stop came in between and nothing has been started since.
    package func wasStopped(_ service: Service, since stopsAsked: Int) -> Bool {
        service.stopsAsked != stopsAsked
            && (service.machine.isIdle || service.machine.state == .stopping)
    }

    /// Has a service that runs with an older spec run with the registered one.
    package func apply(toRunning service: Service) async throws(APIError) {
        guard !service.machine.isIdle, service.machine.state != .stopping,
            service.isBehind
        else { return }
        if !service.startsAlone, !service.spec.dependsOn.isEmpty {
            try await bringUpDependencies(of: service, timeout: .seconds(30))
        }
        let dependents = runningDependents(of: service)
        guard try await supervisor.apply(toRunning: service) else { return }
        restart(dependents, behind: service, grace: .seconds(5))
    }

    /// Stops one service; what others run is not stopped here.
    package func stop(_ service: Service, grace: Duration) async throws(APIError) {
        if service.isExternal, registry.status(of: service) == "running" {
            throw .invalid(
                "'\(service.name)' has no command: somebody else runs it, and it is not stopped "
                    + "here",
                hint: "stop it where it was started")
        }
        stopRequested(service)
        await supervisor.stop(service, grace: grace)
    }

    /// The first of what `service` depends on that is not up.
    func missingDependency(of service: Service) -> MissingDependency? {
        guard !service.startsAlone else { return nil }
        for name in service.spec.dependsOn {
            guard let needed = registry.find(name) else {
                return MissingDependency(name: name, isRegistered: false)
            }
            guard isUp(needed) || isDone(needed) else {
                return MissingDependency(name: name, isRegistered: true)
            }
        }
        return nil
    }

    /// A job that has done its work: a program that listens nowhere and ended well by itself.
    private func isDone(_ service: Service) -> Bool {
        guard service.spec.port == nil, service.spec.ready == nil,
            service.machine.state == .stopped, let exit = service.machine.lastExit
        else { return false }
        return exit.code == 0 && !exit.requested
    }

    /// A stop was asked for: a start that still waits is taken back.
    package func stopRequested(_ service: Service) {
        waitingStarts.removeValue(forKey: service.name)?.cancel()
    }

    private func refuseWhileStopping(_ service: Service) throws(APIError) {
        if let group = service.spec.group, isStopping(group) {
            throw .daemonBusy("'\(group)' is being stopped")
        }
    }

    /// Whether a start of it begins with what it depends on.
    private func waits(_ service: Service) -> Bool {
        guard !service.spec.dependsOn.isEmpty, service.spec.command != nil,
            !supervisor.isClosing
        else { return false }
        switch service.machine.state {
        case .stopped, .failed, .backoff, .awaitingPort, .clearing: return true
        case .arming, .armed, .spawning, .probing, .running, .stopping, .restarting: return false
        }
    }

    /// Returns when all that `service` depends on is up.
    private func bringUpDependencies(
        of service: Service, timeout: Duration
    ) async throws(APIError) {
        let stopsAsked = service.stopsAsked
        let run: GroupRun
        if let running = waitingStarts[service.name] {
            run = running
        } else {
            var options = StartOptions()
            options.timeout = timeout
            run = try makeStart(
                of: [service], "'\(service.name)'", options, behind: service)
            waitingStarts[service.name] = run
            run.begin()
        }
        await run.wait()
        if waitingStarts[service.name] === run { waitingStarts[service.name] = nil }
        if let culprit = run.culprit(for: service), let error = run.failure(at: culprit) {
            throw .dependencyFailed(
                run.services[culprit].name, of: service.name, because: error)
        }
        // The last moment to notice a stop: from here on the supervisor does.
        guard !run.isCancelled, service.stopsAsked == stopsAsked else {
            throw .takenBack(service.name)
        }
    }
}

/// What keeps a service from being started by itself.
package struct MissingDependency: Sendable {
    package let name: String
    /// Else waiting for it leads nowhere.
    package let isRegistered: Bool
}

extension APIError {
    /// The error of a service that was not started because of another one's.
    static func dependencyFailed(
        _ dependency: String, of name: String, because cause: APIError
    ) -> APIError {
        var error = cause
        error.message =
            "'\(name)' was not started: '\(dependency)', which it depends on, did not come up: "
            + cause.message
        return error
    }
}
