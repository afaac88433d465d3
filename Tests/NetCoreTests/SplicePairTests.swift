// The bytes of a pair of sockets: all of them, in order, both ways, however they come; a side that
// does not read, pipes that run out, calls that fail, and the share of a turn one pair may take.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("Splice pair", .serialized)
struct SplicePairTests {
    @Test("bytes of both ways arrive in order, whatever sizes they are sent in", arguments: 1...4)
    func bothWays(seed: UInt64) async throws {
        try await spliced(pipes: seed == 4 ? 0 : 2) { world in
            var generator = SeededGenerator(seed: seed)
            let links = try (0..<3).map { _ in try world.link() }
            var sent = links.map { _ in (client: [UInt8](), server: [UInt8]()) }
            for _ in 0..<60 {
                for (index, link) in links.enumerated() {
                    let most = generator.pick([1, 100, 5_000, 70_000, 300_000])
                    let bytes = randomBytes(generator.number(in: 1...most), &generator)
                    if generator.oneIn(2) {
                        link.client.send(bytes)
                        sent[index].client += bytes
                    } else {
                        link.server.send(bytes)
                        sent[index].server += bytes
                    }
                    link.client.mostPerRead = generator.pick([0, 10, 1 << 16, 1 << 20])
                    link.server.mostPerRead = generator.pick([0, 10, 1 << 16, 1 << 20])
                }
                world.turn()
            }
            for (link, bytes) in zip(links, sent) {
                link.client.mostPerRead = 1 << 20
                link.server.mostPerRead = 1 << 20
                try world.turn {
                    link.server.received.count >= bytes.client.count
                        && link.client.received.count >= bytes.server.count
                }
                // Not shown byte by byte when they differ.
                #expect((link.server.received == bytes.client) as Bool)
                #expect((link.client.received == bytes.server) as Bool)
                #expect(link.pair.bytesFromNear == UInt64(bytes.client.count))
                #expect(link.pair.bytesFromFar == UInt64(bytes.server.count))
            }
            #expect(world.pool.lent == 0, "no pair holds a pipe when nothing is in flight")
            #expect((world.pool.refusals > 0) == (seed == 4))
        }
    }

    @Test("an idle pair holds no pipe, and its last movement is when bytes moved")
    func idle() async throws {
        try await spliced { world in
            let link = try world.link()
            #expect(link.pair.lastMovement == world.loop.reactor.now)
            world.loop.time.advance(by: .seconds(5))
            world.settle()
            #expect(link.pair.lastMovement < world.loop.reactor.now)
            #expect(world.pool.keptCount == 0)
            link.client.send("ping")
            try world.turn { link.server.received.count == 4 }
            #expect(link.pair.lastMovement == world.loop.reactor.now)
            #expect(world.pool.lent == 0)
            #expect(world.pool.keptCount == 1)
        }
    }

    @Test("a server that does not read stops the client, and no turn spins meanwhile")
    func backPressure() async throws {
        try await spliced { world in
            let link = try world.link()
            link.server.mostPerRead = 0
            var generator = SeededGenerator(seed: 7)
            // More than the four socket buffers in between can hold.
            let bytes = randomBytes(48 << 20, &generator)
            link.client.send(bytes)
            var before = UInt64.max
            // Nothing moves for a while: both are full.
            try world.turn {
                defer { before = link.pair.bytesFromNear }
                guard link.pair.bytesFromNear == before else { return false }
                world.settle(turns: 50)
                return link.pair.bytesFromNear == before
            }
            #expect(!link.client.hasSentAll)
            #expect(world.pool.lent <= 1)
            let events = world.loop.reactor.statistics.events
            world.settle(turns: 50)
            #expect(world.loop.reactor.statistics.events - events <= 2)
            // The other way is as open as before.
            link.server.send("still here")
            try world.turn { link.client.received.count == 10 }
            link.server.mostPerRead = 1 << 20
            try world.turn { link.server.received.count == bytes.count }
            #expect((link.server.received == bytes) as Bool)
            #expect(world.pool.lent == 0)
        }
    }

    @Test("without pipes for all who wait, the others copy and nobody waits for a pipe")
    func pipesRunOut() async throws {
        try await spliced(pipes: 1) { world in
            let links = try (0..<3).map { _ in try world.link() }
            var generator = SeededGenerator(seed: 9)
            let bytes = randomBytes(16 << 20, &generator)
            for link in links {
                link.server.mostPerRead = 0
                link.client.send(bytes)
            }
            world.settle(turns: 200)
            #expect(world.pool.lent <= 1)
            for link in links { link.server.mostPerRead = 1 << 20 }
            for link in links {
                try world.turn { link.server.received.count == bytes.count }
                #expect((link.server.received == bytes) as Bool)
            }
        }
    }

    @Test("with no descriptor for a pipe bytes are copied", arguments: [EMFILE, ENFILE])
    func noDescriptors(error: Int32) async throws {
        try await spliced { world in
            let link = try world.link()
            var generator = SeededGenerator(seed: 3)
            let bytes = randomBytes(1 << 20, &generator)
            link.client.send(bytes)
            try withFault(CEPOLL_CALL_PIPE, error: error) {
                try world.turn { link.server.received.count == bytes.count }
            }
            #expect((link.server.received == bytes) as Bool)
            #expect(world.pool.refusals > 0)
            #expect(world.pool.keptCount == 0)
            // And spliced again when there is one.
            link.client.send("x")
            try world.turn { link.server.received.count == bytes.count + 1 }
            #expect(world.pool.keptCount == 1)
        }
    }

    @Test("no byte is lost when calls move less than they were asked to", arguments: [1, 7, 4_097])
    func shortMoves(most: Int) async throws {
        try await spliced { world in
            let link = try world.link()
            var generator = SeededGenerator(seed: 5)
            let bytes = randomBytes(most * 200, &generator)
            link.client.send(bytes)
            link.server.send(bytes)
            try withShort(CEPOLL_CALL_SPLICE, count: most) {
                try world.turn {
                    link.server.received.count == bytes.count
                        && link.client.received.count == bytes.count
                }
            }
            #expect((link.server.received == bytes) as Bool)
            #expect((link.client.received == bytes) as Bool)
        }
    }

    @Test("a kernel that cannot splice sockets is asked once, and bytes are copied")
    func cannotSplice() async throws {
        try await spliced { world in
            let link = try world.link()
            link.client.send("hello")
            try withFault(CEPOLL_CALL_SPLICE, error: EINVAL, times: 1) {
                try world.turn { link.server.received.count == 5 }
            }
            #expect(world.pool.lent == 0)
            #expect(world.pool.refusals > 0)
        }
    }

    @Test("a call that was interrupted is made again", arguments: [EINTR, EAGAIN])
    func interrupted(error: Int32) async throws {
        try await spliced { world in
            let link = try world.link()
            link.client.send("hello")
            try withFault(CEPOLL_CALL_SPLICE, error: error, times: 3) {
                try world.turn { link.server.received.count == 5 }
            }
        }
    }

    @Test("one pair moves no more than its share in a turn, and another has its turn after it")
    func budget() async throws {
        let share = 256 << 10
        try await spliced(bytesPerTurn: share) { world in
            let (busy, quiet) = (try world.link(), try world.link())
            var generator = SeededGenerator(seed: 11)
            let bytes = randomBytes(8 << 20, &generator)
            busy.client.send(bytes)
            busy.server.send(bytes)
            var sent = 0
            while busy.server.received.count < bytes.count
                || busy.client.received.count < bytes.count
            {
                let before = busy.pair.bytesFromNear + busy.pair.bytesFromFar
                quiet.client.send("x")
                sent += 1
                world.turn()
                let moved = busy.pair.bytesFromNear + busy.pair.bytesFromFar - before
                // Each way has its share, and the last call of it may bring a pipe more.
                #expect(moved <= UInt64(2 * (share + Limits.spliceCallBytes)))
                try #require(sent < 100_000)
            }
            try world.turn { quiet.server.received.count == sent }
            #expect(sent >= bytes.count / (share + Limits.spliceCallBytes))
        }
    }
}
