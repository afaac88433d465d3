// Every route of the daemon on one screen: method, path, handler. docs/api.md and openapi.yaml are
// checked against it by a test. Dispatch is a switch and not a table of closures: a call through a
// closure counts references and checks isolation for each request.

package import HTTPParser
package import NetCore

/// One route.
package struct Route: Sendable {
    /// What answers it.
    package enum ID: Sendable, BitwiseCopyable, CaseIterable {
        case health, stats
        case listServices, registerService, getService, removeService, startService, stopService
        case restartService, attachService, resizeService
        case resolve
        case listPorts, getPort, killPort, adoptPort
        case serviceLogs, logs
        case events
        case listGroups, getGroup, startGroup, stopGroup
        case startMany, stopMany
        case clientList, clientAdd, clientGet, clientRemove, clientStart, clientStop, clientLogs
        case listClusters, registerCluster, getCluster, removeCluster, syncCluster
        case listClusterWorkloads, listWorkloads, getWorkload, sleepWorkload, wakeWorkload
        case getAutoSleep, setAutoSleep, planAutoSleep
        case createTether, listTethers, getTether, activateTether, deactivateTether, removeTether
        case startRun, listRuns, getRun, removeRun, resumeRun, abortRun, configureRun, runEvents
        case followRun, listGoals, listTools
    }

    package let method: HTTPMethod
    /// As in `/v1/services/{name}/start`.
    package let pattern: String
    package let id: ID
}

/// The routes and their handlers.
@ReactorActor
package final class RouteTable {
    package nonisolated static let routes = [
        Route(method: .get, pattern: "/health", id: .health),
        Route(method: .get, pattern: "/v1/daemon/stats", id: .stats),
        Route(method: .get, pattern: "/v1/services", id: .listServices),
        Route(method: .post, pattern: "/v1/services", id: .registerService),
        Route(method: .get, pattern: "/v1/services/{name}", id: .getService),
        Route(method: .delete, pattern: "/v1/services/{name}", id: .removeService),
        Route(method: .post, pattern: "/v1/services/{name}/start", id: .startService),
        Route(method: .post, pattern: "/v1/services/{name}/stop", id: .stopService),
        Route(method: .post, pattern: "/v1/services/{name}/restart", id: .restartService),
        Route(method: .post, pattern: "/v1/services/{name}/attach", id: .attachService),
        Route(method: .post, pattern: "/v1/services/{name}/resize", id: .resizeService),
        Route(method: .get, pattern: "/v1/services/{name}/logs", id: .serviceLogs),
        Route(method: .get, pattern: "/v1/logs", id: .logs),
        Route(method: .get, pattern: "/v1/resolve/{name}", id: .resolve),
        Route(method: .get, pattern: "/v1/groups", id: .listGroups),
        Route(method: .get, pattern: "/v1/groups/{name}", id: .getGroup),
        Route(method: .post, pattern: "/v1/groups/{name}/start", id: .startGroup),
        Route(method: .post, pattern: "/v1/groups/{name}/stop", id: .stopGroup),
        Route(method: .post, pattern: "/v1/start", id: .startMany),
        Route(method: .post, pattern: "/v1/stop", id: .stopMany),
        Route(method: .get, pattern: "/v1/ports", id: .listPorts),
        Route(method: .get, pattern: "/v1/ports/{port}", id: .getPort),
        Route(method: .post, pattern: "/v1/ports/{port}/kill", id: .killPort),
        Route(method: .post, pattern: "/v1/ports/{port}/adopt", id: .adoptPort),
        Route(method: .get, pattern: "/v1/events", id: .events),
        Route(method: .get, pattern: "/ports", id: .clientList),
        Route(method: .post, pattern: "/ports", id: .clientAdd),
        Route(method: .get, pattern: "/ports/{port}", id: .clientGet),
        Route(method: .delete, pattern: "/ports/{port}", id: .clientRemove),
        Route(method: .post, pattern: "/ports/{port}/start", id: .clientStart),
        Route(method: .post, pattern: "/ports/{port}/stop", id: .clientStop),
        Route(method: .get, pattern: "/ports/{port}/logs", id: .clientLogs),
        Route(method: .get, pattern: "/k8s/clusters", id: .listClusters),
        Route(method: .post, pattern: "/k8s/clusters", id: .registerCluster),
        Route(method: .get, pattern: "/k8s/clusters/{id}", id: .getCluster),
        Route(method: .delete, pattern: "/k8s/clusters/{id}", id: .removeCluster),
        Route(method: .post, pattern: "/k8s/clusters/{id}/sync", id: .syncCluster),
        Route(method: .get, pattern: "/k8s/clusters/{id}/workloads", id: .listClusterWorkloads),
        Route(method: .get, pattern: "/k8s/workloads", id: .listWorkloads),
        Route(method: .get, pattern: "/k8s/workloads/{id}", id: .getWorkload),
        Route(method: .post, pattern: "/k8s/workloads/{id}/sleep", id: .sleepWorkload),
        Route(method: .post, pattern: "/k8s/workloads/{id}/wake", id: .wakeWorkload),
        Route(method: .get, pattern: "/k8s/workloads/{id}/auto-sleep", id: .getAutoSleep),
        Route(method: .patch, pattern: "/k8s/workloads/{id}/auto-sleep", id: .setAutoSleep),
        Route(method: .put, pattern: "/k8s/workloads/{id}/auto-sleep", id: .setAutoSleep),
        Route(method: .get, pattern: "/k8s/auto-sleep/plan", id: .planAutoSleep),
        Route(method: .post, pattern: "/k8s/workloads/{id}/tether", id: .createTether),
        Route(method: .get, pattern: "/k8s/tethers", id: .listTethers),
        Route(method: .get, pattern: "/k8s/tethers/{id}", id: .getTether),
        Route(method: .post, pattern: "/k8s/tethers/{id}/activate", id: .activateTether),
        Route(method: .post, pattern: "/k8s/tethers/{id}/deactivate", id: .deactivateTether),
        Route(method: .delete, pattern: "/k8s/tethers/{id}", id: .removeTether),
        Route(method: .post, pattern: "/api/runs", id: .startRun),
        Route(method: .get, pattern: "/api/runs", id: .listRuns),
        Route(method: .get, pattern: "/api/runs/{id}", id: .getRun),
        Route(method: .delete, pattern: "/api/runs/{id}", id: .removeRun),
        Route(method: .post, pattern: "/api/runs/{id}/resume", id: .resumeRun),
        Route(method: .post, pattern: "/api/runs/{id}/abort", id: .abortRun),
        Route(method: .patch, pattern: "/api/runs/{id}/config", id: .configureRun),
        Route(method: .get, pattern: "/api/runs/{id}/events", id: .runEvents),
        Route(method: .get, pattern: "/api/ws/{id}", id: .followRun),
        Route(method: .get, pattern: "/api/goals", id: .listGoals),
        Route(method: .get, pattern: "/api/tools", id: .listTools),
    ]

    let router = Router(
        RouteTable.routes.enumerated().map { ($0.element.method, $0.element.pattern, $0.offset) })
    /// The number of the hot path's route.
    let resolveRoute = RouteTable.routes.firstIndex { $0.id == .resolve } ?? -1
    private let ids = FlatArray(RouteTable.routes.map(\.id))
    private let services: ServiceRoutes
    let resolve: ResolveRoute
    private let logs: LogRoutes
    private let daemon: DaemonRoutes
    private let ports: PortRoutes
    private let groups: GroupRoutes
    private let events: EventRoutes
    private let terminals: TerminalRoutes
    private let portClient: PortClientRoutes
    private let kubernetes: KubernetesRoutes?
    private let runs: RunRoutes?

    package init(
        services: ServiceRoutes, resolve: ResolveRoute, daemon: DaemonRoutes, ports: PortRoutes,
        logs: LogRoutes, events: EventRoutes, groups: GroupRoutes, terminals: TerminalRoutes,
        portClient: PortClientRoutes, kubernetes: KubernetesRoutes? = nil, runs: RunRoutes? = nil
    ) {
        self.runs = runs
        self.kubernetes = kubernetes
        self.portClient = portClient
        self.terminals = terminals
        self.events = events
        self.services = services
        self.ports = ports
        self.groups = groups
        self.logs = logs
        self.resolve = resolve
        self.daemon = daemon
    }

    /// Has the handler of route number `route` answer.
    func handle(_ route: Int, _ exchange: Exchange) {
        switch ids[route] {
        case .resolve: resolve.resolve(exchange)
        case .health: daemon.health(exchange)
        case .stats: daemon.stats(exchange)
        case .listServices: services.list(exchange)
        case .registerService: services.register(exchange)
        case .getService: services.get(exchange)
        case .removeService: services.remove(exchange)
        case .startService: services.start(exchange)
        case .stopService: services.stop(exchange)
        case .listPorts: ports.list(exchange)
        case .getPort: ports.get(exchange)
        case .killPort: ports.kill(exchange)
        case .adoptPort: ports.adopt(exchange)
        case .restartService: services.restart(exchange)
        case .attachService: terminals.attach(exchange)
        case .resizeService: terminals.resize(exchange)
        case .serviceLogs: logs.one(exchange)
        case .logs: logs.many(exchange)
        case .events: events.open(exchange)
        case .listGroups: groups.list(exchange)
        case .getGroup: groups.get(exchange)
        case .startGroup: groups.start(exchange)
        case .stopGroup: groups.stop(exchange)
        case .startMany: groups.startMany(exchange)
        case .stopMany: groups.stopMany(exchange)
        case .clientList: portClient.list(exchange)
        case .clientAdd: portClient.add(exchange)
        case .clientGet: portClient.get(exchange)
        case .clientRemove: portClient.remove(exchange)
        case .clientStart: portClient.start(exchange)
        case .clientStop: portClient.stop(exchange)
        case .clientLogs: portClient.logs(exchange)
        case .listClusters, .registerCluster, .getCluster, .removeCluster, .syncCluster,
            .listClusterWorkloads, .listWorkloads, .getWorkload, .sleepWorkload, .wakeWorkload,
            .getAutoSleep, .setAutoSleep, .planAutoSleep, .createTether, .listTethers, .getTether,
            .activateTether, .deactivateTether, .removeTether:
            guard let kubernetes else { return KubernetesRoutes.refuse(exchange) }
            kubernetes.handle(ids[route], exchange)
        case .startRun, .listRuns, .getRun, .removeRun, .resumeRun, .abortRun, .configureRun,
            .runEvents, .followRun, .listGoals, .listTools:
            guard let runs else { return KubernetesRoutes.refuse(exchange) }
            runs.handle(ids[route], exchange)
        }
    }
}
