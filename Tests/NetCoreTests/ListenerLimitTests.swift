// Accepting at the limits: no descriptor left, connections that vanish, bounded batches.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("Listener limits", .serialized)
struct ListenerLimitTests {
    @Test(
        "without a free descriptor the waiting connection is shed and the next is served",
        arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func noDescriptor(error: Int32) async throws {
        try await staged { stage in
            let doomed = try stage.connect()
            withFault(CEPOLL_CALL_ACCEPT, error: error, times: 1) { stage.settle() }
            #expect(stage.turn { doomed.isOver })
            #expect(stage.reactor.statistics.shedConnections == 1)
            let peer = try stage.connect()
            peer.send(get("/fixed"))
            #expect(try stage.answers(1, from: peer).count == 1)
            // Again: the spare descriptor is back.
            let second = try stage.connect()
            withFault(CEPOLL_CALL_ACCEPT, error: error, times: 1) { stage.settle() }
            #expect(stage.turn { second.isOver })
            #expect(stage.reactor.statistics.shedConnections == 2)
            #expect(stage.server.connectionCount == 1)
        }
    }

    @Test(
        "a connection that vanished before accept, or nothing there, does not stop the others",
        arguments: [ECONNABORTED, EAGAIN, EINTR, EPROTO, EPERM])
    func vanished(error: Int32) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/fixed"))
            let answers = try withFault(CEPOLL_CALL_ACCEPT, error: error, times: 3) {
                try stage.answers(1, from: peer)
            }
            #expect(answers.count == 1)
            #expect(stage.reactor.statistics.shedConnections == 0)
        }
    }

    @Test("connections are taken a bounded number a turn")
    func batches() async throws {
        try await staged { stage in
            let peers = try (0..<80).map { _ in try HTTPPeer(to: stage.address) }
            var counts: [Int] = []
            for _ in 0..<3 {
                stage.reactor.turn(waitingAtMost: .seconds(1))
                counts.append(stage.server.connectionCount)
            }
            #expect(counts == [1, 2, 3].map { $0 * Limits.acceptsPerTurn })
            for peer in peers { peer.close() }
            stage.turn { stage.server.connectionCount == 0 }
        }
    }

    @Test("a taken port is an error")
    func takenPort() async throws {
        try await staged { stage in
            #expect(throws: SystemError("listen", EADDRINUSE)) {
                try stage.server.listen(stage.address)
            }
        }
    }

    @Test("a listener that cannot be registered does not keep its port")
    func registrationFails() async throws {
        try await staged { stage in
            let first = try Listener(
                try #require(SocketAddress("127.0.0.1", port: 0)), on: stage.reactor
            ) { _, _ in }
            let address = first.address
            first.close()
            _ = withFault(CEPOLL_CALL_ADD, error: ENOSPC, times: 1) {
                #expect(throws: SystemError("epoll_ctl", ENOSPC)) {
                    try stage.server.listen(address)
                }
            }
            #expect(stage.reactor.registrationCount == 2)
            #expect(throws: Never.self) { try stage.server.listen(address) }
        }
    }
}
