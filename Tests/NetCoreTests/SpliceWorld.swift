// Pairs of sockets with a client on one side and a server on the other, all over loopback TCP and
// stepped by the test. For the tests of SplicePair. The clients call the kernel directly, so that
// faults injected for the pairs do not hit them.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

/// One pair and who is at its ends.
struct SpliceLink {
    let client: HTTPPeer
    let server: HTTPPeer
    let pair: SplicePair
}

/// A loop with pairs on it, whose owner it is.
@ReactorActor
final class SpliceWorld: SplicePairOwner {
    let loop: Loop
    let splicer: Splicer
    var pool: PipePool { splicer.pool }
    private let listener: Int32
    private let address: SocketAddress
    private(set) var links: [SpliceLink] = []
    private(set) var ends: [SplicePair.End] = []
    /// What a pair does when it is told about, for tests of that moment.
    var atEnd: (SplicePair) -> Void = { _ in }

    init(_ loop: Loop, pipes: Int, bytesPerTurn: Int) throws {
        self.loop = loop
        splicer = Splicer(on: loop.reactor, pipes: pipes, bytesPerTurn: bytesPerTurn)
        let wanted = try #require(SocketAddress("127.0.0.1", port: 0))
        listener = unsafe wanted.withRaw { unsafe cepoll_listen($0, 128) }
        try #require(listener >= 0)
        var raw = cepoll_address()
        try #require(unsafe cepoll_local_address(listener, &raw) == 0)
        address = SocketAddress(raw: raw)
    }

    func pairEnded(_ pair: SplicePair, _ end: SplicePair.End) {
        ends.append(end)
        atEnd(pair)
    }

    /// A connected socket and who is at its other end.
    func connect() throws -> (peer: HTTPPeer, descriptor: Int32) {
        let peer = try HTTPPeer(to: address)
        let limit = SystemTime.shared.now() + .seconds(60)
        repeat {
            var raw = cepoll_address()
            let accepted = unsafe cepoll_accept(listener, &raw)
            if accepted >= 0 {
                _ = cepoll_set_nodelay(accepted)
                return (peer, accepted)
            }
            try #require(accepted == -EAGAIN)
        } while SystemTime.shared.now() < limit
        throw SystemError("accept", -ETIMEDOUT)
    }

    @discardableResult
    func link() throws -> SpliceLink {
        let (near, far) = (try connect(), try connect())
        let pair = try SplicePair(
            near: near.descriptor, far: far.descriptor, through: splicer, owner: self
        )
        let link = SpliceLink(client: near.peer, server: far.peer, pair: pair)
        links.append(link)
        return link
    }

    /// One turn, with everybody pumped before and after it.
    func turn() {
        pump()
        loop.turn()
        pump()
    }

    private func pump() {
        for link in links {
            link.client.pump()
            link.server.pump()
        }
    }

    /// Turns until `done`; fails the test when that does not come within a minute.
    func turn(
        until done: () -> Bool, at location: SourceLocation = #_sourceLocation
    ) throws {
        let limit = SystemTime.shared.now() + .seconds(60)
        repeat {
            turn()
            if done() { return }
        } while SystemTime.shared.now() < limit
        try #require(done(), "does not come", sourceLocation: location)
    }

    func settle(turns: Int = 20) {
        for _ in 0..<turns { turn() }
    }

    /// Sends from the client until the server, which does not read, takes no more; what was sent is
    /// all on this side of it. Returns the bytes.
    func fill(_ link: SpliceLink, _ generator: inout SeededGenerator) throws -> [UInt8] {
        link.server.mostPerRead = 0
        var sent: [UInt8] = []
        for _ in 0..<4_096 {
            let piece = randomBytes(64 << 10, &generator)
            link.client.send(piece)
            sent += piece
            settle(turns: 4)
            guard pool.lent > 0 else { continue }
            settle(turns: 50)
            if pool.lent > 0 { break }
        }
        try #require(pool.lent == 1 && link.client.hasSentAll)
        return sent
    }

    /// Sockets of this process that were accepted here.
    var accepted: Int {
        var count = 0
        for descriptor in Int32(0)..<4_096 where descriptor != listener {
            var local = cepoll_address()
            guard unsafe cepoll_local_address(descriptor, &local) == 0 else { continue }
            if unsafe cepoll_address_port(&local) == Int32(address.port) { count += 1 }
        }
        return count
    }

    /// Ends what is left and makes sure that nothing stays and everything was told once.
    func end() throws {
        for link in links where !link.pair.isOver { link.pair.close() }
        settle(turns: 2)
        #expect(ends.count == links.count)
        #expect(accepted == 0)
        #expect(pool.lent == 0)
        #expect(pool.keptCount <= Limits.pipesKept)
        #expect(loop.reactor.registrationCount == 1)
        for link in links {
            link.client.close()
            link.server.close()
        }
        Descriptor.close(listener)
    }
}

/// Runs `body` with such a world and looks at what it leaves behind.
func spliced(
    pipes: Int = Limits.pipes, bytesPerTurn: Int = Limits.spliceBytesPerTurn,

    _ body: @escaping @Sendable @ReactorActor (SpliceWorld) throws -> Void
) async throws {
    try await looped { loop in
        let world = try SpliceWorld(loop, pipes: pipes, bytesPerTurn: bytesPerTurn)
        try body(world)
        cepoll_fault_clear()
        try world.end()
    }
}

/// Bytes that show where each of them belongs.
func randomBytes(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    for index in bytes.indices where index % 8 == 0 {
        var word = generator.next()
        for place in index..<min(index + 8, count) {
            bytes[place] = UInt8(truncatingIfNeeded: word)
            word >>= 8
        }
    }
    return bytes
}
