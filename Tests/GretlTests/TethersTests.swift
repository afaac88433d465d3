// Tethers as requests make, open, close and remove them, and as a later daemon finds them: ports
// that come back, answers that are on disk before, and operations that do not overtake each other.

import Glibc
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

/// Keeps what was published.
@ReactorActor
final class EventCollector: EventSink {
    private(set) var events: [Event] = []
    var types: [String] { events.map(\.type) }
    func publish(_ event: Event) { events.append(event) }
}

/// Tethers on the reactor of the process, whose dialler refuses.
@ReactorActor
final class TetherBench {
    let workloads = TestWorkloads()
    let events = EventCollector()
    let tethers: Tethers
    let pool: PortPool

    init(_ database: Database, ports: ClosedRange<UInt16> = TestPorts.range(100)) {
        var settings = TetherSettings()
        settings.ports = ports
        let reactor = ReactorThread.reactor
        let workloads = workloads
        workloads.add("web")
        pool = PortPool(ports) { _ in false }
        let dialer = NoDialer()
        tethers = Tethers(
            TetherContext(
                on: reactor, splicer: Splicer(on: reactor), dialer: dialer, workloads: workloads,
                wakes: WakeLine { workloads.begin($0, $1) }, owners: nil, uid: getuid(),
                settings: settings),
            pool: pool, store: TetherStore(database), events: events)
    }

    func create(_ label: String? = nil) async throws -> Tether {
        try await tethers.create(
            try #require(workloads.find("web")), containerPort: 80, label: label)
    }
}

/// Never connects.
@ReactorActor
private final class NoDialer: PodDialer {
    nonisolated init() {}
    func dial(
        _ workload: Workload, port: UInt16, wasWoken: Bool,
        finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
    ) -> any PodAttempt { NoAttempt() }
}

@ReactorActor
private final class NoAttempt: PodAttempt {
    func cancel() {}
}

/// Whether somebody listens on the port, of either loopback address.
@ReactorActor
private func isListening(_ port: UInt16, _ host: String = "127.0.0.1") throws -> Bool {
    let address = try #require(SocketAddress(host, port: port))
    return try SocketOwners().listener(at: address) != nil
}

@Suite(.serialized) struct TethersTests {
    @Test func aTetherIsMadeOpenedClosedAndRemoved() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let bench = TetherBench(try await fixture.open())
            let tether = try await bench.create("HTTP API")
            let id = tether.id
            #expect(id.utf8.count == 32 && !tether.isActive)
            #expect(try !isListening(tether.record.localPort))
            let first = try await bench.tethers.activate(id)
            let port = first.record.localPort
            #expect(first === tether && first.isActive)
            #expect(try isListening(port))
            #expect(try await bench.tethers.activate(id).record.localPort == port)
            await #expect(throws: APIError.self) {
                try await bench.tethers.remove(id, force: false)
            }
            try await bench.tethers.deactivate(id)
            #expect(try !isListening(port) && !isListening(port, "::1"))
            #expect(bench.pool.heldCount == 0)
            try await bench.tethers.deactivate(id)
            #expect(try await bench.tethers.activate(id).record.localPort == port)
            try await bench.tethers.remove(id, force: true)
            #expect(try !isListening(port))
            #expect(bench.pool.heldCount == 0 && bench.tethers.all.isEmpty)
            await #expect(throws: APIError.self) { try await bench.tethers.activate(id) }
            await #expect(throws: APIError.self) { try await bench.tethers.deactivate(id) }
            await #expect(throws: APIError.self) {
                try await bench.tethers.remove(id, force: true)
            }
            #expect(
                bench.events.types == [
                    "tether.opened", "tether.closed", "tether.opened", "tether.closed",
                ])
        }
    }

    @Test func aLaterDaemonOpensThoseThatWereActiveOnTheirOldPorts() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let database = try await fixture.open()
            let bench = TetherBench(database)
            let open = try await bench.create()
            let closed = try await bench.create()
            let moved = try await bench.create()
            let port = try await bench.tethers.activate(open.id).record.localPort
            let lost = try await bench.tethers.activate(moved.id).record.localPort
            bench.tethers.close()
            #expect(bench.pool.heldCount == 0)
            // Somebody takes a port while no daemon runs.
            let address = try #require(SocketAddress("127.0.0.1", port: lost))
            let thief = try Listener(address, on: ReactorThread.reactor) { descriptor, _ in
                Descriptor.close(descriptor)
            }
            let later = TetherBench(database, ports: bench.pool.range)
            try await later.tethers.load()
            await later.tethers.restore()
            #expect(Set(later.tethers.all.map(\.id)) == [open.id, closed.id, moved.id])
            #expect(try later.tethers.get(open.id).record.localPort == port)
            #expect(try later.tethers.get(open.id).proxy != nil)
            #expect(try later.tethers.get(closed.id).proxy == nil)
            let other = try later.tethers.get(moved.id)
            #expect(other.proxy != nil && other.record.localPort != lost)
            #expect(try await TetherStore(database).all().contains(other.record))
            thief.close()
            later.tethers.close()
            #expect(later.pool.heldCount == 0)
        }
    }

    @Test func aPoolThatIsUsedUpIsSaidAndAPortThatComesBackIsGiven() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let bench = TetherBench(try await fixture.open(), ports: TestPorts.range(2))
            let first = try await bench.create()
            _ = try await bench.create()
            let error = await #expect(throws: APIError.self) { try await bench.create() }
            #expect(error?.code == .portPoolExhausted && error?.code.status == 503)
            try await bench.tethers.remove(first.id, force: false)
            let again = try await bench.create()
            #expect(again.record.localPort == first.record.localPort)
            bench.tethers.close()
        }
    }

    @Test func whatCannotBeStoredIsNotDone() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let database = try await fixture.open()
            let bench = TetherBench(database)
            let inactive = try await bench.create()
            let active = try await bench.create()
            let port = try await bench.tethers.activate(active.id).record.localPort
            await database.close()
            await #expect(throws: APIError.self) { try await bench.create() }
            #expect(bench.tethers.all.count == 2)
            await #expect(throws: APIError.self) {
                try await bench.tethers.activate(inactive.id)
            }
            #expect(!inactive.isActive && inactive.proxy == nil)
            await #expect(throws: APIError.self) {
                try await bench.tethers.deactivate(active.id)
            }
            await #expect(throws: APIError.self) {
                try await bench.tethers.remove(active.id, force: true)
            }
            #expect(try active.isActive && isListening(port))
            #expect(bench.events.types == ["tether.opened"])
            bench.tethers.close()
            #expect(bench.pool.heldCount == 0)
        }
    }

    @Test func requestsForOneTetherDoNotOvertakeEachOther() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let bench = TetherBench(try await fixture.open())
            let tether = try await bench.create()
            let countdown = Countdown(60)
            for index in 0..<60 {
                spawn {
                    if index % 2 == 0 {
                        _ = try? await bench.tethers.activate(tether.id)
                    } else {
                        try? await bench.tethers.deactivate(tether.id)
                    }
                    countdown.done()
                }
            }
            await countdown.wait()
            #expect(!tether.isActive && tether.proxy == nil)
            #expect(bench.pool.heldCount == 0)
            let types = bench.events.types
            #expect(types == (0..<60).map { $0 % 2 == 0 ? "tether.opened" : "tether.closed" })
        }
    }

    @Test func theTethersOfAClusterGoWithIt() async throws {
        let fixture = try DatabaseFixture()
        try await onReactor {
            let database = try await fixture.open()
            let bench = TetherBench(database)
            let tether = try await bench.create()
            _ = try await bench.tethers.activate(tether.id)
            bench.workloads.add("other")
            let kept = try await bench.tethers.create(
                try #require(bench.workloads.find("other")), containerPort: 80, label: nil)
            bench.tethers.removeSoon(
                of: try #require(bench.workloads.find("web")).cluster)
            bench.workloads.remove("web")
            for _ in 0..<2_000 where bench.tethers.all.count > 1 {
                await ReactorThread.reactor.pause(.milliseconds(2))
            }
            #expect(bench.tethers.all.map(\.id) == [kept.id])
            #expect(try await TetherStore(database).all().map(\.id) == [kept.id])
            bench.tethers.close()
        }
    }
}
