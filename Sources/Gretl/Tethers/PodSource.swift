// The pods of one workload, for as long as somebody wants to connect to one and a little longer:
// listed by the workload's selector, then watched. Who waits is told whenever something changes.
// Each connection gets the next pod in turn. Used by ClusterDialer; pods of workloads without
// tethers are never asked for.

import NetCore

/// Who waits for a pod.
@ReactorActor
protocol PodWaiter: AnyObject {
    /// The pods are known, or are others now. Called from outside any call of the waiter's.
    func podsChanged(_ source: PodSource)
    /// They cannot be asked for.
    func podsFailed(_ failure: ClusterFailure)
}

/// The pods of a workload.
@ReactorActor
final class PodSource {
    let workload: Workload
    private let client: KubernetesClient
    private let reactor: Reactor
    private var pods: [String: PodRecord] = [:]
    /// A list was taken in, and a watch follows it.
    private(set) var isSynced = false
    private var waiters: [any PodWaiter] = []
    private var next = 0
    /// Until then nobody tries pods directly: something on the way drops what is sent.
    var forwardsUntil = Instant(nanoseconds: .min)
    private var task: Task<Void, Never>?
    private var idle = TimerHandle.none
    /// Called when nobody has wanted a pod for a while: it has ended then.
    private let ended: (PodSource) -> Void

    init(
        _ workload: Workload, _ client: KubernetesClient, on reactor: Reactor,
        ended: @escaping (PodSource) -> Void
    ) {
        self.workload = workload
        self.client = client
        self.reactor = reactor
        self.ended = ended
    }

    // MARK: Choosing

    /// Whether the workload has any pod that lives or comes up.
    var hasPods: Bool { pods.values.contains { $0.isLiving } }

    /// The next pod in turn that can be connected to and is none of `tried`.
    func choose(except tried: Set<String>) -> PodRecord? {
        let candidates = pods.values.filter { $0.isCandidate && !tried.contains($0.uid) }
            .sorted { $0.name < $1.name }
        guard !candidates.isEmpty else { return nil }
        next &+= 1
        return candidates[next % candidates.count]
    }

    /// Tells `waiter` of changes from now on.
    func add(_ waiter: any PodWaiter) {
        waiters.append(waiter)
        reactor.timers.cancel(idle)
        guard task == nil else { return }
        task = spawn { [self] in await run() }
    }

    func remove(_ waiter: any PodWaiter) {
        let before = waiters.count
        waiters.removeAll { $0 === waiter }
        guard waiters.isEmpty, before > 0 else { return }
        reactor.timers.cancel(idle)
        idle = reactor.timers.schedule(
            at: reactor.now + .seconds(TetherLimits.podWatchSeconds), self)
    }

    /// Ends it at once; who waits is told nothing.
    func stop() {
        waiters = []
        reactor.timers.cancel(idle)
        task?.cancel()
        task = nil
        isSynced = false
    }

    // MARK: Lists and watches

    private func run() async {
        var failures = 0
        while !Task.isCancelled {
            do throws(ClusterFailure) {
                let version = try await list()
                failures = 0
                try await watch(from: version)
            } catch {
                guard error != .cancelled, !Task.isCancelled else { return }
                failures += 1
                isSynced = false
                for waiter in waiters { waiter.podsFailed(error) }
                await client.backOff(failures)
            }
        }
    }

    private func list() async throws(ClusterFailure) -> String {
        let selector = try await selector()
        let page = PodLines(self, isWatch: false)
        var request = ClusterRequest(
            "GET", "\(place)?limit=\(TetherLimits.podsMost)&labelSelector=\(selector)")
        request.timeout = .seconds(60)
        try await client.stream(request, to: page)
        guard page.isWhole else { throw .nonsense("its list of pods is cut off") }
        pods = [:]
        for case .added(let pod) in page.changes { take(pod) }
        isSynced = true
        tell()
        return page.version
    }

    private func watch(from version: String) async throws(ClusterFailure) {
        let selector = try await selector()
        let lines = PodLines(self, isWatch: true)
        lines.version = version
        var failures = 0
        while !Task.isCancelled {
            let seconds = Int.random(in: 240...360)
            var request = ClusterRequest(
                "GET",
                "\(place)?watch=1&allowWatchBookmarks=true&labelSelector=\(selector)"
                    + "&resourceVersion=\(ClusterPath.escape(lines.version))"
                    + "&timeoutSeconds=\(seconds)")
            request.timeout = nil
            request.idleTimeout = .seconds(seconds + 20)
            let began = reactor.clock()
            lines.begin()
            do throws(ClusterFailure) {
                try await client.stream(request, to: lines)
                failures = reactor.clock() - began >= .seconds(1) ? 0 : failures + 1
            } catch {
                if error == .cancelled, Task.isCancelled { throw error }
                failures += 1
            }
            // From the start: a version that is too old, or a server that only ends.
            guard !lines.mustRelist, failures <= 3 else { return }
            if failures > 0 { await client.backOff(failures) }
        }
        throw .cancelled
    }

    private var place: String { ClusterPath.core("pods", namespace: workload.namespace) }

    /// What selects the pods, escaped; it never changes in the life of a workload.
    private func selector() async throws(ClusterFailure) -> String {
        if let knownSelector { return knownSelector }
        let body = try await client.send(ClusterRequest("GET", workload.target))
        guard let object = WorkloadObject(body, try await client.decode(body)),
            let selector = object.podSelector
        else { throw .nonsense("'\(workload.title)' has no selector of pods") }
        let escaped = ClusterPath.escape(selector)
        knownSelector = escaped
        return escaped
    }

    private var knownSelector: String?

    /// Takes in what a watch says.
    fileprivate func take(_ changes: [PodReader.Change]) {
        for change in changes {
            switch change {
            case .added(let pod): take(pod)
            case .removed(let pod): pods[pod.name] = nil
            case .bookmark, .failed: break
            }
        }
        if !changes.isEmpty { tell() }
    }

    private func take(_ pod: PodRecord) {
        guard pod.belongs(to: workload.kind, workload.name) else { return }
        guard pods[pod.name] != nil || pods.count < TetherLimits.podsMost else { return }
        pods[pod.name] = pod
    }

    private func tell() {
        // Who is told may step out.
        for waiter in waiters { waiter.podsChanged(self) }
    }
}

extension PodSource: TimerHandler {
    func timerFired(_ tag: UInt32) {
        guard waiters.isEmpty else { return }
        stop()
        ended(self)
    }
}

/// The text of a list or of watches, as it comes.
@ReactorActor
private final class PodLines: ClusterSink {
    private weak var source: PodSource?
    private let isWatch: Bool
    private var reader: PodReader
    private(set) var changes: [PodReader.Change] = []
    /// Where the next request goes on.
    var version = ""
    /// The version is too old, or the lines make no sense.
    private(set) var mustRelist = false

    init(_ source: PodSource, isWatch: Bool) {
        self.source = source
        self.isWatch = isWatch
        reader = PodReader(isWatch: isWatch)
    }

    func begin() { reader = PodReader(isWatch: isWatch) }

    /// A list came to its end.
    var isWhole: Bool { reader.isWhole && !mustRelist }

    func take(_ bytes: Span<UInt8>) -> Bool {
        guard reader.feed(bytes) else {
            mustRelist = true
            return false
        }
        let found = reader.takeChanges()
        guard isWatch else {
            changes += found
            version = reader.listVersion
            return changes.count <= TetherLimits.podsMost
        }
        for change in found {
            switch change {
            case .added(let pod), .removed(let pod): version = pod.version
            case .bookmark(let place): version = place
            case .failed:
                mustRelist = true
                return false
            }
        }
        source?.take(found)
        return true
    }
}
