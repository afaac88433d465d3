// Starts and stops groups: all members in the order their dependencies ask for, and before them
// what they depend on outside the group. One operation at a time per group: an equal one is joined,
// a stop takes a start back, a start waits until a stop is over and is told so.

package import NetCore

/// The groups and what is under way with them.
@ReactorActor
package final class Groups {
    /// How a start goes.
    package struct StartOptions: Sendable {
        /// For each service.
        package var timeout = Duration.seconds(30)
        /// For all of them.
        package var total: Duration?
        package var isParallel = true
        /// Groups whose services are started one by one, whatever goes on beside them.
        package var serialGroups: Set<String> = []
        /// Brings up what is depended on and was not named, too.
        package var withDependencies = true
        /// Waits for somebody to listen on the ports of services that have no command.
        package var waitsForOthers = false

        package init() {}
    }

    let registry: ServiceRegistry
    let supervisor: Supervisor
    let reactor: Reactor
    private var starts: [String: GroupRun] = [:]
    private var stops: [String: GroupRun] = [:]
    /// Starts of single services that wait for what they depend on, by name.
    var waitingStarts: [String: GroupRun] = [:]

    package init(registry: ServiceRegistry, supervisor: Supervisor, on reactor: Reactor) {
        self.registry = registry
        self.supervisor = supervisor
        self.reactor = reactor
        supervisor.missingDependency = { [weak self] in self?.missingDependency(of: $0) }
    }

    // MARK: Look-up

    /// `@jobs` for `jobs` and `@jobs`.
    package static func name(_ text: String) -> String {
        text.utf8.first == UInt8(ascii: "@") ? text : "@" + text
    }

    /// The members of a group by name, or `unknown_group`.
    package func members(of group: String) throws(APIError) -> [Service] {
        let members = registry.all.filter { $0.spec.group == group }
        guard !members.isEmpty else { throw .unknownGroup(group) }
        return members
    }

    /// Whether a stop of the group is under way.
    func isStopping(_ group: String) -> Bool { stops[group] != nil }

    /// Whether it needs no start: it runs, or its first connection starts it.
    func isUp(_ service: Service) -> Bool {
        let status = registry.status(of: service)
        return status == "running" || status == "armed"
    }

    /// Everything `roots` need, with the roots, in order.
    func order(
        of roots: [Service], _ what: String,
        _ dependencies: (Service) -> [String] = { $0.spec.dependsOn }
    ) throws(APIError) -> DependencyOrder {
        do throws(DependencyOrder.TooMany) {
            return try DependencyOrder(from: roots.map(\.name)) {
                registry.find($0).map(dependencies)
            }
        } catch { throw .tooManyDependencies(what) }
    }

    // MARK: Start

    /// Starts a group and what it depends on; throws `group_failed` with all results when some of
    /// it did not come up.
    package func start(
        _ group: String, _ options: StartOptions
    ) async throws(APIError) -> [GroupResult] {
        let members = try members(of: group)
        guard !supervisor.isClosing else { throw .daemonBusy("the daemon is shutting down") }
        guard stops[group] == nil else { throw .daemonBusy("'\(group)' is being stopped") }
        if let run = starts[group] {
            await run.wait()
            return try outcome(of: run, "'\(group)'", members)
        }
        let run = try makeStart(of: members, "'\(group)'", options)
        starts[group] = run
        run.begin()
        spawn { [self] in
            await run.wait()
            if starts[group] === run { starts[group] = nil }
            publish(run, group, members)
        }
        await run.wait()
        return try outcome(of: run, "'\(group)'", members)
    }

    /// A start of `roots` and what they depend on. Of `last` only that: it is left to the caller,
    /// and nothing is begun when a dependency is unknown.
    func makeStart(
        of roots: [Service], _ what: String, _ options: StartOptions, behind last: Service? = nil
    ) throws(APIError) -> GroupRun {
        let isNamed = Set(roots.map(\.name))
        let order = try order(of: roots, what) { service in
            let all = service.spec.dependsOn
            return options.withDependencies ? all : all.filter(isNamed.contains)
        }
        if let cycle = order.cycle { throw .cycle(cycle) }
        // Names in an order are registered: it was made a moment ago.
        let services = order.nodes.compactMap { registry.find($0.name) }
        precondition(services.count == order.nodes.count, "an order of registered services")
        if let last { try refuseUnknown(order, services, last) }
        let dependents = order.dependents
        let stopsAsked = services.map(\.stopsAsked)
        let steps = order.nodes.indices.map {
            OrderedRun.Step(
                waitsFor: order.nodes[$0].dependencies,
                isDone: services[$0] !== last && isUp(services[$0]),
                lane: services[$0].spec.group.flatMap {
                    options.serialGroups.contains($0) ? $0 : nil
                })
        }
        let deadline = options.total.map { reactor.now + $0 }
        return GroupRun(services, OrderedRun(steps, isParallel: options.isParallel)) {
            [self] service, place in
            guard service !== last else { return .passed }
            guard service.stopsAsked == stopsAsked[place] else {
                return .failed(.takenBack(service.name))
            }
            // What others wait for has to be ready, not only to run.
            let isNeeded = options.timeout == .zero && !dependents[place].isEmpty
            let timeout = isNeeded ? .seconds(30) : options.timeout
            if service.isExternal, options.waitsForOthers, !isUp(service) {
                return await waitForListener(service, timeout: timeout, until: deadline)
            }
            return await bringUp(
                service, unknown: order.nodes[place].unknown, timeout: timeout, until: deadline)
        }
    }

    private func refuseUnknown(
        _ order: DependencyOrder, _ services: [Service], _ last: Service
    ) throws(APIError) {
        for (node, service) in zip(order.nodes, services) {
            guard let missing = node.unknown.first, service === last || !isUp(service) else {
                continue
            }
            throw .unknownDependency(missing, of: node.name)
        }
    }

    /// One step of a start.
    private func bringUp(
        _ service: Service, unknown: [String], timeout: Duration, until deadline: Instant?
    ) async -> GroupRun.End {
        if isUp(service) { return .done(up(service, .running)) }
        if let missing = unknown.first {
            return .failed(.unknownDependency(missing, of: service.name))
        }
        if let group = service.spec.group, stops[group] != nil {
            return .failed(.daemonBusy("'\(group)' is being stopped"))
        }
        var timeout = timeout
        if let deadline {
            let left = deadline - reactor.now
            guard left > .zero else {
                return .failed(
                    APIError(
                        .readyTimeout, "the time for all was over before it was its turn",
                        hint: "start it again, with a longer 'total'"))
            }
            if timeout > left { timeout = left }
        }
        service.startsAlone = false
        do throws(APIError) {
            try await supervisor.start(service, timeout: timeout)
            return .done(up(service, .started))
        } catch {
            // Somebody else was quicker.
            guard error.code != .alreadyRunning else { return .done(up(service, .running)) }
            return .failed(error)
        }
    }

    func up(_ service: Service, _ outcome: GroupResult.Outcome) -> GroupResult {
        GroupResult(service.name, outcome, pid: service.program?.pid)
    }

    /// All results of a start: every member, and of the others those that something was done with.
    func results(of run: GroupRun, _ members: [Service]) -> [GroupResult] {
        let isMember = Set(members.map(ObjectIdentifier.init))
        return run.services.indices.compactMap { place in
            guard let result = run.result(at: place) else { return nil }
            let isTold =
                isMember.contains(ObjectIdentifier(run.services[place]))
                || result.outcome == .started || result.outcome == .failed
            return isTold ? result : nil
        }
    }

    func outcome(
        of run: GroupRun, _ what: String, _ members: [Service]
    ) throws(APIError) -> [GroupResult] {
        let results = results(of: run, members)
        let failures = results.filter(\.isFailure)
        guard let first = failures.first(where: { $0.outcome == .failed }) ?? failures.first else {
            return results
        }
        guard !supervisor.isClosing else {
            throw .daemonBusy("the daemon is shutting down; what was started goes on")
        }
        throw .groupFailed(what, first: first, failures: failures.count, results: results)
    }

    /// The most names in one event.
    private static let namesInEvent = 256

    private func publish(_ run: GroupRun, _ group: String, _ members: [Service]) {
        let failed = results(of: run, members).filter(\.isFailure).map(\.name)
        if failed.isEmpty {
            let names = members.prefix(Groups.namesInEvent).map(\.name)
            supervisor.events?.publish(.groupStarted(name: group, services: names))
        } else {
            let names = Array(failed.prefix(Groups.namesInEvent))
            supervisor.events?.publish(.groupFailed(name: group, failed: names))
        }
    }

    // MARK: Stop

    /// Stops the members of a group, dependents first, each when those that need it have stopped.
    /// A start of the group that is under way starts nothing more.
    package func stop(
        _ group: String, grace: Duration
    ) async throws(APIError) -> (results: [GroupResult], warnings: [String]) {
        let members = try members(of: group)
        let run: GroupRun
        if let running = stops[group] {
            run = running
        } else {
            run = try makeStop(of: members, "'\(group)'", grace: grace)
            let isChange = members.contains { !$0.machine.isIdle } || starts[group] != nil
            stops[group] = run
            starts.removeValue(forKey: group)?.cancel()
            for member in members { stopRequested(member) }
            run.begin()
            spawn { [self] in
                await run.wait()
                stops[group] = nil
                guard isChange else { return }
                let names = members.prefix(Groups.namesInEvent).map(\.name)
                supervisor.events?.publish(.groupStopped(name: group, services: names))
            }
        }
        await run.wait()
        let results = run.services.indices.compactMap { run.result(at: $0) }
        return (results, warnings(after: members))
    }

    func makeStop(
        of members: [Service], _ what: String, grace: Duration
    ) throws(APIError) -> GroupRun {
        let order = try order(of: members, what)
        let isMember = Set(members.map(ObjectIdentifier.init))
        let last = order.nodes.count - 1
        // The other way round: dependents come first. What runs in a circle is stopped at once.
        let dependents = order.cycle == nil ? order.dependents : []
        let nodes = Array(order.nodes.reversed())
        let services = nodes.compactMap { registry.find($0.name) }
        precondition(services.count == nodes.count, "an order of registered services")
        let steps = nodes.indices.map { place in
            OrderedRun.Step(
                waitsFor: dependents.isEmpty ? [] : dependents[last - place].map { last - $0 })
        }
        return GroupRun(services, OrderedRun(steps, isParallel: true)) { [self] service, _ in
            // Others stay as they are; they only stand between members.
            guard isMember.contains(ObjectIdentifier(service)) else { return .passed }
            guard !service.isExternal || !isUp(service) else {
                return .done(
                    GroupResult(service.name, .external, message: "somebody else runs it"))
            }
            await supervisor.stop(service, grace: grace)
            return .done(GroupResult(service.name, .stopped))
        }
    }

    /// Who outside of a stopped group still runs and needs one of its members.
    func warnings(after members: [Service]) -> [String] {
        let names = Set(members.map(\.name))
        var warnings: [String] = []
        for service in registry.all where !names.contains(service.name) {
            guard warnings.count < 16,
                let needed = service.spec.dependsOn.first(where: names.contains), isUp(service)
            else { continue }
            warnings.append("'\(service.name)' still runs and depends on '\(needed)'")
        }
        return warnings
    }
}
