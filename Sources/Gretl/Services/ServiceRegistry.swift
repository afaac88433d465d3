// All services by name: registration, removal, look-up. What is acknowledged is committed first;
// memory changes after the commit, so that a failed one leaves nothing behind. Keeps the table of
// finished resolve answers up to date.

package import NetCore

/// The registered services.
@ReactorActor
package final class ServiceRegistry {
    private var services: [String: Service] = [:] {
        didSet { sorted = nil }
    }
    /// Kept because sorting ten thousand names takes milliseconds.
    private var sorted: [Service]?
    private let reactor: Reactor
    private let store: ServiceStore
    private let supervisor: Supervisor
    private let locks = NameLocks()
    /// What registrations under way are going to depend on: two at once must not close a circle.
    private var pendingDependencies: [String: [String]] = [:]
    /// Those that have a 'logFile', or had one: what runs keeps to the spec it was started with.
    /// Kept because a look at ten thousand specs takes milliseconds.
    private var withLogFile: Set<String> = []
    /// Where services whose registration is under way are going to write.
    private var pendingLogs: [String: String] = [:]
    /// The ports of services whose registration is under way.
    private var pendingPorts: [String: Int] = [:]
    private let commonHeaders: [UInt8]
    private let servicesMost: Int
    package let resolutions = ResolveTable()
    /// Ports the daemon itself listens on.
    package var daemonPorts: Set<Int> = []

    package init(
        on reactor: Reactor, store: ServiceStore, supervisor: Supervisor, commonHeaders: String,
        servicesMost: Int
    ) {
        self.reactor = reactor
        self.store = store
        self.supervisor = supervisor
        self.commonHeaders = Array(commonHeaders.utf8)
        self.servicesMost = servicesMost
        supervisor.changed = { [weak self] in self?.render($0) }
    }

    /// Fills the registry from storage.
    package func load() async throws(StorageError) {
        adopt(try await store.all(), exits: try await supervisor.exits?.all() ?? [:])
    }

    /// Fills the registry with what is stored already, or shall never be.
    func adopt(_ specs: [ServiceSpec], exits: [String: StoredEnd] = [:]) {
        for spec in specs {
            let service = Service(spec)
            if let end = exits[spec.name] {
                service.machine.recover(end)
                service.storedState = end.state
            }
            services[spec.name] = service
            if spec.logFile != nil { withLogFile.insert(spec.name) }
            // Whether somebody listens on the port of an external one is asked when a client does.
            publish(service, status: service.machine.status, goodUntil: reactor.now)
        }
    }

    /// After recovery: goes on with what was going to be started again, or starts after a boot what
    /// wants that.
    package func resume(
        isNewBoot: Bool,
        start: @escaping @Sendable @ReactorActor (Service) async throws(APIError) -> Void
    ) {
        for service in all where service.machine.isIdle {
            guard isNewBoot else {
                supervisor.resume(service)
                continue
            }
            guard service.spec.autostart else { continue }
            spawn {
                do throws(APIError) {
                    try await start(service)
                } catch {
                    Log.shared.warning(
                        "autostart", ["service": service.name, "reason": error.message])
                }
            }
        }
    }

    /// Names are bytes. A dictionary compares strings by what they look like, so two spellings of
    /// one character share a place: only the registered spelling finds it.
    package func find(_ name: String) -> Service? {
        guard let service = services[name], service.name.utf8.elementsEqual(name.utf8)
        else { return nil }
        return service
    }

    /// Finds a service or throws `unknown_service`.
    package func get(_ name: String) throws(APIError) -> Service {
        guard let service = find(name) else { throw .unknownService(name) }
        return service
    }

    /// All services, sorted by name.
    package var all: [Service] {
        let known = sorted ?? services.values.sorted { $0.name < $1.name }
        sorted = known
        return known
    }
    package var count: Int { services.count }
    /// All services in no order, which costs less.
    package var unsorted: [Service] { Array(services.values) }

    /// The services registered on each port.
    var ports: [Int: [Service]] {
        let listening = services.values.filter { $0.spec.port != nil }
        return Dictionary(grouping: listening) { $0.spec.port ?? 0 }
    }

    /// The services registered on `port` and not being removed, by name.
    package func services(on port: Int) -> [Service] {
        services.values.filter { $0.spec.port == port && $0.removal == .none }
            .sorted { $0.name < $1.name }
    }

    /// What tells the processes of services from others.
    var knownProcesses: PortScan.Known {
        var known = PortScan.Known()
        for service in services.values {
            if let pid = service.program?.pid { known.programs[pid] = service.name }
            for id in [service.link?.id, service.strayIncarnation].compactMap({ $0 }) {
                known.incarnations[id] = service.name
            }
        }
        return known
    }

    // MARK: Changes

    /// The name of a service other than `service` that is registered on its port.
    package func sharesPort(with service: Service) -> String? {
        guard let port = service.spec.port else { return nil }
        return services.values.filter { $0 !== service && $0.spec.port == port }
            .map(\.name).min()
    }

    /// Who is registered on `port`, or about to be, under another name than `name`.
    func claimant(of port: Int, besides name: String) -> String? {
        services(on: port).first { $0.name != name }?.name
            ?? pendingPorts.first { $0.value == port && $0.key != name }?.key
    }

    /// Creates or updates the service a patch names. `check` may refuse that before anything is
    /// changed; it is given the one that is there. What it finds free stays free until then.
    package func register(
        _ patch: ServicePatch,
        check: @ReactorActor (Service?) throws(APIError) -> Void = { _ throws(APIError) in }
    ) async throws(APIError) -> Service {
        try await locks.withLock(patch.name) { () async throws(APIError) -> Service in
            let (old, spec) = try draft(patch)
            pendingLogs[spec.name] = supervisor.environment.logPath(of: spec)
            defer { pendingLogs[spec.name] = nil }
            if spec.logFile != nil {
                try await supervisor.checkLog(spec, isNew: spec.logFile != old?.spec.logFile)
            }
            if spec.dependsOn != old?.spec.dependsOn ?? [] { try checkCycle(spec) }
            // Last: what it looks at may have changed while the place of the log was looked at.
            try check(old)
            pendingPorts[spec.name] = spec.port
            defer { pendingPorts[spec.name] = nil }
            pendingDependencies[spec.name] = spec.dependsOn
            defer { pendingDependencies[spec.name] = nil }
            if spec != old?.spec { try await save(spec) }
            // A removal of the same name waits for this lock: `old` is still the registered one.
            let service = old ?? Service(spec)
            service.spec = spec
            // Whose it is makes no difference to what runs.
            service.live?.root = spec.root
            if old == nil { services[spec.name] = service }
            if spec.logFile != nil { withLogFile.insert(spec.name) }
            render(service)
            supervisor.events?.publish(
                .serviceRegistered(name: spec.name, port: spec.port, group: spec.group))
            supervisor.conflicts?.registered(
                service.name, port: spec.port, sharedWith: sharesPort(with: service))
            return service
        }
    }

    /// What a patch would make of the service it names, with most of what can be said against it;
    /// nothing is changed.
    package func preview(
        _ patch: ServicePatch
    ) async throws(APIError) -> (old: Service?, spec: ServiceSpec) {
        let (old, spec) = try draft(patch)
        if spec.logFile != nil {
            try await supervisor.checkLog(spec, isNew: spec.logFile != old?.spec.logFile)
        }
        // A registration would wait until it is gone.
        return (old?.removal == Service.Removal.none ? old : nil, spec)
    }

    /// The spec after a patch, unless its name or its log is somebody else's.
    private func draft(
        _ patch: ServicePatch
    ) throws(APIError) -> (old: Service?, spec: ServiceSpec) {
        let old = find(patch.name)
        if old == nil, let other = services[patch.name] {
            throw .invalid(
                "an equivalent name is registered already, in another Unicode spelling",
                hint: "use '\(other.name)', or remove it first")
        }
        guard old != nil || services.count < servicesMost else {
            throw .invalid(
                "\(servicesMost) services are registered, which is the limit",
                hint: "remove some with 'gr rm', or raise limits.services")
        }
        if let old, case .value(let root) = patch.root, root != old.spec.root {
            throw .nameTaken(patch.name, by: old.spec.root, for: root)
        }
        let spec = try patch.applied(to: old?.spec, daemonPorts: daemonPorts)
        try checkLogIsFree(spec)
        return (old, spec)
    }

    /// A log has one writer: two would rotate it, and its rotated files, under each other.
    private func checkLogIsFree(_ spec: ServiceSpec) throws(APIError) {
        let environment = supervisor.environment
        let path = environment.logPath(of: spec)
        // Logs without 'logFile' never meet, and ten thousand paths take milliseconds to write.
        let isAmongThem = spec.logFile != nil && path.hasPrefix("\(environment.home)/logs/")
        let others = isAmongThem ? unsorted : withLogFile.compactMap { services[$0] }
        let other = others.first { service in
            guard service.name != spec.name else { return false }
            if let file = service.spec.logFile, LogFiles.overlap(file, path) { return true }
            if let file = service.live?.logFile, LogFiles.overlap(file, path) { return true }
            return isAmongThem && LogFiles.overlap(environment.logPath(service.name), path)
        }
        let pending = pendingLogs.first {
            $0.key != spec.name && LogFiles.overlap($0.value, path)
        }
        guard let name = other?.name ?? pending?.key else { return }
        throw .invalid(
            "\(path) belongs to the log of '\(name)'", hint: "choose another 'logFile'")
    }

    /// Refuses a spec that would have services wait for each other. Names that nobody has
    /// registered yet may be.
    private func checkCycle(_ spec: ServiceSpec) throws(APIError) {
        let cycle: [String]?
        do throws(DependencyOrder.TooMany) {
            cycle = try DependencyOrder.cycle(through: spec.name) { name in
                if name == spec.name { return spec.dependsOn }
                return (find(name)?.spec.dependsOn ?? []) + (pendingDependencies[name] ?? [])
            }
        } catch { throw .tooManyDependencies("'\(spec.name)'") }
        if let cycle { throw .cycle(cycle) }
    }

    /// The services that name `name` in 'dependsOn'.
    package func dependents(of name: String) -> [String] {
        services.values.filter { $0.spec.dependsOn.contains(name) }.map(\.name).sorted()
    }

    private func save(_ spec: ServiceSpec) async throws(APIError) {
        do throws(StorageError) { try await store.save(spec) } catch { throw .storage(error) }
    }

    /// Stops the service if it runs, then forgets it; until then it can be seen, but not started. A
    /// removal that is under way is joined. With `purge` its logs go too; false when one of them
    /// stayed.
    @discardableResult
    package func remove(
        _ name: String, grace: Duration, purge: Bool = false
    ) async throws(APIError) -> Bool {
        let leaving = find(name)
        // With the grace of whoever is the least patient.
        if let leaving, leaving.removal == .underWay {
            await supervisor.stop(leaving, grace: grace)
        }
        return try await locks.withLock(name) { () async throws(APIError) -> Bool in
            // What was meant is gone, whoever has its name, or the place of its log, by now.
            if let leaving, leaving.removal == .done {
                guard purge else { return true }
                guard find(name) == nil, (try? checkLogIsFree(leaving.spec)) != nil else {
                    return false
                }
                // Nobody may come to write there meanwhile.
                pendingLogs[name] = supervisor.environment.logPath(of: leaving.spec)
                defer { pendingLogs[name] = nil }
                return await supervisor.removeLogs(of: leaving)
            }
            let service = try get(name)
            // Storage first: when it says no, nothing has changed, the program included. A daemon
            // killed behind this line finds a program nobody knows at its next start and ends it.
            do throws(StorageError) { try await store.remove(name) } catch { throw .storage(error) }
            // From here on no start slips in behind the stop.
            service.removal = .underWay
            await supervisor.stop(service, grace: grace)
            supervisor.output?.followers.serviceRemoved(name)
            // Until the name is free nobody else can have this log.
            let isPurged = purge ? await supervisor.removeLogs(of: service) : true
            service.removal = .done
            services[name] = nil
            withLogFile.remove(name)
            resolutions.remove(name)
            // Who came to follow its log while it left.
            supervisor.output?.followers.serviceRemoved(name)
            supervisor.events?.publish(.serviceUnregistered(name: name))
            supervisor.conflicts?.forget(name)
            return isPurged
        }
    }

    // MARK: What clients see

    /// The status of a service now. That of a service others run follows its port.
    package func status(of service: Service) -> String {
        guard service.isExternal, let port = service.spec.port else {
            return service.machine.status
        }
        let now = reactor.now
        if let seen = service.listenerSeen, now - seen.at < ServiceRegistry.listenerSeenFor {
            return seen.isThere ? "running" : "stopped"
        }
        let isThere = supervisor.isTaken(port)
        service.listenerSeen = (isThere, now)
        return isThere ? "running" : "stopped"
    }

    /// How long the look at a port is believed.
    private static let listenerSeenFor = Duration.milliseconds(500)

    /// Renders the resolve answer of a service anew.
    package func render(_ service: Service) {
        guard services[service.name] === service else { return }
        publish(
            service, status: status(of: service),
            goodUntil: reactor.now + ServiceRegistry.listenerSeenFor)
    }

    /// `goodUntil` counts only for services whose status follows a port.
    private func publish(_ service: Service, status: String, goodUntil: Instant) {
        let isFollowed = service.isExternal && service.spec.port != nil
        let response = ServiceView.resolution(service, status: status)
        resolutions.set(
            service.name, PreparedAnswer(response, common: commonHeaders),
            goodUntil: isFollowed ? goodUntil : .distantFuture)
    }
}

extension APIError {
    /// A name belongs to the folder whose gr.toml registered it.
    static func nameTaken(_ name: String, by owner: String?, for root: String) -> APIError {
        let whose = owner.map { "belongs to \($0)" } ?? "was registered by hand"
        return APIError(
            .nameTaken, "'\(name)' \(whose), and \(root) wants the name too",
            hint: "put a prefix before the names of one folder (prefix = \"wip-\" in gr.toml, or "
                + "gr up --prefix wip-), or remove that service: gr rm "
                + ShellQuoting.quoted(name))
    }

    /// What storage said no to.
    static func storage(_ error: StorageError) -> APIError {
        switch error {
        case .full:
            APIError(
                .storageFull, "the change could not be stored: the disk is full",
                hint: "free some space; nothing was changed")
        default:
            APIError(
                .internal, "the change could not be stored: \(error)",
                hint: "nothing was changed; see the daemon's log")
        }
    }
}
