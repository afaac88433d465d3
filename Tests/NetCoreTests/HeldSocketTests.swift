// Connections that have to wait: none of their bytes is touched, and a client that leaves is
// noticed, whichever way it goes.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("HeldSocket", .serialized)
struct HeldSocketTests {
    @Test("what the client sent meanwhile is there when the socket is given away")
    func keepsBytes() async throws {
        try await spliced { world in
            let (peer, descriptor) = try world.connect()
            let held = try HeldSocket(descriptor, on: world.loop.reactor) {
                Issue.record("nobody left")
            }
            peer.send("hello")
            for _ in 0..<20 { world.turn() }
            #expect(world.loop.reactor.registrationCount == 2)
            let taken = held.take()
            #expect(taken == descriptor)
            #expect(held.take() == -1)
            #expect(world.loop.reactor.registrationCount == 1)
            var bytes = [UInt8](repeating: 0, count: 16)
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe recv(taken, $0.baseAddress, 16, 0)
            }
            #expect(bytes.prefix(max(0, count)).elementsEqual("hello".utf8))
            Descriptor.close(taken)
            peer.close()
        }
    }

    @Test("a client that leaves is told of once", arguments: [true, false], [true, false])
    func leaves(byReset: Bool, afterBytes: Bool) async throws {
        // Bytes and an end in order may be a client that waits for its answer.
        guard byReset || !afterBytes else { return }
        try await spliced { world in
            let (peer, descriptor) = try world.connect()
            var told = 0
            let held = try HeldSocket(descriptor, on: world.loop.reactor) { told += 1 }
            if afterBytes { peer.send("hello") }
            for _ in 0..<5 { world.turn() }
            #expect(told == 0)
            if byReset { peer.reset() } else { peer.close() }
            try world.turn { told > 0 }
            for _ in 0..<5 { world.turn() }
            #expect(told == 1)
            #expect(held.take() == -1)
            #expect(world.accepted == 0)
        }
    }

    @Test("a client that has asked and ended its half is kept, and its going is seen as a reset")
    func keepsHalfClosed() async throws {
        try await spliced { world in
            let (peer, descriptor) = try world.connect()
            var told = 0
            let held = try HeldSocket(descriptor, on: world.loop.reactor) { told += 1 }
            peer.send("hello")
            peer.endSending()
            let turns = world.loop.reactor.statistics.events
            for _ in 0..<100 { world.turn() }
            #expect(told == 0)
            // One event, and not one for each turn.
            #expect(world.loop.reactor.statistics.events - turns <= 3)
            peer.reset()
            try world.turn { told == 1 }
            held.reset()
            #expect(world.accepted == 0)
        }
    }

    @Test("one that is given up is reset, and nobody is told")
    func resets() async throws {
        try await spliced { world in
            let (peer, descriptor) = try world.connect()
            let held = try HeldSocket(descriptor, on: world.loop.reactor) {
                Issue.record("nobody left")
            }
            held.reset()
            let end = SystemTime.shared.now() + .seconds(60)
            while !peer.isOver, SystemTime.shared.now() < end {
                peer.pump()
                world.turn()
            }
            #expect(peer.failure == ECONNRESET)
        }
    }

    @Test("one that the loop cannot take is closed")
    func notTaken() async throws {
        try await spliced { world in
            let (peer, descriptor) = try world.connect()
            #expect(throws: SystemError.self) {
                try withFault(CEPOLL_CALL_ADD, error: ENOSPC, times: 1) {
                    _ = try HeldSocket(descriptor, on: world.loop.reactor) {}
                }
            }
            #expect(world.accepted == 0)
            peer.close()
        }
    }
}
