// The way to pods of real clusters: finds a ready pod for each connection, and connects to it
// directly where we are in the pods' network, else through the API server. A pod that cannot be
// reached is passed over for another, as long as no byte of the client has gone anywhere.

package import NetCore

/// Connects to pods of clusters.
@ReactorActor
package final class ClusterDialer: PodDialer {
    /// Connects to a port of a pod through the API server.
    package typealias Forward =
        @ReactorActor (
            _ workload: Workload, _ pod: String, _ port: UInt16,
            _ finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
        ) -> any PodAttempt

    let reactor: Reactor
    let splicer: Splicer
    let forward: Forward
    private let client: @ReactorActor (Cluster) -> KubernetesClient?
    private var sources: [String: PodSource] = [:]

    package init(
        on reactor: Reactor, splicer: Splicer,
        client: @escaping @ReactorActor (Cluster) -> KubernetesClient?,
        forward: @escaping Forward
    ) {
        self.reactor = reactor
        self.splicer = splicer
        self.client = client
        self.forward = forward
    }

    package func dial(
        _ workload: Workload, port: UInt16, wasWoken: Bool,
        finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
    ) -> any PodAttempt {
        let attempt = ClusterAttempt(
            self, to: workload, port, wasWoken: wasWoken, finished: finished)
        attempt.begin(source(of: workload))
        return attempt
    }

    private func source(of workload: Workload) -> PodSource? {
        if let source = sources[workload.id], source.workload === workload { return source }
        guard let client = client(workload.cluster) else { return nil }
        sources[workload.id]?.stop()
        let made = PodSource(workload, client, on: reactor) { [weak self] source in
            guard let self, sources[workload.id] === source else { return }
            sources[workload.id] = nil
        }
        sources[workload.id] = made
        return made
    }

    /// Before the daemon ends.
    package func close() {
        for source in sources.values { source.stop() }
        sources = [:]
    }

    /// Workloads whose pods are watched.
    package var watchedCount: Int { sources.count }
}

/// One connection on its way.
@ReactorActor
private final class ClusterAttempt: PodAttempt {
    private let dialer: ClusterDialer
    private let workload: Workload
    private let port: UInt16
    private let wasWoken: Bool
    private var finished: ((Result<any PodEnd, DialFailure>) -> Void)?
    private var source: PodSource?
    private var connector: Connector?
    private var forwarding: (any PodAttempt)?
    /// Pods that could not be reached, by uid.
    private var tried: Set<String> = []
    private var failure: DialFailure?

    init(
        _ dialer: ClusterDialer, to workload: Workload, _ port: UInt16, wasWoken: Bool,
        finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
    ) {
        self.dialer = dialer
        self.workload = workload
        self.port = port
        self.wasWoken = wasWoken
        self.finished = finished
    }

    func begin(_ source: PodSource?) {
        self.source = source
        source?.add(self)
        // What is known already is used in the next turn: nobody is told from inside the dial.
        dialer.reactor.runNextTurn(self)
    }

    func cancel() {
        finished = nil
        leave()
        connector?.cancel()
        forwarding?.cancel()
    }

    private func leave() {
        source?.remove(self)
        source = nil
    }

    private func finish(_ result: Result<any PodEnd, DialFailure>) {
        guard let told = finished else {
            if case .success(let end) = result { end.discard() }
            return
        }
        cancel()
        told(result)
    }

    // MARK: Choosing

    private var isConnecting: Bool { connector != nil || forwarding != nil }

    private func look(_ source: PodSource) {
        guard finished != nil, !isConnecting, source.isSynced else { return }
        guard let pod = source.choose(except: tried) else {
            if let failure { return finish(.failure(failure)) }
            if !wasWoken, !source.hasPods {
                finish(
                    .failure(DialFailure("'\(workload.title)' has no pod", isAsleep: true)))
            }
            return
        }
        tried.insert(pod.uid)
        connect(to: pod)
    }

    private func connect(to pod: PodRecord) {
        guard workload.cluster.isInCluster, let source,
            dialer.reactor.now >= source.forwardsUntil,
            let address = SocketAddress(pod.address, port: port)
        else { return forward(to: pod) }
        connector = Connector(
            to: address, timeout: .seconds(TetherLimits.podDialSeconds), on: dialer.reactor
        ) { [weak self] outcome in
            guard let self else {
                if case .connected(let socket) = outcome { Descriptor.reset(socket) }
                return
            }
            connector = nil
            switch outcome {
            case .connected(let socket):
                finish(
                    .success(SplicedPod(socket, pod: pod.name, through: dialer.splicer)))
            // It may listen on its own loopback only, or a policy stands between.
            case .failed(let error) where error.kind == .peerGone:
                if !error.isRefusal {
                    self.source?.forwardsUntil =
                        dialer.reactor.now + .seconds(TetherLimits.podWatchSeconds)
                }
                forward(to: pod)
            case .failed(let error):
                failed(pod, "the connection failed: \(SystemError.text(error.code))")
            }
        }
    }

    private func forward(to pod: PodRecord) {
        forwarding = dialer.forward(workload, pod.name, port) { [weak self] result in
            guard let self else {
                if case .success(let end) = result { end.discard() }
                return
            }
            forwarding = nil
            switch result {
            case .success: finish(result)
            case .failure(let failure): failed(pod, failure.text)
            }
        }
    }

    private func failed(_ pod: PodRecord, _ text: String) {
        let failure = DialFailure("pod '\(ClusterFailure.clean(pod.name, most: 253))': \(text)")
        guard tried.count < TetherLimits.podsTried, let source else {
            return finish(.failure(failure))
        }
        self.failure = failure
        look(source)
    }
}

extension ClusterAttempt: PodWaiter {
    func podsChanged(_ source: PodSource) { look(source) }

    func podsFailed(_ failure: ClusterFailure) {
        guard !isConnecting else { return }
        finish(
            .failure(
                DialFailure(
                    "the pods of '\(workload.title)' cannot be asked for: \(failure.text)")))
    }
}

extension ClusterAttempt: DeferredHandler {
    func runDeferred() {
        guard finished != nil else { return }
        guard let source else {
            return finish(
                .failure(DialFailure("cluster '\(workload.cluster.name)' is not there any more")))
        }
        look(source)
    }
}
