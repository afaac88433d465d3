// Starts and stops of services that are named one by one, as one operation in the order of their
// dependencies: what `gr up` and `gr down` ask for. Unlike those of groups they are not joined;
// each of their steps is, by what is under way with that service.

import NetCore

extension Groups {
    /// Starts services and, unless told not to, what they depend on.
    package func start(
        _ services: [Service], _ options: StartOptions
    ) async throws(APIError) -> [GroupResult] {
        guard !supervisor.isClosing else { throw .daemonBusy("the daemon is shutting down") }
        let run = try makeStart(of: services, Groups.named, options)
        run.begin()
        await run.wait()
        return try outcome(of: run, Groups.named, services)
    }

    /// What such a start would do.
    package func plan(
        _ services: [Service], withDependencies: Bool
    ) async throws(APIError) -> StartPlan {
        let isNamed = Set(services.map(\.name))
        return try await plan(of: services, Groups.named) {
            withDependencies ? $0.spec.dependsOn : $0.spec.dependsOn.filter(isNamed.contains)
        }
    }

    /// Stops services, each when those of them that need it have stopped.
    package func stop(
        _ services: [Service], grace: Duration
    ) async throws(APIError) -> (results: [GroupResult], warnings: [String]) {
        let run = try makeStop(of: services, Groups.named, grace: grace)
        for service in services { stopRequested(service) }
        run.begin()
        await run.wait()
        let results = run.services.indices.compactMap { run.result(at: $0) }
        return (results, warnings(after: services))
    }

    private static let named = "what was named"

    // MARK: Services of others

    /// Waits until somebody listens on the port of a service without a command.
    func waitForListener(
        _ service: Service, timeout: Duration, until deadline: Instant?
    ) async -> GroupRun.End {
        guard let port = service.spec.port else {
            return .failed(
                .invalid(
                    "'\(service.name)' has neither a command nor a port: nobody can tell when it "
                        + "is up", hint: "give it one of them"))
        }
        let end = min(reactor.now + timeout, deadline ?? .distantFuture)
        let stopsAsked = service.stopsAsked
        // Ends with the time; a look is two questions to the kernel.
        while !supervisor.isTaken(port) {
            guard reactor.now < end else { return .failed(.nobodyListens(port, service.name)) }
            guard service.stopsAsked == stopsAsked, service.removal == .none else {
                return .failed(.takenBack(service.name))
            }
            await pause(min(.milliseconds(100), end - reactor.now))
        }
        service.listenerSeen = nil
        registry.render(service)
        return .done(up(service, .running))
    }

    private func pause(_ duration: Duration) async {
        var wait: RestartWait?
        await withCheckedContinuation { continuation in
            wait = RestartWait(duration, on: reactor) { continuation.resume() }
        }
        // The timer does not keep it alive.
        withExtendedLifetime(wait) {}
    }
}

extension APIError {
    fileprivate static func nobodyListens(_ port: Int, _ name: String) -> APIError {
        APIError(
            .readyTimeout,
            "nobody listens on port \(port), and '\(name)' has no command: somebody else has to "
                + "start it", hint: "start it where it belongs, or give it a command")
    }
}
