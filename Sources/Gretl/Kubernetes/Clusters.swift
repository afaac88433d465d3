// The registered clusters. A registration makes the access, asks the API server whether it takes it
// and what we may do, stores and only then answers; what failed leaves nothing behind. Used by the
// routes; Workloads is told of what comes and goes.

package import NetCore

/// The clusters we know, by id.
@ReactorActor
package final class Clusters {
    /// What is to be registered.
    package struct Draft: Sendable {
        package var name: String
        package var provider: String?
        package var source: ClusterSource

        package init(name: String, provider: String? = nil, source: ClusterSource) {
            self.name = name
            self.provider = provider
            self.source = source
        }
    }

    /// A cluster that was registered.
    package struct Registration {
        package var cluster: Cluster
        /// What its user may not do; nil when the API server does not tell.
        package var missingRights: [String]?
        /// The path of the program that makes its tokens, where there is one.
        package var plugin: String?
    }

    private let reactor: Reactor
    private let background: BackgroundThread
    private let store: ClusterStore
    private let maker: AccessMaker
    private let connect: @ReactorActor (Cluster) -> any ClusterTransport
    private let pace: KubernetesClient.Pace
    private var byID: [String: Cluster] = [:]
    /// Names that are being registered.
    private var reserved: Set<String> = []
    /// Told of a cluster that was registered.
    package var added: (@ReactorActor (Cluster) -> Void)?
    /// Told of one that is registered no more.
    package var removed: (@ReactorActor (Cluster) -> Void)?

    package init(
        on reactor: Reactor, background: BackgroundThread, store: ClusterStore,
        maker: AccessMaker, pace: KubernetesClient.Pace = KubernetesClient.Pace(),
        connect: @escaping @ReactorActor (Cluster) -> any ClusterTransport
    ) {
        self.reactor = reactor
        self.background = background
        self.store = store
        self.maker = maker
        self.pace = pace
        self.connect = connect
    }

    /// Takes in what is stored.
    package func load() async throws(StorageError) {
        for row in try await store.all() {
            byID[row.id] = Cluster(
                id: row.id, name: row.name, provider: row.provider,
                isInCluster: row.isInCluster, createdAt: row.createdAt,
                access: maker.restore(row.access))
        }
    }

    /// All, by name.
    package var all: [Cluster] { byID.values.sorted { $0.name < $1.name } }

    package func find(_ id: String) -> Cluster? { byID[id] }

    /// Finds a cluster or throws `unknown_cluster`.
    package func get(_ id: String) throws(APIError) -> Cluster {
        guard let cluster = byID[id] else {
            throw APIError(
                .unknownCluster,
                "no cluster has the id '\(ClusterFailure.clean(id, most: 64))'",
                hint: "run 'gr k8s clusters' for the registered ones")
        }
        return cluster
    }

    // MARK: Changes

    /// Registers a cluster that can be reached. Durable on return.
    package func add(_ draft: Draft) async throws(APIError) -> Registration {
        try check(draft)
        guard reserved.count < KubernetesLimits.registrationsMost else {
            throw .daemonBusy("too many clusters are being registered")
        }
        reserved.insert(draft.name)
        defer { reserved.remove(draft.name) }
        let made = try await maker.make(draft.source)
        let id = RandomID.make()
        let now = reactor.wallNanoseconds() / 1_000_000
        let cluster = Cluster(
            id: id, name: draft.name, provider: draft.provider ?? "unknown",
            isInCluster: made.isInCluster, createdAt: now, access: made.access)
        let missing = try await examine(cluster, made.signs, isNamed: draft.provider != nil)
        do throws(StorageError) {
            try await store.add(
                ClusterStore.Row(
                    id: id, name: cluster.name, provider: cluster.provider,
                    isInCluster: cluster.isInCluster, access: made.stored, createdAt: now))
        } catch { throw .storage(error) }
        byID[id] = cluster
        Log.shared.info(
            "a cluster was registered", ["id": id, "missing_rights": missing?.count ?? 0])
        added?(cluster)
        return Registration(cluster: cluster, missingRights: missing, plugin: made.plugin)
    }

    private func check(_ draft: Draft) throws(APIError) {
        let name = draft.name
        guard !name.isEmpty, name.utf8.count <= 128,
            !name.unicodeScalars.contains(where: { $0.actsOnDisplay })
        else {
            throw .invalid(
                "the field 'name' is no name of 1 to 128 bytes", hint: "such as \"prod-eks\"")
        }
        guard !reserved.contains(name), !byID.values.contains(where: { $0.name == name }) else {
            throw APIError(
                .nameTaken, "a cluster is registered under the name '\(name)' already",
                hint: "choose another name, or remove that one first")
        }
        guard byID.count + reserved.count < KubernetesLimits.clustersMost else {
            throw .invalid(
                "\(KubernetesLimits.clustersMost) clusters are registered already",
                hint: "remove one that is not needed any more")
        }
    }

    /// Whether it answers, who runs it unless somebody said, and the rights that are missing.
    private func examine(
        _ cluster: Cluster, _ signs: ClusterProvider.Signs, isNamed: Bool
    ) async throws(APIError) -> [String]? {
        let client = KubernetesClient(
            connect(cluster), on: reactor, background: background, pace: pace)
        do throws(ClusterFailure) {
            var version: String?
            do throws(ClusterFailure) {
                version = try await client.object("/version")["gitVersion"]?.text
            } catch {
                // Some hide it from those who have no rights; who they are shows below.
                guard error.isForbidden || error.isNotFound else { throw error }
            }
            let end = reactor.now + Duration.seconds(KubernetesLimits.rightsSeconds)
            let missing = try await ClusterRights.missing(
                client, namespace: cluster.access.namespace, isLate: { reactor.now > end })
            if !isNamed {
                cluster.provider = await ClusterProvider.find(client, version: version, signs)
            }
            return missing
        } catch { throw error.answer("registering", cluster) }
    }

    /// Forgets a cluster with its workloads; nothing is changed in it. Durable on return.
    package func remove(_ id: String) async throws(APIError) {
        let cluster = try get(id)
        do throws(StorageError) { try await store.remove(id) } catch { throw .storage(error) }
        guard byID.removeValue(forKey: id) != nil else { return }
        Log.shared.info("a cluster was removed", ["id": id])
        removed?(cluster)
    }
}
