// A Workloads with a database and an invented cluster, for tests of what it decides.

import Gretl
import NetCore
import TestSupport
import Testing

/// Wall time that a test moves.
final class MovedTime: TimeSource {
    private let ahead = Lock<Int64>(0)

    func now() -> Instant { SystemTime.shared.now() }
    func wallNanoseconds() -> Int64 {
        SystemTime.shared.wallNanoseconds() + ahead.withLock { $0 }
    }
    func advance(minutes: Int64) { advance(seconds: minutes * 60) }
    func advance(seconds: Int64) { ahead.withLock { $0 += seconds * 1_000_000_000 } }
}

/// Who is asked for a cluster's credentials; nobody is, without a wire.
@ReactorActor
final class InventedAccess: ClusterAccess {
    let server = "https://127.0.0.1:1"
    func credentials(again: Bool) async throws(APIError) -> ClusterCredentials {
        ClusterCredentials(identity: TLSIdentity(), authorization: nil)
    }
}

/// Collects events.
@ReactorActor
final class CollectedEvents: EventSink {
    private(set) var all: [Event] = []
    func publish(_ event: Event) { all.append(event) }
    var types: [String] { all.map(\.type) }
}

@ReactorActor
final class WorkloadStage {
    let invented: InventedCluster
    let events = CollectedEvents()
    let time = MovedTime()
    let fixture: DatabaseFixture
    private(set) var database: Database
    private(set) var workloads: Workloads
    private(set) var cluster: Cluster

    init(seed: UInt64 = 1, fixture: DatabaseFixture) async throws {
        invented = InventedCluster(seed: seed)
        self.fixture = fixture
        database = try await fixture.open()
        cluster = WorkloadStage.makeCluster(RandomID.make())
        workloads = WorkloadStage.makeWorkloads(database, invented, events, time, fixture)
        try await insert(cluster)
    }

    private static func makeCluster(_ id: String) -> Cluster {
        Cluster(
            id: id, name: "invented-\(id)", provider: "unknown", isInCluster: false, createdAt: 0,
            access: InventedAccess())
    }

    private static func makeWorkloads(
        _ database: Database, _ invented: InventedCluster, _ events: CollectedEvents,
        _ time: MovedTime, _ fixture: DatabaseFixture
    ) -> Workloads {
        var pace = Workloads.Pace()
        pace.haste = 1_000
        pace.client.pause = .milliseconds(1)
        return Workloads(
            on: ReactorThread.reactor, background: fixture.thread,
            store: WorkloadStore(database), events: events, pace: pace, time: time
        ) { _ in InventedTransport(invented) }
    }

    private func insert(_ cluster: Cluster) async throws {
        let id = cluster.id
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                "INSERT INTO clusters VALUES (?1, ?1, 'unknown', 0, '{}', 0)", [.text(id)])
        }
    }

    /// Attaches the cluster and lists it.
    @discardableResult
    func sync() async throws -> Int {
        workloads.attach(cluster)
        return try await workloads.sync(cluster)
    }

    /// As if the database had been deleted: the cluster is registered anew.
    func loseDatabase() async throws {
        await workloads.close()
        cluster = WorkloadStage.makeCluster(RandomID.make())
        try await insert(cluster)
        workloads = WorkloadStage.makeWorkloads(database, invented, events, time, fixture)
        try await sync()
    }

    /// As if the daemon had been started again.
    func restart() async throws {
        await workloads.close()
        workloads = WorkloadStage.makeWorkloads(database, invented, events, time, fixture)
        try await workloads.load([cluster])
        workloads.attach(cluster)
    }

    /// Sweeps until `name` is asleep: a sweep of the timer's may hold the Lease meanwhile.
    func isSwept(_ name: String) async -> Bool {
        for _ in 0..<20 where invented.objects[name]?.replicas != 0 {
            await workloads.sweeper.sweep()
            guard invented.objects[name]?.replicas != 0 else { break }
            time.advance(seconds: 30)
            await ReactorThread.reactor.pause(.milliseconds(5))
        }
        return invented.objects[name]?.replicas == 0
    }

    func close() async {
        await workloads.close()
        await database.close()
    }

    func id(_ name: String) -> String {
        workloads.unsorted.first { $0.name == name }?.id ?? "none"
    }

    func workload(_ name: String) -> Workload? { workloads.find(id(name)) }

    /// Waits until `condition`, a few seconds at most.
    func eventually(_ condition: @ReactorActor () -> Bool) async -> Bool {
        for _ in 0..<2_000 {
            if condition() { return true }
            await ReactorThread.reactor.pause(.milliseconds(2))
        }
        return condition()
    }
}

/// The code an operation was refused with; nil: it was not.
@ReactorActor
func code(
    _ operation: @ReactorActor () async throws(APIError) -> some Sendable
) async -> APIError.Code? {
    do throws(APIError) {
        _ = try await operation()
        return nil
    } catch { return error.code }
}
