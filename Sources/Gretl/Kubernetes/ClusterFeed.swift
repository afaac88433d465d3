// What keeps us up to date about one cluster: lists all Deployments and StatefulSets, then watches
// them from the version the list showed. Whatever ends a watch for good leads to a new list; every
// failure to a pause that grows. A sync that is asked for ends the watches and lists anew, so that
// its answer is of a time after the question.

import NetCore

/// The feed of one cluster.
@ReactorActor
final class ClusterFeed {
    let cluster: Cluster
    let client: KubernetesClient
    private let workloads: Workloads
    private let reactor: Reactor
    private var task: Task<Void, Never>?
    private var watches: [Task<Void, Never>] = []
    /// Ends a nap early.
    private var sleeper: CheckedContinuation<Void, Never>?
    private var timer = TimerHandle.none
    private var isStopped = false
    /// Lists that were asked for, and the one that is under way.
    private var asked = 0
    private var waiters: [(number: Int, continuation: CheckedContinuation<Answer, Never>)] = []
    /// The number of the list; objects keep the one they were last seen in.
    private(set) var round: UInt32 = 0
    /// Why the last attempt failed; nil: it did not.
    private(set) var failure: ClusterFailure?
    /// A list was taken in whole.
    private(set) var isSynced = false

    typealias Answer = Result<Int, ClusterFailure>

    init(
        _ cluster: Cluster, _ client: KubernetesClient, _ workloads: Workloads, on reactor: Reactor
    ) {
        self.cluster = cluster
        self.client = client
        self.workloads = workloads
        self.reactor = reactor
    }

    /// Begins, after a pause: a hundred clusters must not all be listed in the first second.
    func start(after pause: Duration = .zero) {
        task = spawn { [self] in
            if pause > .zero { await nap(pause) }
            await run()
        }
    }

    func stop() {
        isStopped = true
        task?.cancel()
        endWatches()
        interrupt()
        resumeWaiters(upTo: .max, .failure(.cancelled))
    }

    /// Lists anew; how many workloads there are.
    func sync() async throws(ClusterFailure) -> Int {
        guard !isStopped, waiters.count < ClusterFeed.waitersMost else { throw .cancelled }
        asked += 1
        let number = asked
        let answer: Answer = await withCheckedContinuation { continuation in
            waiters.append((number, continuation))
            endWatches()
            interrupt()
        }
        return try answer.get()
    }

    private static let waitersMost = 256
    /// A watch that ends sooner is a failure.
    private static let watchLeast = Duration.seconds(1)

    // MARK: The loop

    private func run() async {
        var failures = 0
        while !isStopped {
            let serves = asked
            do throws(ClusterFailure) {
                await workloads.listSlots.enter()
                defer { workloads.listSlots.leave() }
                let versions = try await listAll()
                failures = 0
                failure = nil
                isSynced = true
                resumeWaiters(upTo: serves, .success(workloads.count(of: cluster)))
                guard !isStopped, asked == serves else { continue }
                begin(versions)
            } catch {
                failures += 1
                if failures == 1 || failure != error {
                    Log.shared.warning(
                        "a cluster cannot be listed",
                        ["cluster": cluster.name, "reason": error.text])
                }
                failure = error
                resumeWaiters(upTo: serves, .failure(error))
                guard !isStopped, asked == serves else { continue }
                await nap(pause(failures))
                continue
            }
            for watch in watches { await watch.value }
            watches = []
        }
    }

    /// Between 1 s and a minute, at random.
    private func pause(_ failures: Int) -> Duration {
        let most = Int64(1_000) << Int64(min(failures, 6))
        return workloads.pace.stretch(.milliseconds(Int64.random(in: 500...min(most, 60_000))))
    }

    private func nap(_ duration: Duration) async {
        await withCheckedContinuation { continuation in
            sleeper = continuation
            timer = reactor.timers.schedule(at: reactor.now + duration, self)
        }
    }

    private func interrupt() {
        reactor.timers.cancel(timer)
        sleeper?.resume()
        sleeper = nil
    }

    private func endWatches() {
        for watch in watches { watch.cancel() }
    }

    private func resumeWaiters(upTo number: Int, _ answer: Answer) {
        let ready = waiters.filter { $0.number <= number }
        waiters.removeAll { $0.number <= number }
        for waiter in ready { waiter.continuation.resume(returning: answer) }
    }

    // MARK: Lists

    private func listAll() async throws(ClusterFailure) -> [(Workload.Kind, String)] {
        round &+= 1
        let before = workloads.count(of: cluster)
        var versions: [(Workload.Kind, String)] = []
        for kind in [Workload.Kind.deployment, .statefulSet] {
            versions.append((kind, try await list(kind)))
        }
        guard !isStopped else { throw .cancelled }
        let (added, removed) = workloads.endRound(of: cluster, round, before: before)
        workloads.journal.listed()
        workloads.told(
            .clusterSynced(
                id: cluster.id, name: cluster.name, synced: workloads.count(of: cluster),
                added: added, removed: removed))
        return versions
    }

    private func list(_ kind: Workload.Kind) async throws(ClusterFailure) -> String {
        // A token of a list that took too long expires: then from the start, a few times.
        for _ in 1..<3 {
            do throws(ClusterFailure) {
                return try await pages(kind)
            } catch {
                guard error.isExpired else { throw error }
            }
        }
        return try await pages(kind)
    }

    private func pages(_ kind: Workload.Kind) async throws(ClusterFailure) -> String {
        var continuation: String?
        for _ in 0..<KubernetesLimits.pagesMost {
            var target = "\(ClusterPath.list(kind))?limit=\(KubernetesLimits.pageObjects)"
            if let continuation { target += "&continue=\(ClusterPath.escape(continuation))" }
            var request = ClusterRequest("GET", target)
            request.timeout = .seconds(600)
            let page = ListPage(kind, self, workloads)
            do throws(ClusterFailure) {
                try await client.stream(request, to: page)
            } catch {
                guard page.isRefused, let problem = page.problem else { throw error }
                throw .nonsense(problem)
            }
            if let problem = page.problem { throw .nonsense(problem) }
            continuation = page.reader.continuation
            guard continuation == nil else { continue }
            let version = page.reader.listVersion
            // An answer that is something else must not pass for a cluster without workloads.
            guard !version.isEmpty else {
                throw .nonsense("its list of \(kind.rawValue)s has no resourceVersion")
            }
            return version
        }
        throw .nonsense("its list of \(kind.rawValue)s has no end")
    }

    // MARK: Watches

    private func begin(_ versions: [(Workload.Kind, String)]) {
        watches = versions.map { kind, version in
            spawn { [self] in
                await watch(kind, from: version)
                // The other kind is listed with it.
                endWatches()
            }
        }
    }

    /// Returns when there has to be a new list, or it was cancelled.
    private func watch(_ kind: Workload.Kind, from version: String) async {
        let lines = WatchLines(kind, self, workloads, version)
        var failures = 0
        while !isStopped, !Task.isCancelled {
            let began = reactor.clock()
            let seconds = Int.random(in: 240...360)
            var request = ClusterRequest(
                "GET",
                "\(ClusterPath.list(kind))?watch=1&allowWatchBookmarks=true"
                    + "&resourceVersion=\(ClusterPath.escape(lines.version))"
                    + "&timeoutSeconds=\(seconds)")
            request.timeout = nil
            request.idleTimeout = .seconds(seconds + 20)
            lines.begin()
            do throws(ClusterFailure) {
                try await client.stream(request, to: lines)
                guard !lines.mustRelist else { return }
                if reactor.clock() - began >= ClusterFeed.watchLeast {
                    failures = 0
                } else {
                    failures += 1
                }
            } catch {
                failures += 1
                guard !error.isExpired, !lines.mustRelist else { return }
            }
            guard failures <= KubernetesLimits.watchFailuresMost else { return }
            guard failures > 0, !Task.isCancelled, !isStopped else { continue }
            await client.backOff(failures)
        }
    }
}

extension ClusterFeed: TimerHandler {
    func timerFired(_ tag: UInt32) {
        sleeper?.resume()
        sleeper = nil
    }
}

/// One page of a list.
@ReactorActor
private final class ListPage: ClusterSink {
    private let kind: Workload.Kind
    private let feed: ClusterFeed
    private let workloads: Workloads
    var reader = WorkloadReader(.list)
    private(set) var problem: String? = "it ends within"
    /// We want no more of it.
    private(set) var isRefused = false

    init(_ kind: Workload.Kind, _ feed: ClusterFeed, _ workloads: Workloads) {
        self.kind = kind
        self.feed = feed
        self.workloads = workloads
    }

    func take(_ bytes: Span<UInt8>) -> Bool {
        guard reader.feed(bytes) else {
            problem = "a list is not JSON"
            isRefused = true
            return false
        }
        for record in reader.takeRecords() {
            guard workloads.take(record, kind, feed, from: .list) else {
                problem = "it has more than \(KubernetesLimits.workloadsMost) workloads"
                isRefused = true
                return false
            }
        }
        problem = reader.isWhole ? nil : "it ends within"
        return true
    }
}

/// The lines of a watch, over all the requests it takes.
@ReactorActor
private final class WatchLines: ClusterSink {
    private let kind: Workload.Kind
    private let feed: ClusterFeed
    private let workloads: Workloads
    private var reader = WorkloadReader(.watch)
    /// Where the next request goes on.
    private(set) var version: String
    /// The version is too old, or the lines make no sense.
    private(set) var mustRelist = false

    init(_ kind: Workload.Kind, _ feed: ClusterFeed, _ workloads: Workloads, _ version: String) {
        self.kind = kind
        self.feed = feed
        self.workloads = workloads
        self.version = version
    }

    func begin() { reader = WorkloadReader(.watch) }

    func take(_ bytes: Span<UInt8>) -> Bool {
        guard reader.feed(bytes) else {
            mustRelist = true
            return false
        }
        for change in reader.takeChanges() {
            switch change {
            case .added(let record):
                guard workloads.take(record, kind, feed, from: .watch) else {
                    mustRelist = true
                    return false
                }
                version = record.resourceVersion
            case .removed(let record):
                workloads.remove(record, feed)
                version = record.resourceVersion
            case .bookmark(let newer): version = newer
            case .failed:
                mustRelist = true
                return false
            }
        }
        return true
    }
}
