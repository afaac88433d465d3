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
    private let background: BackgroundThread

    /// Clusters are followed one after the other at a start, this far apart.
    private static let pauseBetween = Duration.milliseconds(50)

    package init(
        on reactor: Reactor, background: BackgroundThread, database: Database,
        events: any EventSink, environment: [String: String]
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
                place: InClusterAccess.Place(environment)),
            connect: connect)
        clusters.added = { workloads.attach($0) }
        clusters.removed = { workloads.detach($0) }
        self.https = https
        self.workloads = workloads
        self.background = background
    }

    /// Takes in what is stored. Nobody is asked yet.
    func load() async throws(StorageError) {
        try await clusters.load()
        try await workloads.load(clusters.all)
    }

    /// Begins to follow what is registered.
    func start() {
        for (index, cluster) in clusters.all.enumerated() {
            workloads.attach(cluster, after: KubernetesHalf.pauseBetween * index)
        }
    }

    var routes: KubernetesRoutes {
        KubernetesRoutes(
            clusters: ClusterRoutes(clusters: clusters, background: background),
            workloads: WorkloadRoutes(
                clusters: clusters, workloads: workloads, background: background))
    }

    /// Before the database is closed.
    func close() async {
        await workloads.close()
        https.close()
    }
}
