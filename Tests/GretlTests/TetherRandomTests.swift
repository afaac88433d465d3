// Random worlds of tethers: clients that come, send, end and break, workloads that sleep, wakes and
// dials that fail or take their time, tethers that are closed under way. Whatever happens, no byte
// is lost or doubled, one wake at most is under way for each workload, and every port comes back.

import Glibc
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

@Suite(.serialized) struct TetherRandomTests {
    /// What is known of one client.
    private struct Client {
        let peer: HTTPPeer
        let tether: Int
        var sent: [UInt8] = []
        var hasEnded = false
        var isClosed = false
    }

    @ReactorActor private final class Run {
        let world: TetherWorld
        var random: SeededGenerator
        var tethers: [Tether] = []
        var clients: [Client] = []

        init(_ world: TetherWorld, seed: UInt64) throws {
            self.world = world
            random = SeededGenerator(seed: seed)
            for index in 0..<random.number(in: 1...3) {
                tethers.append(
                    try world.open("w\(index)", replicas: random.number(in: 0...1)))
            }
        }

        func step() throws {
            switch random.number(in: 0...11) {
            case 0...2: try connect()
            case 3...5: send()
            case 6: end()
            case 7: breakOne()
            case 8:
                world.dialer.way = random.pick([.connects, .connects, .waits, .refuses, .asleep])
            case 9:
                world.dialer.go()
                world.workloads.finishWake(random.oneIn(4) ? .daemonBusy("no") : nil)
            case 10:
                let name = "w\(random.number(in: 0...tethers.count - 1))"
                if random.oneIn(3) { world.workloads.setReplicas(0, of: name) }
                world.advance(by: .seconds(random.number(in: 0...20)))
            default: try reopen()
            }
            world.settle(turns: random.number(in: 0...3))
            #expect(world.workloads.mostWakes <= 1)
        }

        private func connect() throws {
            guard clients.count < 40 else { return }
            let index = random.number(in: 0...tethers.count - 1)
            guard tethers[index].proxy != nil else { return }
            clients.append(Client(peer: try world.connect(tethers[index]), tether: index))
        }

        private func pick(_ isRight: (Client) -> Bool) -> Int? {
            let choices = clients.indices.filter { isRight(clients[$0]) }
            return choices.isEmpty ? nil : random.pick(choices)
        }

        private func send() {
            guard let index = pick({ !$0.hasEnded && !$0.isClosed }) else { return }
            let count = random.oneIn(8) ? 400_000 : random.number(in: 1...5_000)
            var bytes = [UInt8](repeating: 0, count: count)
            for place in bytes.indices { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
            clients[index].peer.send(bytes)
            clients[index].sent += bytes
        }

        private func end() {
            guard let index = pick({ !$0.hasEnded && !$0.isClosed && $0.peer.hasSentAll })
            else { return }
            clients[index].hasEnded = true
            clients[index].peer.endSending()
        }

        private func breakOne() {
            if random.oneIn(2) {
                guard let index = pick({ !$0.isClosed }) else { return }
                clients[index].isClosed = true
                if random.oneIn(2) {
                    clients[index].peer.reset()
                } else {
                    clients[index].peer.close()
                }
            } else if !world.pods.isEmpty {
                random.pick(world.pods).reset()
            }
        }

        private func reopen() throws {
            guard random.oneIn(3) else { return }
            let tether = random.pick(tethers)
            if tether.proxy == nil {
                try tether.open(world.pool, world.context) { _ in false }
            } else {
                try world.close(tether)
            }
        }

        /// Lets everything come to its end, and looks at what came of it.
        func finish() throws {
            world.dialer.way = .connects
            for index in clients.indices where !clients[index].hasEnded {
                guard !clients[index].isClosed else { continue }
                clients[index].hasEnded = true
                try world.turn { self.clients[index].peer.hasSentAll || self.isOver(index) }
                clients[index].peer.endSending()
            }
            try world.turn {
                // The end of a client is no pod's end there: silence is.
                if self.world.dialer.forwards != nil { self.world.time.advance(by: .seconds(1)) }
                self.world.dialer.go()
                self.world.workloads.finishWake()
                return self.clients.indices.allSatisfy { self.isOver($0) }
            }
            for client in clients where !client.isClosed {
                #expect(client.sent.starts(with: client.peer.received), "doubled or mixed up")
                if client.peer.failure == 0 { #expect(client.peer.received == client.sent) }
            }
            for tether in tethers { try world.close(tether) }
            #expect(world.workloads.mostWakes <= 1)
            #expect(world.servers.allSatisfy { $0.breaches.isEmpty })
        }

        private func isOver(_ index: Int) -> Bool {
            clients[index].isClosed || clients[index].peer.isOver
        }
    }

    /// A thousand worlds with GR_FULL=1.
    private static let parts: [ClosedRange<UInt64>] = (UInt64(0)..<4).map { part in
        let count: UInt64 = Terminal.environment()["GR_FULL"] == "1" ? 250 : 12
        return part * count...part * count + count - 1
    }

    @Test(arguments: parts, [false, true])
    func whateverHappensNothingIsLost(
        seeds: ClosedRange<UInt64>, isForwarded: Bool
    ) async throws {
        for seed in seeds {
            try await tethered { world in
                if isForwarded {
                    world.forward {
                        let server = TestForwardServer()
                        server.random = SeededGenerator(seed: seed)
                        return server
                    }
                }
                let run = try Run(world, seed: seed)
                for _ in 0..<run.random.number(in: 20...120) { try run.step() }
                try run.finish()
            }
        }
    }
}
