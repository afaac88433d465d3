// The part of the daemon that answers requests, with services in memory and nothing stored: the
// same gate, routes and resolve table as `gr serve`, without a home folder or a database. Made by
// the benchmarks; the daemon itself must never use it, since what it registers is not kept.

package import NetCore

/// Application, registry and views over a fixed set of services.
@ReactorActor
package struct StoragelessDaemon {
    package let application: Application
    package let registry: ServiceRegistry
    package let view: ServiceView
    package let events: EventHub

    /// Registers `services` as they are. Requests that would store something are refused.
    package init(_ services: [ServiceSpec], on reactor: Reactor) throws(SystemError) {
        let background = try BackgroundThread(name: "gr-none")
        // Ended at once: with nothing to store, a second thread would only blur what is counted.
        background.stop()
        let supervisor = Supervisor(
            on: reactor, children: ChildProcesses(), owners: nil,
            environment: SupervisorEnvironment(
                monitorPath: "", runDirectory: -1, logPath: { "/log/\($0).log" }, umask: "77",
                shell: "/bin/sh", homeDirectory: "/", inherited: [:], daemonURL: ""))
        registry = ServiceRegistry(
            on: reactor, store: ServiceStore(Database.closed(on: background)),
            supervisor: supervisor,
            commonHeaders: Application.commonHeaders, servicesMost: services.count)
        registry.adopt(services)
        view = ServiceView(logPath: { "/log/\($0.name).log" })
        let statistics = ProcessStatistics(background: background, on: reactor)
        events = EventHub(
            EventLog(inMemoryOn: reactor), services: EventServices(registry, view),
            stats: StatsFeed(registry, statistics, background: background, on: reactor),
            on: reactor)
        let groups = Groups(registry: registry, supervisor: supervisor, on: reactor)
        let holders = PortHolders(background: background, on: reactor)
        let output = ServiceOutput(background: background, on: reactor)
        let routes = RouteTable(
            services: ServiceRoutes(
                registry: registry, supervisor: supervisor, groups: groups, statistics: statistics,
                view: view,
                background: background),
            resolve: ResolveRoute(registry: registry, on: reactor),
            daemon: DaemonRoutes(reactor: reactor, server: { nil }, events: events),
            ports: PortRoutes(
                holders: holders, registry: registry, supervisor: supervisor, view: view,
                background: background, on: reactor),
            logs: LogRoutes(registry: registry, supervisor: supervisor, output: output),
            events: EventRoutes(hub: events),
            groups: GroupRoutes(groups: groups, registry: registry, background: background),
            terminals: TerminalRoutes(registry: registry),
            portClient: PortClientRoutes(
                reactor: reactor, registry: registry, supervisor: supervisor, groups: groups,
                holders: holders, output: output, background: background))
        application = Application(
            gate: Gate(Gate.Rules()), routes: routes, owners: nil, uid: 0)
    }
}
