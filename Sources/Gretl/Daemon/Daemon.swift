// The composition root: builds everything, in the order in which it may be used, and takes it down
// in the other. A start reads what is stored, takes the programs of an earlier daemon back, and
// only then listens; an end answers what is under way and leaves all programs running.

package import NetCore

/// The daemon behind `gr serve`.
@ReactorActor
package final class Daemon {
    /// What a start can fail with: a sentence for a person.
    struct StartFailure: Error {
        let message: String
    }

    let options: ServeOptions
    let reactor: Reactor
    private let children = ChildProcesses()
    let home: HomeFolder
    private let lock: DaemonLock
    let configuration: Configuration
    let background: BackgroundThread
    private var signals: SignalSource?
    private var database: Database?
    private var supervisor: Supervisor?
    private var registry: ServiceRegistry?
    private var recovery: Recovery?
    private var events: EventHub?
    private var kubernetes: KubernetesHalf?
    private var runs: RunsHalf?
    var application: Application?
    var server: HTTPServer?
    /// The soft limit of open descriptors.
    let descriptorsMost: Int
    /// Whether the socket file in the home folder is ours.
    var hasSocket = false
    private var isStopping = false
    private var exitCode: Int32 = 0

    /// How long answers under way may take at the end.
    private static let drainPatience = Duration.seconds(5)

    // MARK: Start

    /// Runs the daemon until it is told to end; the answer is the exit code.
    package nonisolated static func main(_ words: [String]) -> Int32 {
        let options: ServeOptions
        switch ServeOptions.parse(words) {
        case .success(let parsed): options = parsed
        case .failure(let error):
            ProcessFacts.printError("gr: \(error.message)\nhint: see 'gr help serve'")
            return 2
        }
        ReactorActor.bindToCurrentThread()
        return ReactorActor.assumeIsolated {
            do throws(StartFailure) {
                return try Daemon(options).run()
            } catch {
                ProcessFacts.printError("gr: \(error.message)")
                return 1
            }
        }
    }

    private init(_ options: ServeOptions) throws(StartFailure) {
        self.options = options
        ProcessSetup.ignoreBrokenPipes()
        ProcessSetup.harden()
        ProcessSetup.adoptOrphans()
        do throws(FileError) {
            home = try HomeFolder(path: try HomeFolder.locate(option: options.home))
            lock = try home.lock()
            if options.isDetached { ProcessSetup.detach() }
        } catch { throw StartFailure(message: error.description) }
        do throws(ConfigurationError) {
            configuration = try Configuration.load(path: home.configurationPath)
        } catch { throw StartFailure(message: error.description) }
        Log.shared.level = configuration.logLevel
        for warning in configuration.warnings {
            Log.shared.warning("configuration", ["file": home.configurationPath, "what": warning])
        }
        do throws(SystemError) {
            reactor = try Reactor()
            background = try BackgroundThread(name: "gr-storage")
        } catch { throw StartFailure(message: error.description) }
        if options.isDetached { DaemonLog.keepSmall(home.logPath, by: background) }
        let descriptors = ProcessSetup.raiseDescriptorLimit()
        children.descriptorLimit = descriptors.previous
        descriptorsMost = Int(clamping: descriptors.now)
    }

    private func run() throws(StartFailure) -> Int32 {
        do throws(SystemError) {
            signals = try SignalSource(ProcessFacts.handledSignals, on: reactor) {
                [unowned self] in signalled($0)
            }
        } catch { throw StartFailure(message: error.description) }
        spawn { [self] in
            do throws(StartFailure) {
                try await start()
            } catch {
                ProcessFacts.printError("gr: \(error.message)")
                exitCode = 1
                await finish()
            }
        }
        reactor.run()
        return exitCode
    }

    private func start() async throws(StartFailure) {
        let owners = try makeOwners()
        let supervisor = Supervisor(
            on: reactor, children: children, owners: owners, environment: makeEnvironment())
        self.supervisor = supervisor
        supervisor.background = background
        let database = try await openDatabase()
        supervisor.exits = ExitStore(database)
        supervisor.adoptions = AdoptionStore(database)
        supervisor.output = ServiceOutput(background: background, on: reactor)
        let registry = ServiceRegistry(
            on: reactor, store: ServiceStore(database), supervisor: supervisor,
            commonHeaders: Application.commonHeaders, servicesMost: configuration.limits.services)
        self.registry = registry
        supervisor.conflicts = makeConflicts(registry, supervisor)
        do throws(StorageError) { try await registry.load() } catch {
            throw StartFailure(message: "\(home.databasePath): \(error)")
        }
        let boot = ProcessFacts.bootID()
        let facts = MetaStore(database)
        let statistics = ProcessStatistics(background: background, on: reactor)
        let events = try await openEvents(boot, facts, registry, statistics)
        supervisor.events = events
        let kubernetes = try await openKubernetes(database, events, registry, owners)
        let runs = try await openRuns(database, kubernetes.https)
        let lastBoot = try? await facts.value(MetaStore.bootKey)
        let isNewBoot = lastBoot != nil && lastBoot != boot
        let recovery = Recovery(
            on: reactor, supervisor: supervisor, registry: registry,
            runDirectory: home.runFolder, isNewBoot: isNewBoot)
        self.recovery = recovery
        await recovery.run(RunFiles.scan(home.runPath))
        let adopted = await supervisor.takeBackAdopted(boot: boot, find: registry.find)
        guard !isStopping else { return }
        let groups = Groups(registry: registry, supervisor: supervisor, on: reactor)
        let routes = makeRoutes(
            registry, supervisor, groups, statistics, events, kubernetes.routes, runs.routes)
        try listen(routes, registry, supervisor, owners)
        supervisor.open()
        kubernetes.start()
        runs.start()
        registry.resume(isNewBoot: isNewBoot) { service throws(APIError) in
            try await groups.start(service, timeout: .seconds(30))
        }
        if lastBoot != boot { try? await facts.set(MetaStore.bootKey, boot) }
        Log.shared.info(
            "started",
            [
                "version": Version.text, "services": registry.count,
                "running": recovery.found + adopted,
            ])
    }

    private func makeOwners() throws(StartFailure) -> SocketOwners? {
        do throws(SystemError) { return try SocketOwners() } catch {
            guard configuration.peerCheck else { return nil }
            throw StartFailure(
                message: "the kernel does not tell who owns a socket (\(error)), so other users "
                    + "could not be kept out; set 'peer_check = false' in "
                    + "\(home.configurationPath) to start without that check")
        }
    }

    private func makeEnvironment() -> SupervisorEnvironment {
        let environment = Terminal.environment()
        let home = home
        var made = SupervisorEnvironment(
            monitorPath: "\(ProcessFacts.executableFolder())/gr-monitor",
            runDirectory: home.runFolder, logPath: { home.logPath(service: $0) },
            umask: String(home.inheritedUmask, radix: 8),
            shell: environment["SHELL"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/bin/sh",
            homeDirectory: environment["HOME"] ?? "/",
            inherited: InheritedEnvironment.filter(environment), daemonURL: "")
        made.home = home.path
        // Tests cannot wait for the minutes it takes to give up.
        if let pause = environment["GR_RESTART_PAUSE_MS"].flatMap({ Int($0) }), pause > 0 {
            made.firstDelay = .milliseconds(min(pause, 30_000))
        }
        return made
    }

    private func openDatabase() async throws(StartFailure) -> Database {
        do throws(StorageError) {
            let opened = try await Database.open(home.databasePath, on: background)
            database = opened
            return opened
        } catch {
            guard case .corrupt = error else { throw StartFailure(message: error.description) }
            let path = home.databasePath
            throw StartFailure(message: "\(path): \(error); \(DatabaseFile.wayOut(path))")
        }
    }

    // MARK: Parts

    private func openEvents(
        _ boot: String, _ facts: MetaStore, _ registry: ServiceRegistry,
        _ statistics: ProcessStatistics
    ) async throws(StartFailure) -> EventHub {
        do throws(StorageError) {
            let log = try await EventLog.open(
                home.eventsPath, boot: boot, facts: facts, background: background, on: reactor)
            let hub = EventHub(
                log, services: EventServices(registry, makeView()),
                stats: StatsFeed(registry, statistics, background: background, on: reactor),
                on: reactor)
            events = hub
            return hub
        } catch { throw StartFailure(message: "\(home.databasePath): \(error)") }
    }

    private func openKubernetes(
        _ database: Database, _ events: EventHub, _ registry: ServiceRegistry,
        _ owners: SocketOwners?
    ) async throws(StartFailure) -> KubernetesHalf {
        let tethers = TetherAssembly.Parts(
            settings: configuration.tethers, owners: owners,
            checksPeers: configuration.peerCheck, descriptorsMost: descriptorsMost
        ) { [weak registry] port in
            guard let registry else { return false }
            return registry.daemonPorts.contains(Int(port))
                || !registry.services(on: Int(port)).isEmpty
        }
        let half = KubernetesHalf(
            on: reactor, background: background, database: database, children: children,
            events: events, environment: Terminal.environment(), tethers: tethers)
        do throws(StorageError) { try await half.load() } catch {
            throw StartFailure(message: "\(home.databasePath): \(error)")
        }
        kubernetes = half
        return half
    }

    private func openRuns(
        _ database: Database, _ https: HTTPSClient
    ) async throws(StartFailure) -> RunsHalf {
        let half = RunsHalf(
            on: reactor, background: background, database: database, children: children,
            https: https, configuration: configuration, environment: Terminal.environment(),
            daemonHome: home.path)
        do throws(StorageError) { try await half.load() } catch {
            throw StartFailure(message: "\(home.databasePath): \(error)")
        }
        runs = half
        return half
    }

    private func makeView() -> ServiceView {
        let home = home
        return ServiceView(logPath: { $0.logFile ?? home.logPath(service: $0.name) })
    }

    private func makeRoutes(
        _ registry: ServiceRegistry, _ supervisor: Supervisor, _ groups: Groups,
        _ statistics: ProcessStatistics, _ events: EventHub, _ kubernetes: KubernetesRoutes,
        _ runs: RunRoutes
    ) -> RouteTable {
        let conflicts = supervisor.conflicts ?? makeConflicts(registry, supervisor)
        let output = supervisor.output ?? ServiceOutput(background: background, on: reactor)
        return RouteTable(
            services: ServiceRoutes(
                registry: registry, supervisor: supervisor, groups: groups,
                statistics: statistics,
                view: makeView(), background: background),
            resolve: ResolveRoute(registry: registry, on: reactor),
            daemon: DaemonRoutes(
                reactor: reactor, server: { [weak self] in self?.server }, events: events),
            ports: PortRoutes(
                holders: conflicts.holders, registry: registry, supervisor: supervisor,
                view: makeView(), background: background, on: reactor),
            logs: LogRoutes(registry: registry, supervisor: supervisor, output: output),
            events: EventRoutes(hub: events),
            groups: GroupRoutes(groups: groups, registry: registry, background: background),
            terminals: TerminalRoutes(registry: registry),
            portClient: PortClientRoutes(
                reactor: reactor, registry: registry, supervisor: supervisor, groups: groups,
                holders: conflicts.holders, output: output, background: background),
            kubernetes: kubernetes, runs: runs)
    }

    private func makeConflicts(
        _ registry: ServiceRegistry, _ supervisor: Supervisor
    ) -> PortConflicts {
        let holders = PortHolders(background: background, on: reactor)
        holders.known = { [weak registry] in registry?.knownProcesses ?? PortScan.Known() }
        return PortConflicts(
            holders: holders, owners: supervisor.owners, uid: ProcessFacts.uid, on: reactor,
            publish: { [weak supervisor] in supervisor?.events?.publish($0) })
    }

    // MARK: End

    private func signalled(_ number: Int32) {
        switch number {
        case ProcessFacts.childSignal: children.reapAll()
        case ProcessFacts.hangUpSignal: break
        default: stop()
        }
    }

    /// The first call lets answers finish, the second does not.
    private func stop() {
        guard !isStopping else {
            spawn { [self] in await finish() }
            return
        }
        isStopping = true
        Log.shared.info("stopping", ["services": "left running"])
        supervisor?.close()
        events?.close()
        guard let server else {
            spawn { [self] in await finish() }
            return
        }
        _ = reactor.timers.schedule(at: reactor.now + Daemon.drainPatience, self)
        server.drain { [self] in spawn { [self] in await finish() } }
    }

    private var isFinished = false

    private func finish() async {
        guard !isFinished else { return }
        isFinished = true
        events?.close()
        await runs?.close()
        await kubernetes?.close()
        await database?.close()
        try? home.removeAddress()
        if hasSocket { try? home.removeFile(HomeFolder.socketName) }
        background.stop()
        reactor.stop()
    }
}

extension Daemon: TimerHandler {
    package func timerFired(_ tag: UInt32) { spawn { [self] in await finish() } }
}
