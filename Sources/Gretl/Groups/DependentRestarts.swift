// Restarts of those who name a service in `restartWith`, behind a restart of that. Nobody asked for
// them by name, so they may do less than a restart that was asked for: what does not run is not
// started, neither the dependent nor anything it depends on.

import NetCore

extension Groups {
    /// A service that runs and is to be restarted behind another one.
    struct RunningDependent {
        let service: Service
        private let stopsAsked: Int

        @ReactorActor
        init?(_ service: Service) {
            guard RunningDependent.runs(service) else { return nil }
            self.service = service
            stopsAsked = service.stopsAsked
        }

        /// It still runs, and nobody has stopped it since.
        @ReactorActor
        var isWanted: Bool {
            service.stopsAsked == stopsAsked && RunningDependent.runs(service)
        }

        @ReactorActor
        private static func runs(_ service: Service) -> Bool {
            service.machine.isAlive && service.machine.state != .stopping
                && service.removal == .none
        }
    }

    /// Those who run now and are restarted with `service`. Taken down before its restart: who is
    /// started during that finds the new program.
    func runningDependents(of service: Service) -> [RunningDependent] {
        let name = service.name
        return registry.unsorted.filter { $0.spec.restartWith.contains(name) }
            .compactMap { RunningDependent($0) }
    }

    /// Restarts each as an operation of its own: whoever asked for the first restart does not wait
    /// for them.
    func restart(_ dependents: [RunningDependent], behind service: Service, grace: Duration) {
        let name = service.name
        for dependent in dependents where dependent.isWanted {
            spawn { [self] in
                do throws(APIError) {
                    try await restart(dependent, grace: grace)
                } catch {
                    Log.shared.warning(
                        "restart with what it depends on",
                        ["service": dependent.service.name, "with": name, "reason": error.message])
                }
            }
        }
    }

    private func restart(_ dependent: RunningDependent, grace: Duration) async throws(APIError) {
        let service = dependent.service
        if let group = service.spec.group, isStopping(group) { return }
        // The old program goes on until what the new one needs is ready, but what was stopped stays
        // stopped: the old one did without it too.
        if !service.startsAlone {
            for name in service.spec.dependsOn {
                guard let needed = registry.find(name) else { continue }
                try await supervisor.join(needed, timeout: .seconds(30))
            }
        }
        guard dependent.isWanted else { return }
        let others = runningDependents(of: service)
        guard try await supervisor.restart(service, grace: grace, timeout: .seconds(30)) else {
            return
        }
        restart(others, behind: service, grace: grace)
    }
}
