// Gathers what a plan goes by: the state of each service, and who holds the ports that are needed.
// Looks only; nothing is started, told or remembered.

import NetCore

extension Groups {
    /// What a start of a group would do.
    package func plan(_ group: String) async throws(APIError) -> StartPlan {
        try await plan(of: try members(of: group), "'\(group)'") { $0.spec.dependsOn }
    }

    /// What a start of one service would do.
    package func plan(
        _ service: Service, withDependencies: Bool
    ) async throws(APIError) -> StartPlan {
        try await plan(of: [service], "'\(service.name)'") {
            withDependencies ? $0.spec.dependsOn : []
        }
    }

    func plan(
        of roots: [Service], _ what: String, dependencies: (Service) -> [String]
    ) async throws(APIError) -> StartPlan {
        let order = try order(of: roots, what, dependencies)
        if let cycle = order.cycle { throw .cycle(cycle) }
        let services = order.nodes.compactMap { registry.find($0.name) }
        precondition(services.count == order.nodes.count, "an order of registered services")
        var facts: [StartPlan.Fact] = []
        var looks = 0
        for (index, service) in services.enumerated() {
            if index > 0, index % Groups.looksPerTurn == 0 { await othersTurn() }
            guard let port = heldPort(of: service) else {
                facts.append(fact(service))
                continue
            }
            var holder: String?
            looks += 1
            if looks <= Groups.holdersMost {
                holder = await supervisor.conflicts?.words(for: port)
            }
            facts.append(.portHeld(port: port, by: holder ?? "another process"))
        }
        return StartPlan(order, facts, ports: services.map(\.spec.port))
    }

    /// A look at a port is two questions to the kernel, about 5 us.
    private static let looksPerTurn = 64
    /// The most ports whose holder is looked for: that takes milliseconds on another thread.
    private static let holdersMost = 16

    /// The port that keeps `service` from being started.
    private func heldPort(of service: Service) -> Int? {
        guard fact(service) == .idle, !service.machine.holdsSocket, let port = service.spec.port,
            supervisor.isTaken(port)
        else { return nil }
        return port
    }

    private func fact(_ service: Service) -> StartPlan.Fact {
        switch service.machine.state {
        case .running: return .running
        case .armed: return .armed
        case .arming, .spawning, .probing, .restarting: return .starting
        case .stopping: return .stopping
        case .stopped, .failed, .backoff, .awaitingPort, .clearing: break
        }
        if isUp(service) { return .running }
        return service.spec.command == nil ? .noCommand : .idle
    }
}
