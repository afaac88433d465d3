// How a pair of sockets ends: halves that close on their own, resets, faults, the owner who closes
// it in any state; always told once, always everything given back (SpliceWorld.end looks).

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("Splice pair's end", .serialized)
struct SpliceEndTests {
    @Test(
        "a half that ends leaves the other half open until it ends, too", arguments: [true, false])
    func halfClose(clientFirst: Bool) async throws {
        try await spliced { world in
            let link = try world.link()
            let first = clientFirst ? link.client : link.server
            let second = clientFirst ? link.server : link.client
            first.send("question")
            first.endSending()
            try world.turn { second.isAtEnd }
            #expect(second.received == Array("question".utf8))
            #expect(link.pair.isHalfClosed)
            world.settle()
            #expect(world.ends.isEmpty)
            let events = world.loop.reactor.statistics.events
            world.settle(turns: 50)
            #expect(world.loop.reactor.statistics.events == events, "a half end wakes nobody")
            var generator = SeededGenerator(seed: 1)
            let answer = randomBytes(1 << 20, &generator)
            second.send(answer)
            try world.turn { second.hasSentAll }
            second.endSending()
            try world.turn { first.isAtEnd }
            #expect((first.received == answer) as Bool)
            world.settle(turns: 2)
            #expect(world.ends == [.finished])
            #expect(link.client.failure == 0 && link.server.failure == 0)
        }
    }

    @Test("what a side sent before it closed arrives though the other one reads late")
    func closeWithBytesInFlight() async throws {
        try await spliced { world in
            let link = try world.link()
            var generator = SeededGenerator(seed: 2)
            let bytes = try world.fill(link, &generator)
            link.client.close()
            world.settle(turns: 50)
            #expect(world.ends.isEmpty)
            link.server.mostPerRead = 1 << 20
            try world.turn { link.server.isAtEnd }
            #expect((link.server.received == bytes) as Bool)
            #expect(world.ends.isEmpty)
            link.server.endSending()
            try world.turn { world.ends == [.finished] }
        }
    }

    @Test("an urgent byte neither ends nor stalls what comes behind it", arguments: [true, false])
    func urgentByte(endsAtOnce: Bool) async throws {
        try await spliced { world in
            let link = try world.link()
            link.client.send("abc")
            world.settle()
            #expect(link.client.sendUrgent(UInt8(ascii: "U")))
            link.client.send("hello")
            if endsAtOnce { link.client.endSending() }
            try world.turn { link.server.received == Array("abchello".utf8) }
            let events = world.loop.reactor.statistics.events
            world.settle(turns: 50)
            #expect(world.loop.reactor.statistics.events - events <= 2, "nobody is woken for it")
            link.client.endSending()
            link.server.endSending()
            try world.turn { world.ends == [.finished] }
            #expect(link.server.received == Array("abchello".utf8))
        }
    }

    @Test("a socket with both halves over, whose bytes wait for the other side, wakes nobody")
    func hangUpWhileBlocked() async throws {
        try await spliced { world in
            let link = try world.link()
            var generator = SeededGenerator(seed: 3)
            let bytes = try world.fill(link, &generator)
            link.server.endSending()
            try world.turn { link.client.isAtEnd }
            link.client.send("behind")
            link.client.endSending()
            world.settle()
            let events = world.loop.reactor.statistics.events
            world.settle(turns: 50)
            #expect(world.loop.reactor.statistics.events - events <= 2)
            #expect(world.ends.isEmpty)
            link.server.mostPerRead = 1 << 20
            try world.turn { link.server.isAtEnd }
            #expect((link.server.received == bytes + Array("behind".utf8)) as Bool)
            try world.turn { world.ends == [.finished] }
        }
    }

    @Test("a reset of one side becomes a reset of the other", arguments: [true, false])
    func reset(ofClient: Bool) async throws {
        try await spliced { world in
            let link = try world.link()
            let (gone, other) =
                ofClient ? (link.client, link.server) : (link.server, link.client)
            link.client.send("a")
            link.server.send("b")
            try world.turn { !link.client.received.isEmpty && !link.server.received.isEmpty }
            gone.reset()
            try world.turn { other.isOver }
            #expect(other.failure == ECONNRESET)
            #expect(world.ends.count == 1)
            guard case .reset(let side, _) = world.ends.first else {
                Issue.record("ended otherwise: \(world.ends)")
                return
            }
            #expect(side == (ofClient ? .near : .far))
        }
    }

    @Test("a reset is seen while its side is not read from", arguments: [true, false])
    func resetWhileBlocked(ofClient: Bool) async throws {
        try await spliced { world in
            let link = try world.link()
            link.server.mostPerRead = 0
            link.client.send([UInt8](repeating: 1, count: 24 << 20))
            world.settle(turns: 100)
            if ofClient { link.client.reset() } else { link.server.reset() }
            try world.turn { world.ends.count == 1 }
            if case .reset = world.ends[0] {} else { Issue.record("\(world.ends)") }
        }
    }

    @Test("a pair closed in any state gives everything back and is told once", arguments: 0...5)
    func closeAnywhere(state: Int) async throws {
        try await spliced { world in
            let link = try world.link()
            switch state {
            case 1: link.client.send("a")
            case 2, 3:
                link.server.mostPerRead = 0
                link.client.send([UInt8](repeating: 1, count: 24 << 20))
                world.settle(turns: state == 2 ? 100 : 1)
            case 4:
                link.client.endSending()
                world.settle()
            case 5:
                link.client.endSending()
                link.server.endSending()
            default: break
            }
            link.pair.close()
            #expect(world.ends.isEmpty, "the owner is not called from inside its own call")
            link.pair.close()
            try world.turn { world.ends.count == 1 }
            #expect(world.ends == [.closed])
            #expect(world.accepted == 0)
            #expect(world.pool.lent == 0)
        }
    }

    @Test("an owner may close others and begin new ones when it is told")
    func ownerActs() async throws {
        try await spliced { world in
            let links = try (0..<3).map { _ in try world.link() }
            var acted = false
            world.atEnd = { pair in
                pair.close()
                guard !acted else { return }
                acted = true
                links[1].pair.close()
                _ = try? world.link()
            }
            links[0].client.reset()
            try world.turn { world.ends.count == 2 }
            #expect(world.links.count == 4)
            let fresh = world.links[3]
            fresh.client.send("hello")
            try world.turn { fresh.server.received.count == 5 }
        }
    }

    @Test(
        "a call that fails ends the pair with resets and is told once",
        arguments: [CEPOLL_CALL_SPLICE, CEPOLL_CALL_MODIFY], [ENOMEM, EIO, ECONNRESET, EPIPE])
    func failedCall(call: cepoll_call, error: Int32) async throws {
        try await spliced { world in
            let (link, other) = (try world.link(), try world.link())
            link.server.mostPerRead = 0
            withFault(call, error: error, times: 1) {
                link.client.send([UInt8](repeating: 1, count: 24 << 20))
                world.settle(turns: 100)
            }
            link.server.mostPerRead = 1 << 20
            try world.turn { link.server.isOver }
            #expect(world.ends.count == 1)
            #expect(world.ends.first != .finished)
            other.client.send("hello")
            try world.turn { other.server.received.count == 5 }
        }
    }

    @Test("a pair that cannot be registered closes both sockets and tells nobody", arguments: 0...1)
    func notRegistered(after: Int) async throws {
        try await spliced { world in
            let (near, far) = (try world.connect(), try world.connect())
            // The second registration fails because its descriptor is none.
            let bad: Int32 = -1
            #expect(throws: SystemError.self) {
                if after == 1 {
                    Descriptor.close(far.descriptor)
                    _ = try SplicePair(
                        near: near.descriptor, far: bad, through: world.splicer, owner: world)
                } else {
                    try withFault(CEPOLL_CALL_ADD, error: ENOSPC, times: 1) {
                        _ = try SplicePair(
                            near: near.descriptor, far: far.descriptor, through: world.splicer,
                            owner: world)
                    }
                }
            }
            world.settle(turns: 2)
            #expect(world.ends.isEmpty)
            #expect(world.accepted == 0)
        }
    }

    @Test("a thousand pairs come and go in every way and leave nothing behind")
    func manyPairs() async throws {
        try await spliced { world in
            var generator = SeededGenerator(seed: 42)
            for _ in 0..<25 {
                let links = try (0..<40).map { _ in try world.link() }
                for link in links {
                    link.client.send(randomBytes(generator.number(in: 1...20_000), &generator))
                    if generator.oneIn(2) { link.server.send("welcome") }
                }
                for _ in 0..<generator.number(in: 0...6) { world.turn() }
                for link in links {
                    switch generator.number(in: 0...4) {
                    case 0: link.client.reset()
                    case 1: link.server.close()
                    case 2: link.pair.close()
                    case 3: link.client.close()
                    default:
                        link.client.endSending()
                        link.server.endSending()
                    }
                }
                for _ in 0..<4 { world.turn() }
                for link in links {
                    link.client.close()
                    link.server.close()
                }
                try world.turn { links.allSatisfy { $0.pair.isOver } }
                #expect(world.accepted == 0)
            }
            #expect(world.links.count == 1_000)
        }
    }
}
