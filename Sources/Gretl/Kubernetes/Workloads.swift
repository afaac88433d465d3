// All workloads of all clusters: what was listed and watched, by id. Records come in from
// ClusterFeed and from the answers to our own changes; what they change is told and stored a moment
// later by WorkloadJournal, witnesses that disagree are mended by WorkloadMender. Putting to sleep
// and waking is in WorkloadScaling, settings and the sweeper in files of their own.

package import NetCore

/// The workloads we know.
@ReactorActor
package final class Workloads {
    /// How long things take; tests are in a hurry.
    package struct Pace: Sendable {
        /// Pauses are divided by this.
        package var haste: Int64 = 1
        package var client = KubernetesClient.Pace()
        package init() {}

        func stretch(_ duration: Duration) -> Duration {
            .milliseconds(max(1, duration.inMilliseconds / haste))
        }
    }

    let reactor: Reactor
    let pace: Pace
    let store: WorkloadStore
    private let time: any TimeSource
    private let background: BackgroundThread
    private weak var events: (any EventSink)?
    private let connect: @ReactorActor (Cluster) -> any ClusterTransport
    private var byID: [String: Workload] = [:]
    private var counts: [String: Int] = [:]
    private var feeds: [String: ClusterFeed] = [:]
    private var sorted: [Workload]?
    let listSlots = Slots(KubernetesLimits.listsAtOnce)
    private(set) lazy var journal = WorkloadJournal(self)
    private(set) lazy var mender = WorkloadMender(self)
    package private(set) lazy var sweeper = Sweeper(self)
    var operations: [String: ScalingOperation] = [:]
    /// Whether a connection moved bytes, and when: asked right before something is put to sleep.
    package weak var traffic: (any WorkloadTraffic)?
    /// Which daemon this is: on objects it put to sleep, and in the Lease of the sweeper.
    package var instance = "gretl"
    /// Which workload this daemon runs in, asked for clusters it runs in.
    package var ours: (@ReactorActor (Workload) -> Bool)?
    /// Told after a workload is gone.
    package var removed: (@ReactorActor (Workload) -> Void)?

    package init(
        on reactor: Reactor, background: BackgroundThread, store: WorkloadStore,
        events: (any EventSink)?, pace: Pace = Pace(),
        time: any TimeSource = SystemTime.shared,
        connect: @escaping @ReactorActor (Cluster) -> any ClusterTransport
    ) {
        self.reactor = reactor
        self.background = background
        self.store = store
        self.events = events
        self.pace = pace
        self.time = time
        self.connect = connect
    }

    // MARK: Looking up

    package func find(_ id: String) -> Workload? { byID[id] }

    /// Finds a workload or throws `unknown_workload`.
    package func get(_ id: String) throws(APIError) -> Workload {
        guard let workload = byID[id] else { throw Workloads.unknown(id) }
        return workload
    }

    nonisolated static func unknown(_ id: String) -> APIError {
        APIError(
            .unknownWorkload, "no workload has the id '\(ClusterFailure.clean(id, most: 64))'",
            hint: "run 'gr k8s workloads' for the known ones, or 'gr k8s sync' to look again")
    }

    /// All, by cluster, namespace, name and kind.
    package var all: [Workload] {
        if let sorted { return sorted }
        let known = byID.values.sorted(by: Workloads.isBefore)
        sorted = known
        return known
    }

    private nonisolated static func isBefore(_ left: Workload, _ right: Workload) -> Bool {
        if left.cluster !== right.cluster {
            return (left.cluster.name, left.cluster.id) < (right.cluster.name, right.cluster.id)
        }
        return (left.namespace, left.name, left.kind.rawValue)
            < (right.namespace, right.name, right.kind.rawValue)
    }

    package var unsorted: some Collection<Workload> { byID.values }

    package func count(of cluster: Cluster) -> Int { counts[cluster.id] ?? 0 }

    /// The client of a cluster that is registered.
    package func client(of cluster: Cluster) -> KubernetesClient? { feeds[cluster.id]?.client }

    func feed(of cluster: Cluster) -> ClusterFeed? { feeds[cluster.id] }

    /// Why a cluster cannot be listed at the moment; nil: it can, or was not tried yet.
    package func trouble(of cluster: Cluster) -> String? { feeds[cluster.id]?.failure?.text }
    package func isSynced(_ cluster: Cluster) -> Bool { feeds[cluster.id]?.isSynced ?? false }

    // MARK: Clusters

    /// Takes in what is stored, before the first cluster is attached.
    package func load(_ clusters: [Cluster]) async throws(StorageError) {
        let known = Dictionary(
            clusters.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let now = self.now
        for row in try await store.all() {
            guard let cluster = known[row.cluster] else { continue }
            let workload = Workload(
                id: row.id, cluster: cluster, uid: row.uid, namespace: row.namespace,
                name: row.name, kind: row.kind)
            workload.replicas = Int32(clamping: row.replicas)
            workload.kept = row.kept
            workload.lastActivity = row.activityAt
            workload.seenAt = row.activityAt ?? row.kept.settings?.changedAt ?? now
            insert(workload)
        }
    }

    /// Begins to follow a cluster, after a pause.
    package func attach(_ cluster: Cluster, after pause: Duration = .zero) {
        guard feeds[cluster.id] == nil, !isClosed else { return }
        let client = KubernetesClient(
            connect(cluster), on: reactor, background: background, pace: pace.client)
        let feed = ClusterFeed(cluster, client, self, on: reactor)
        feeds[cluster.id] = feed
        feed.start(after: pause)
    }

    /// Forgets a cluster that was removed, and its workloads.
    package func detach(_ cluster: Cluster) {
        feeds.removeValue(forKey: cluster.id)?.stop()
        for workload in byID.values.filter({ $0.cluster === cluster }) { forget(workload) }
        counts[cluster.id] = nil
    }

    /// Before the daemon ends.
    package func close() async {
        isClosed = true
        for feed in feeds.values { feed.stop() }
        feeds = [:]
        sweeper.stop()
        await journal.close()
    }

    /// The daemon ends: nothing new is begun.
    private(set) var isClosed = false

    /// Lists a cluster anew; how many workloads it has.
    package func sync(_ cluster: Cluster) async throws(APIError) -> Int {
        guard let feed = feeds[cluster.id] else {
            throw APIError(
                .unknownCluster, "cluster '\(cluster.name)' was removed",
                hint: "run 'gr k8s clusters' for the registered ones")
        }
        do throws(ClusterFailure) { return try await feed.sync() } catch {
            throw error.answer("sync", cluster)
        }
    }

    /// Stores a workload now, not a moment later.
    package func keep(_ workload: Workload) async throws(APIError) {
        do throws(StorageError) { try await store.save([WorkloadJournal.row(workload)]) } catch {
            throw .storage(error)
        }
    }

    // MARK: Records

    enum Source { case list, watch, answer }

    /// Takes in what an API server said of an object; false when there are too many.
    func take(
        _ record: WorkloadRecord, _ kind: Workload.Kind, _ feed: ClusterFeed, from source: Source
    ) -> Bool {
        let id = Workloads.id(feed.cluster, record.uid)
        guard let workload = byID[id] else {
            guard count(of: feed.cluster) < KubernetesLimits.workloadsMost else { return false }
            let workload = Workload(
                id: id, cluster: feed.cluster, uid: record.uid, namespace: record.namespace,
                name: record.name, kind: kind)
            workload.seenAt = now
            insert(workload)
            update(workload, record, isNew: true)
            workload.round = feed.round
            if source == .watch { journal.changed(workload) }
            return true
        }
        workload.round = feed.round
        // The answer to a change of ours can arrive behind what a watch told since.
        if source == .answer, isOlder(record.resourceVersion, workload.resourceVersion) {
            return true
        }
        update(workload, record, isNew: false)
        return true
    }

    /// Versions are opaque but for this: where both are numbers, the smaller is not the later one.
    private func isOlder(_ version: String, _ than: String) -> Bool {
        guard let left = UInt64(version), let right = UInt64(than) else { return false }
        return left < right
    }

    private func update(_ workload: Workload, _ record: WorkloadRecord, isNew: Bool) {
        let witnesses = WorkloadWitnesses(record, workload.kept)
        let wasAsleep = workload.isAsleep
        let replicas = Int32(clamping: record.replicas)
        let ready = Int32(clamping: record.readyReplicas)
        let isRowNew =
            isNew || workload.replicas != replicas || workload.kept != witnesses.kept
        let isTold = isRowNew || (workload.readyReplicas >= replicas) != (ready >= replicas)
        if workload.settings != witnesses.kept.settings ?? AutoSleepSettings()
            || wasAsleep != (replicas == 0)
        {
            sweeper.replan()
        }
        workload.replicas = replicas
        workload.readyReplicas = ready
        workload.resourceVersion = record.resourceVersion
        workload.kept = witnesses.kept
        if wasAsleep, replicas > 0 {
            // Its time begins now, whoever woke it.
            workload.kept.desiredAt = max(workload.kept.desiredAt, now)
        }
        if let activity = record.activity, activity <= now {
            workload.lastActivity = max(activity, workload.lastActivity ?? 0)
        }
        if isRowNew { journal.store(workload) }
        if isTold, !isNew { journal.changed(workload) }
        if witnesses.mend != .none || witnesses.mendSettings != nil { mender.mend(workload) }
        if let drift = witnesses.drift {
            mender.tell(drift, of: workload, sleptAt: record.desired?.at)
        }
    }

    /// A watch says that an object is gone.
    func remove(_ record: WorkloadRecord, _ feed: ClusterFeed) {
        guard let workload = byID[Workloads.id(feed.cluster, record.uid)] else { return }
        gone(workload)
    }

    /// Whether it is this daemon, running in the cluster.
    func isOurs(_ workload: Workload) -> Bool {
        workload.cluster.isInCluster && ours?(workload) ?? false
    }

    /// The object is gone from the cluster.
    func gone(_ workload: Workload) {
        guard byID[workload.id] === workload else { return }
        forget(workload)
        journal.removed(workload)
        told(.workloadRemoved(workload.facts))
    }

    /// Behind a whole list: what it did not show is gone. How many came and went since there were
    /// `before`.
    func endRound(of cluster: Cluster, _ round: UInt32, before: Int) -> (added: Int, removed: Int) {
        let missing = byID.values.filter { $0.cluster === cluster && $0.round != round }
        let added = max(0, count(of: cluster) - before)
        for workload in missing {
            forget(workload)
            journal.removed(workload)
        }
        return (added, missing.count)
    }

    private func insert(_ workload: Workload) {
        byID[workload.id] = workload
        counts[workload.cluster.id, default: 0] += 1
        sorted = nil
    }

    private func forget(_ workload: Workload) {
        guard byID.removeValue(forKey: workload.id) != nil else { return }
        counts[workload.cluster.id, default: 1] -= 1
        sorted = nil
        mender.forget(workload)
        sweeper.forget(workload)
        removed?(workload)
    }

    /// The first 32 digits of the SHA-256 of cluster and uid: the same whenever it is seen.
    nonisolated static func id(_ cluster: Cluster, _ uid: String) -> String {
        SHA256.hexadecimal(Array("\(cluster.id)/\(uid)".utf8), digits: 32)
    }

    /// Milliseconds since 1970.
    var now: Int64 { time.wallNanoseconds() / 1_000_000 }

    /// Gives back memory that only a list needed; off the reactor, since it takes a millisecond.
    func releaseUnused() {
        let background = background
        spawn { try? await background.perform { ProcessSetup.releaseUnused() } }
    }

    func told(_ event: Event) { events?.publish(event) }

    // MARK: Activity

    /// A connection to the workload was opened or moved bytes.
    package func noteActivity(_ workload: Workload) {
        let now = self.now
        let last = workload.lastActivity ?? 0
        workload.lastActivity = now
        // On disk and on the object it may lag behind: nothing sleeps that moved bytes just now.
        guard now - last >= Workloads.activityPause else { return }
        journal.store(workload)
        mender.noteActivity(workload)
    }

    private static let activityPause: Int64 = 30_000
}

/// Who knows of connections to workloads.
@ReactorActor
package protocol WorkloadTraffic: AnyObject {
    /// When a connection to it last moved bytes or was opened, milliseconds since 1970; nil: none
    /// is open.
    func lastMovement(of workload: Workload) -> Int64?
}

/// So many at once, the others in the order they came.
@ReactorActor
final class Slots {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        guard !waiting.isEmpty else {
            free += 1
            return
        }
        waiting.removeFirst().resume()
    }
}
