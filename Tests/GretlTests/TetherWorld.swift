// Tethers on a reactor that the test steps, with a clock of its own: clients, a pod that echoes,
// and a dialler and workloads that do what the test says. All of it lives within one body on the
// process's reactor thread.

import Glibc
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

/// The cluster that workloads of tests are in.
@ReactorActor
private final class NoAccess: ClusterAccess {
    let server = "https://127.0.0.1:1"
    func credentials(again: Bool) async throws(APIError) -> ClusterCredentials {
        ClusterCredentials(identity: TLSIdentity(), authorization: nil)
    }
}

/// Workloads that sleep and wake when the test says so.
@ReactorActor
final class TestWorkloads: TetherWorkloads {
    /// The workloads that were asked to be stored, by id.
    private(set) var kept: [String] = []
    func keep(_ workload: Workload) async throws(APIError) { kept.append(workload.id) }

    private(set) var all: [String: Workload] = [:]
    private(set) var activity: [String: Int] = [:]
    private var wakes: [(id: String, finished: @ReactorActor (APIError?) -> Void)] = []
    /// The most wakes of one workload at a time.
    private(set) var mostWakes = 0
    private(set) var wakesBegun = 0

    func add(_ id: String, replicas: Int = 1, isInCluster: Bool = false) {
        let cluster = Cluster(
            id: "c", name: "test", provider: "unknown", isInCluster: isInCluster, createdAt: 0,
            access: NoAccess())
        let workload = Workload(
            id: id, cluster: cluster, uid: "u-\(id)", namespace: "default", name: id,
            kind: .deployment)
        workload.replicas = Int32(replicas)
        all[id] = workload
    }

    func remove(_ id: String) { all[id] = nil }
    func setReplicas(_ count: Int, of id: String) { all[id]?.replicas = Int32(count) }

    func find(_ id: String) -> Workload? { all[id] }
    func isAwake(_ workload: Workload) -> Bool { !workload.isAsleep }
    func noteActivity(_ workload: Workload) { activity[workload.id, default: 0] += 1 }
    func wake(_ id: String) async throws(APIError) -> Int { 1 }

    /// What a WakeLine calls.
    func begin(_ workload: Workload, _ finished: @escaping @ReactorActor (APIError?) -> Void) {
        wakes.append((workload.id, finished))
        wakesBegun += 1
        mostWakes = max(mostWakes, wakes.count { $0.id == workload.id })
    }

    var wakesUnderWay: Int { wakes.count }

    /// Ends the oldest wake.
    func finishWake(_ failure: APIError? = nil) {
        guard !wakes.isEmpty else { return }
        let (id, finished) = wakes.removeFirst()
        if failure == nil { all[id]?.replicas = 1 }
        finished(failure)
    }
}

/// Connects to the world's pod.
@ReactorActor
final class TestDialer: PodDialer {
    /// What becomes of the next attempts.
    enum Way { case connects, waits, refuses, asleep }

    var way = Way.connects
    private let reactor: Reactor
    private let splicer: Splicer
    private let pod: SocketAddress
    /// Connects as through an API server, with messages, if it is there.
    var forwards: ForwardLine?
    private var waiting: [TestAttempt] = []
    private(set) var attempts = 0

    init(to pod: SocketAddress, through splicer: Splicer, on reactor: Reactor) {
        self.pod = pod
        self.splicer = splicer
        self.reactor = reactor
    }

    func dial(
        _ workload: Workload, port: UInt16, wasWoken: Bool,
        finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
    ) -> any PodAttempt {
        attempts += 1
        let attempt = TestAttempt(finished)
        waiting.append(attempt)
        if way != .waits { go() }
        return attempt
    }

    /// Decides about those that wait.
    func go() {
        let ready = waiting
        waiting = []
        for attempt in ready where !attempt.isOver {
            switch way {
            case .waits: waiting.append(attempt)
            case .connects: attempt.connect(to: pod, splicer, forwards, reactor)
            case .refuses: attempt.tell(DialFailure("the pod refuses"), reactor)
            case .asleep:
                attempt.tell(DialFailure("there is no pod", isAsleep: true), reactor)
            }
        }
    }
}

/// One attempt of TestDialer.
@ReactorActor
final class TestAttempt: PodAttempt, DeferredHandler {
    private var finished: ((Result<any PodEnd, DialFailure>) -> Void)?
    private var connector: Connector?
    private var failure: DialFailure?

    init(_ finished: @escaping (Result<any PodEnd, DialFailure>) -> Void) {
        self.finished = finished
    }

    var isOver: Bool { finished == nil }

    func connect(
        to pod: SocketAddress, _ splicer: Splicer, _ forwards: ForwardLine?, _ reactor: Reactor
    ) {
        connector = Connector(to: pod, timeout: .seconds(10), on: reactor) { [weak self] outcome in
            switch outcome {
            case .connected(let socket):
                guard let forwards else {
                    self?.tell(.success(SplicedPod(socket, pod: "pod-0", through: splicer)))
                    return
                }
                self?.forward(socket, on: forwards)
            case .failed(let error): self?.tell(.failure(DialFailure(error.description)))
            }
        }
    }

    private func forward(_ socket: Int32, on line: ForwardLine) {
        guard finished != nil,
            let stream = try? PlainForwardStream(socket, on: line.reactor),
            let server = ForwardServer("http://127.0.0.1:1/prefix")
        else { return }
        let request = ForwardHandshake.Request(
            server: server, namespace: "default", pod: "pod-0", port: 8_000,
            authorization: Secret("Bearer abc"))
        _ = ForwardHandshake(request, over: stream, on: line.reactor) { [weak self] outcome in
            switch outcome {
            case .open(let early):
                let pod = ForwardedPod(stream, pod: "pod-0", early: early, on: line)
                guard let self, !isOver else { return pod.discard() }
                tell(.success(pod))
            case .unauthorized(let text), .failed(let text):
                stream.close()
                self?.tell(.failure(DialFailure(text)))
            }
        }
    }

    /// In the next turn: never from inside the dial.
    func tell(_ failure: DialFailure, _ reactor: Reactor) {
        self.failure = failure
        reactor.runNextTurn(self)
    }

    func runDeferred() { if let failure { tell(.failure(failure)) } }

    private func tell(_ result: Result<any PodEnd, DialFailure>) {
        let told = finished
        finished = nil
        told?(result)
    }

    func cancel() {
        finished = nil
        connector?.cancel()
    }
}

/// One connection as the pod sees it; what it gets it sends back.
struct EchoEnd {
    let peer: HTTPPeer
    /// What an API server in front of it does.
    var server: TestForwardServer?
    var echoed = 0
    var hasEnded = false

    mutating func pump() {
        peer.pump()
        if let server {
            server.pump(peer)
            return
        }
        if peer.received.count > echoed {
            peer.send(Array(peer.received[echoed...]))
            echoed = peer.received.count
        }
        if peer.isAtEnd, peer.hasSentAll, !hasEnded {
            hasEnded = true
            peer.endSending()
        }
        if peer.failure != 0 { peer.close() }
    }
}

/// Everything a test of tethers has.
@ReactorActor
final class TetherWorld: TetherDelegate {
    let time = ManualTime()
    let reactor: Reactor
    let splicer: Splicer
    let workloads = TestWorkloads()
    let dialer: TestDialer
    let context: TetherContext
    let pool: PortPool
    private let listener: Listener
    private let ends = Ends()
    private(set) var clients: [HTTPPeer] = []
    private(set) var failures: [String] = []

    /// What the pod's listener fills.
    @ReactorActor private final class Ends {
        var all: [EchoEnd] = []
        var makeServer: (() -> TestForwardServer)?
    }

    /// From now on there is an API server between us and the pods.
    func forward(_ makeServer: @escaping () -> TestForwardServer = { TestForwardServer() }) {
        dialer.forwards = ForwardLine(on: reactor)
        ends.makeServer = makeServer
    }

    var servers: [TestForwardServer] { ends.all.compactMap(\.server) }

    init(_ settings: TetherSettings, owners: SocketOwners? = nil, uid: UInt32 = getuid()) throws {
        let inbox = Inbox()
        inbox.bindToCurrentThread()
        reactor = try Reactor(time: time, inbox: inbox)
        splicer = Splicer(on: reactor)
        let ends = ends
        listener = try Listener(
            try #require(SocketAddress("127.0.0.1", port: 0)), on: reactor
        ) { descriptor, _ in
            ends.all.append(
                EchoEnd(peer: HTTPPeer(descriptor: descriptor), server: ends.makeServer?()))
        }
        dialer = TestDialer(to: listener.address, through: splicer, on: reactor)
        let workloads = workloads
        context = TetherContext(
            on: reactor, splicer: splicer, dialer: dialer, workloads: workloads,
            wakes: WakeLine { workloads.begin($0, $1) }, owners: owners, uid: uid,
            settings: settings)
        pool = PortPool(settings.ports) { _ in false }
        context.delegate = self
    }

    func tether(_ tether: Tether, failed text: String) { failures.append(text) }

    var pods: [HTTPPeer] { ends.all.map(\.peer) }

    /// An active tether to a workload, which is made unless it is there.
    func open(_ workload: String = "web", replicas: Int = 1) throws -> Tether {
        if workloads.find(workload) == nil { workloads.add(workload, replicas: replicas) }
        let tether = Tether(
            StoredTether(
                id: "t", workload: workload, containerPort: 8_000, label: nil, localPort: 0,
                isActive: true, createdAt: 0))
        try tether.open(pool, context) { _ in false }
        return tether
    }

    func connect(_ tether: Tether, host: String = "127.0.0.1") throws -> HTTPPeer {
        let address = try #require(SocketAddress(host, port: tether.record.localPort))
        let client = try HTTPPeer(to: address)
        clients.append(client)
        return client
    }

    func turn() {
        pump()
        reactor.turn(waitingAtMost: .zero)
        pump()
    }

    private func pump() {
        for client in clients { client.pump() }
        for index in ends.all.indices { ends.all[index].pump() }
    }

    func settle(turns: Int = 20) { for _ in 0..<turns { turn() } }

    /// Turns until `done`; fails the test when that does not come within a minute.
    func turn(until done: () -> Bool, at location: SourceLocation = #_sourceLocation) throws {
        let limit = SystemTime.shared.now() + .seconds(60)
        repeat {
            turn()
            if done() { return }
        } while SystemTime.shared.now() < limit
        try #require(done(), "does not come", sourceLocation: location)
    }

    func advance(by duration: Duration) {
        time.advance(by: duration)
        settle(turns: 4)
    }

    /// Closes a tether and waits until all of it is gone.
    func close(_ tether: Tether) throws {
        var isClosed = false
        tether.close(pool) { isClosed = true }
        try turn { isClosed }
    }

    /// Makes sure that nothing is left.
    func end() {
        listener.close()
        for client in clients { client.close() }
        for end in ends.all { end.peer.close() }
        settle(turns: 2)
        #expect(pool.heldCount == 0)
        #expect(context.connections == 0)
        #expect(splicer.pool.lent == 0)
        #expect(reactor.registrationCount == 1)
        #expect(reactor.timers.count == 0)
    }
}

/// Runs `body` in such a world and looks at what it leaves behind.
func tethered(
    _ settings: TetherSettings = TestPorts.settings,
    uid: UInt32 = getuid(), checksPeers: Bool = false,
    _ body: @escaping @Sendable @ReactorActor (TetherWorld) throws -> Void
) async throws {
    ReactorThread.start()
    try await runTethered(settings, uid, checksPeers, body)
}

@ReactorActor
private func runTethered(
    _ settings: TetherSettings, _ uid: UInt32, _ checksPeers: Bool,
    _ body: @ReactorActor (TetherWorld) throws -> Void
) throws {
    let owners = checksPeers ? try SocketOwners() : nil
    let world = try TetherWorld(settings, owners: owners, uid: uid)
    try body(world)
    world.end()
}

/// Ports that no daemon of another test takes its own from.
enum TestPorts {
    static var settings: TetherSettings {
        var settings = TetherSettings()
        settings.ports = range(1_000)
        return settings
    }

    /// So many ports in a row that probably nobody uses: tests of other processes run beside these.
    static func range(_ count: Int) -> ClosedRange<UInt16> {
        let first = UInt16.random(in: 10_000...30_000)
        return first...first + UInt16(count - 1)
    }
}
