// The proxy of a tether: bytes arrive whole, failures are resets that hurt nobody else, a sleeping
// workload is woken once, and nothing stays behind.

import Glibc
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

@Suite(.serialized) struct TetherProxyTests {
    @Test(arguments: ["127.0.0.1", "::1"])
    func bytesGoBothWaysAndAnEndIsHandedOn(host: String) async throws {
        try await tethered { world in
            let tether = try world.open()
            let client = try world.connect(tether, host: host)
            client.send("hello")
            try world.turn { client.received.count == 5 }
            #expect(tether.proxy?.connectionCount == 1)
            #expect(world.workloads.activity["web"] == 1)
            let bytes = try #require(tether.proxy).bytes
            #expect(bytes.fromClients == 5 && bytes.fromPods == 5)
            client.endSending()
            try world.turn { client.isAtEnd }
            try world.turn { tether.proxy?.connectionCount == 0 }
            #expect(tether.counts.bytesFromClients == 5 && tether.counts.bytesFromPods == 5)
            #expect(tether.counts.total == 1 && tether.counts.failed == 0)
            try world.close(tether)
        }
    }

    @Test func aPodThatRefusesIsAResetAndIsToldOnce() async throws {
        try await tethered { world in
            let tether = try world.open()
            world.dialer.way = .refuses
            let clients = try (0..<3).map { _ in try world.connect(tether) }
            for client in clients { client.send("x") }
            try world.turn { clients.allSatisfy { $0.isOver } }
            #expect(clients.allSatisfy { $0.failure == ECONNRESET && $0.received.isEmpty })
            #expect(tether.counts.failed == 3)
            #expect(tether.counts.lastError?.text == "the pod refuses")
            #expect(world.failures == ["the pod refuses"])
            world.dialer.way = .connects
            let next = try world.connect(tether)
            next.send("y")
            try world.turn { next.received.count == 1 }
            world.time.advance(by: .seconds(TetherLimits.failureEventSeconds))
            for pod in world.pods { pod.reset() }
            try world.turn { next.isOver }
            #expect(next.failure == ECONNRESET)
            #expect(tether.counts.failed == 4 && world.failures.count == 2)
            try world.close(tether)
        }
    }

    @Test func aConnectionThatFailsLeavesTheOthersAlone() async throws {
        try await tethered { world in
            let tether = try world.open()
            let clients = try (0..<4).map { _ in try world.connect(tether) }
            for client in clients { client.send("a") }
            try world.turn { clients.allSatisfy { $0.received.count == 1 } }
            world.pods[2].reset()
            try world.turn { clients.contains { $0.isOver } }
            let living = clients.filter { !$0.isOver }
            try #require(living.count == 3)
            for client in living { client.send("b") }
            try world.turn { living.allSatisfy { $0.received.count == 2 } }
            try world.close(tether)
            try world.turn { living.allSatisfy { $0.isOver } }
            #expect(living.allSatisfy { $0.failure == ECONNRESET })
        }
    }

    @Test func theFirstConnectionWakesAndAllAreConnectedWhenAPodIsReady() async throws {
        try await tethered { world in
            let tether = try world.open(replicas: 0)
            world.dialer.way = .waits
            let clients = try (0..<5).map { _ in try world.connect(tether) }
            for client in clients { client.send("hello") }
            world.settle()
            #expect(world.workloads.wakesBegun == 1 && world.workloads.wakesUnderWay == 1)
            #expect(world.dialer.attempts == 0)
            // One has had enough of it.
            clients[4].reset()
            try world.turn { tether.proxy?.connectionCount == 4 }
            world.workloads.finishWake()
            world.settle()
            #expect(world.dialer.attempts == 4)
            #expect(clients.prefix(4).allSatisfy { !$0.isOver && $0.received.isEmpty })
            world.dialer.way = .connects
            world.dialer.go()
            try world.turn { clients.prefix(4).allSatisfy { $0.received.count == 5 } }
            #expect(tether.counts.wakes == 1 && tether.counts.failed == 0)
            try world.close(tether)
        }
    }

    @Test func aWorkloadThatSleepsUnknownToUsIsWoken() async throws {
        try await tethered { world in
            let tether = try world.open(replicas: 1)
            world.dialer.way = .asleep
            let client = try world.connect(tether)
            client.send("hello")
            try world.turn { world.workloads.wakesUnderWay == 1 }
            // Still none: now it is a failure.
            world.workloads.finishWake()
            try world.turn { client.isOver }
            #expect(tether.counts.lastError?.text == "there is no pod")
            #expect(world.workloads.wakesBegun == 1)
            try world.close(tether)
        }
    }

    @Test func aWakeThatFailsOrTakesTooLongIsAReset() async throws {
        try await tethered { world in
            let tether = try world.open(replicas: 0)
            let refused = try world.connect(tether)
            try world.turn { world.workloads.wakesUnderWay == 1 }
            world.workloads.finishWake(.daemonBusy("the API server does not answer"))
            try world.turn { refused.isOver }
            #expect(refused.failure == ECONNRESET)
            #expect(
                tether.counts.lastError?.text
                    == "it could not be woken: the API server does not answer")
            let late = try world.connect(tether)
            try world.turn { world.workloads.wakesUnderWay == 1 }
            world.advance(by: .seconds(119))
            #expect(!late.isOver)
            world.advance(by: .seconds(2))
            try world.turn { late.isOver }
            #expect(tether.counts.lastError?.text == "it did not wake within 120 s")
            // Nobody waits for it any more.
            world.workloads.finishWake()
            world.settle()
            #expect(world.dialer.attempts == 0)
            try world.close(tether)
        }
    }

    @Test func noMoreThanAFewAreHeld() async throws {
        try await tethered { world in
            let tether = try world.open(replicas: 0)
            let most = TetherLimits.heldConnections
            let clients = try (0..<most + 3).map { _ in try world.connect(tether) }
            try world.turn { tether.counts.total == most + 3 }
            try world.turn { clients.count { $0.isOver } == 3 }
            #expect(tether.proxy?.connectionCount == most)
            #expect(world.workloads.wakesBegun == 1)
            try world.close(tether)
        }
    }

    @Test func wakingCanBeSwitchedOff() async throws {
        var settings = TestPorts.settings
        settings.wakesOnConnect = false
        try await tethered(settings) { world in
            let tether = try world.open(replicas: 0)
            let client = try world.connect(tether)
            try world.turn { client.isOver }
            #expect(world.workloads.wakesBegun == 0)
            #expect(tether.counts.lastError?.text.contains("wake_on_connect") == true)
            try world.close(tether)
        }
    }

    @Test(arguments: [true, false])
    func onlyProcessesOfOurUserComeIn(isOurs: Bool) async throws {
        try await tethered(uid: isOurs ? getuid() : getuid() + 1, checksPeers: true) { world in
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("x")
            // Root may always.
            let mayCome = isOurs || getuid() == 0
            try world.turn { mayCome ? client.received.count == 1 : client.isOver }
            #expect(tether.counts.failed == (mayCome ? 0 : 1))
            try world.close(tether)
        }
    }

    @Test func aWorkloadThatIsGoneIsAFailureOfTheConnectionOnly() async throws {
        try await tethered { world in
            let tether = try world.open()
            world.workloads.remove("web")
            let client = try world.connect(tether)
            try world.turn { client.isOver }
            #expect(tether.counts.failed == 1)
            try world.close(tether)
        }
    }

    @Test func bytesOfAnOldConnectionAreActivity() async throws {
        try await tethered { world in
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("a")
            try world.turn { client.received.count == 1 }
            let look = Duration.seconds(TetherLimits.activitySeconds)
            world.advance(by: look)
            #expect(world.workloads.activity["web"] == 2)
            world.advance(by: look)
            #expect(world.workloads.activity["web"] == 2, "silent: no activity")
            client.send("b")
            try world.turn { client.received.count == 2 }
            world.advance(by: look)
            #expect(world.workloads.activity["web"] == 3)
            try world.close(tether)
        }
    }

    @Test func aClosedTetherHasItsPortAgainOrAnother() async throws {
        try await tethered { world in
            let tether = try world.open()
            let port = tether.record.localPort
            try world.close(tether)
            #expect(tether.proxy == nil && world.pool.heldCount == 0)
            try tether.open(world.pool, world.context) { _ in false }
            #expect(tether.record.localPort == port)
            try world.close(tether)
            // Somebody takes it meanwhile.
            let address = try #require(SocketAddress("127.0.0.1", port: port))
            let thief = try Listener(address, on: world.reactor) { descriptor, _ in
                Descriptor.close(descriptor)
            }
            try tether.open(world.pool, world.context) { _ in false }
            #expect(tether.record.localPort != port)
            thief.close()
            try world.close(tether)
        }
    }
}
