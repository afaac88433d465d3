// The Kubernetes half as one object: the client for other machines, clusters, workloads and their
// routes. Made by Daemon when storage is open; until a cluster is registered it loads nothing and
// asks nobody.

package import NetCore

/// Clusters and what is in them.
@ReactorActor
package final class KubernetesHalf {
    let https: HTTPSClient
    let clusters: Clusters
    let workloads: Workloads
    let tethers: TetherAssembly
    private let background: BackgroundThread
    private let facts: MetaStore

    /// Clusters are followed one after the other at a start, this far apart.
    private static let pauseBetween = Duration.milliseconds(50)

    package init(
        on reactor: Reactor, background: BackgroundThread, database: Database,
        children: ChildProcesses, events: any EventSink, environment: [String: String],
        tethers parts: TetherAssembly.Parts
    ) {
        let https = HTTPSClient(on: reactor, background: background)
        let connect: @ReactorActor (Cluster) -> any ClusterTransport = { cluster in
            HTTPSTransport(https, cluster.access)
        }
        let workloads = Workloads(
            on: reactor, background: background, store: WorkloadStore(database), events: events,
            connect: connect)
        clusters = Clusters(
            on: reactor, background: background, store: ClusterStore(database),
            maker: AccessMaker(
                on: reactor, background: background,
                place: InClusterAccess.Place(environment),
                runner: PluginRunner(
                    on: reactor, children: children, background: background,
                    environment: environment,
                    patience: KubernetesHalf.pluginPatience(environment))),
            connect: connect)
        clusters.added = { workloads.attach($0) }
        if let pod = OwnPod(environment) {
            workloads.ours = { workload in
                pod.isMade(
                    by: workload.kind, workload.name, in: workload.namespace,
                    ownNamespace: workload.cluster.access.namespace)
            }
        }
        let tethers = TetherAssembly(
            on: reactor, workloads: workloads, database: database, events: events,
            background: background, parts)
        clusters.removed = { cluster in
            tethers.tethers.removeSoon(of: cluster)
            workloads.detach(cluster)
        }
        self.tethers = tethers
        self.https = https
        self.workloads = workloads
        self.background = background
        facts = MetaStore(database)
    }

    /// How long a credential plugin may take; tests cannot wait for so long.
    private static func pluginPatience(_ environment: [String: String]) -> Duration {
        let given = environment["GR_PLUGIN_PATIENCE_MS"].flatMap { Int($0) } ?? 0
        return (1...60_000).contains(given) ? .milliseconds(given) : .seconds(60)
    }

    /// Takes in what is stored. Nobody is asked yet.
    func load() async throws(StorageError) {
        workloads.instance = try await facts.instance()
        try await clusters.load()
        try await workloads.load(clusters.all)
        try await tethers.tethers.load()
    }

    /// Begins to follow what is registered.
    func start() {
        for (index, cluster) in clusters.all.enumerated() {
            workloads.attach(cluster, after: KubernetesHalf.pauseBetween * index)
        }
        let tethers = tethers.tethers
        spawn { await tethers.restore() }
    }

    var routes: KubernetesRoutes {
        KubernetesRoutes(
            clusters: ClusterRoutes(clusters: clusters, background: background),
            workloads: WorkloadRoutes(
                clusters: clusters, workloads: workloads, background: background),
            tethers: TetherRoutes(tethers: tethers.tethers, background: background))
    }

    /// Before the database is closed.
    func close() async {
        tethers.close()
        await workloads.close()
        https.close()
    }
}
