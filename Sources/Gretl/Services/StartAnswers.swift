// What those who wait for a start are told: the outcome of a start becomes the words of the API.
// Called by Supervisor when a wait is over; nothing here changes a service.

import NetCore

extension Supervisor {
    /// Of a program that nothing can ask whether it is ready, only its end tells that it is not. So
    /// its start is answered a moment after its spawn: one that fails at once, for want of a file
    /// or of a setting, has failed for whoever started it, however quick the answer would be.
    /// `stopsAsked`: how often a stop had been asked for when the start began to wait.
    func settle(
        _ service: Service, until end: Instant, _ stopsAsked: Int
    ) async -> StartWaiter.Outcome {
        guard service.stopsAsked == stopsAsked else { return .answered(.stoppedBeforeReady) }
        let spec = service.reachable
        guard spec.port == nil, spec.ready == nil, let spawnedAt = service.spawnedAt else {
            return .answered(.running)
        }
        let settled: Instant
        switch service.machine.state {
        case .running: settled = spawnedAt + Supervisor.settling
        // It has ended: whether it is done shows when its tree is gone.
        case .clearing: settled = reactor.now + Supervisor.settling
        default: return .answered(.running)
        }
        let left = min(settled, end) - reactor.now
        guard left > .zero else { return .answered(.running) }
        let outcome: StartWaiter.Outcome = await withCheckedContinuation { continuation in
            service.starts.append(StartWaiter(continuation, timeout: left, on: reactor))
        }
        service.starts.removeAll { $0.isOver }
        guard service.stopsAsked == stopsAsked else { return .answered(.stoppedBeforeReady) }
        switch outcome {
        case .timedOut: return .answered(.running)
        case .answered(.exitedBeforeReady) where Supervisor.isDone(service):
            return .answered(.running)
        default: return outcome
        }
    }

    /// How long after its spawn a program that cannot be asked is watched.
    private static let settling = Duration.milliseconds(300)

    /// Throws the error a waiting start ends with; returns when the service is up.
    func check(
        _ answer: StartWaiter.Outcome, of service: Service, timeout: Duration
    ) async throws(APIError) {
        do throws(APIError) {
            try await refuse(answer, of: service, timeout: timeout)
        } catch {
            guard error.code == .readyTimeout else { throw error }
            var told = error
            told.logTail = await logTail(of: service, count: Supervisor.tailLines)
            throw told
        }
    }

    /// Lines of the log that come with a start that failed.
    private static let tailLines = 20

    private func refuse(
        _ answer: StartWaiter.Outcome, of service: Service, timeout: Duration
    ) async throws(APIError) {
        var outcome = answer
        switch (answer, service.machine.state) {
        // Nor has a job failed that is done by now.
        case (.answered(.running), .clearing) where Supervisor.isDone(service),
            (.answered(.running), .stopped) where Supervisor.isDone(service),
            (.answered(.running), .backoff) where Supervisor.isDone(service):
            return
        // A program without a port is ready when it runs, and may have ended by now.
        case (.answered(.running), .clearing), (.answered(.running), .stopped),
            (.answered(.running), .failed), (.answered(.running), .backoff),
            (.answered(.running), .awaitingPort):
            outcome = .answered(.exitedBeforeReady)
        default: break
        }
        let log = environment.logPath(of: service.reachable)
        let last = service.lastProbe.map { "; last look: \($0)" } ?? ""
        let logs = ShellQuoting.command("gr logs", service.name)
        switch outcome {
        case .answered(.running), .answered(.armed): return
        case .timedOut:
            throw APIError(
                .readyTimeout,
                "'\(service.name)' started but was not ready within "
                    + "\(timeout.inMilliseconds) ms\(last)",
                hint: "it was left running; see \(logs), or \(log)")
        case .stoppedLate:
            throw APIError(
                .readyTimeout,
                "'\(service.name)' was not ready within \(timeout.inMilliseconds) ms and was "
                    + "stopped\(last)",
                hint: "see \(logs), or \(log)")
        case .answered(.portTaken):
            throw await portInUse(service.reachable.port ?? 0, for: service)
        case .daemonEnds:
            throw .daemonBusy("the daemon is shutting down; '\(service.name)' goes on")
        case .answered(.exitedBeforeReady):
            throw APIError(
                .readyTimeout,
                "'\(service.name)' ended before it was ready: \(Supervisor.words(service))",
                hint: "see \(logs), or \(log)")
        case .answered(.stoppedBeforeReady):
            throw APIError(
                .readyTimeout, "'\(service.name)' was stopped before it was ready",
                hint: "start it again")
        case .answered(.spawnFailed):
            throw .invalid(
                "'\(service.name)' could not be started: \(service.failure ?? "unknown")",
                hint: service.advice ?? Supervisor.advice(onStep: "", 0))
        case .answered(.monitorFailed):
            throw APIError(
                .internal,
                "the monitor of '\(service.name)' failed: \(service.failure ?? "it ended")",
                hint: "see the daemon's log")
        }
    }

    /// Whether its last program ended by itself and well, as a job does.
    static func isDone(_ service: Service) -> Bool {
        guard let exit = service.machine.lastExit else { return false }
        return exit.code == 0 && !exit.requested
    }

    /// What to do about a program that could not be started, by the step that failed.
    package nonisolated static func advice(onStep step: String, _ code: Int32) -> String {
        switch step {
        case "directory": "make that directory, or change 'cwd' of the service"
        case "log": "change 'logFile' of the service, or free some space"
        case "listen" where SystemError.isRefusalOfRights(code):
            "ports below 1024 are for root: choose another 'port'"
        case "listen": "choose another 'port', or leave 'listen' out"
        default: "check 'cmd' and 'cwd' of the service"
        }
    }

    /// How the last program ended, in words.
    package static func words(_ service: Service) -> String {
        guard let exit = service.machine.lastExit else { return "its exit is unknown" }
        if let signal = exit.signal { return "killed by \(SignalName.text(signal))" }
        return "exit code \(exit.exitCode)"
    }
}
