// Outbound connections: who is told what and when, and that no descriptor stays behind.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("Connector", .serialized)
struct ConnectorTests {
    @Test("a connection comes about and its socket is handed over")
    func connects() async throws {
        try await listened { loop, listener, address in
            let outcomes = Outcomes()
            _ = Connector(
                to: address, timeout: .seconds(5), on: loop.reactor, finished: outcomes.add)
            #expect(outcomes.all.isEmpty, "nobody is told from inside the initialiser")
            try outcomes.wait(loop)
            guard case .connected(let socket) = outcomes.all.first else {
                Issue.record("\(outcomes.all)")
                return
            }
            var peer = cepoll_address()
            #expect(unsafe cepoll_peer_address(socket, &peer) == 0)
            #expect(SocketAddress(raw: peer).port == address.port)
            #expect(fcntl(socket, F_GETFL) & O_NONBLOCK != 0)
            #expect(loop.reactor.registrationCount == 1)
            #expect(loop.reactor.timers.count == 0)
            Descriptor.close(socket)
            loop.time.advance(by: .seconds(10))
            loop.turn()
            #expect(outcomes.all.count == 1)
        }
    }

    @Test("where nobody listens the attempt is refused")
    func refused() async throws {
        try await looped { loop in
            // Bound and not listening: nobody else can have the port meanwhile.
            let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(socket) }
            var raw = cepoll_address()
            try #require(unsafe cepoll_address_parse(&raw, "127.0.0.1", 0) == 0)
            let bound = unsafe withUnsafePointer(to: &raw.storage) { storage in
                unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(socket, $0, raw.length)
                }
            }
            try #require(bound == 0)
            try #require(unsafe cepoll_local_address(socket, &raw) == 0)
            let outcomes = Outcomes()
            _ = Connector(
                to: SocketAddress(raw: raw), timeout: .seconds(5), on: loop.reactor,
                finished: outcomes.add)
            try outcomes.wait(loop)
            #expect(outcomes.all == [.failed(SystemError("connect", -ECONNREFUSED))])
            #expect(loop.reactor.registrationCount == 1)
            #expect(loop.reactor.timers.count == 0)
        }
    }

    @Test("an attempt that gets no answer ends at its deadline and closes its socket")
    func timesOut() async throws {
        try await listened(backlog: 0) { loop, listener, address in
            // With its queue full the listener drops what else comes.
            let fillers = try (0..<4).map { _ in try HTTPPeer(to: address) }
            let outcomes = Outcomes()
            _ = Connector(
                to: address, timeout: .seconds(5), on: loop.reactor, finished: outcomes.add)
            loop.turn()
            try #require(outcomes.all.isEmpty)
            loop.time.advance(by: .seconds(4))
            loop.turn()
            #expect(outcomes.all.isEmpty)
            loop.time.advance(by: .seconds(2))
            loop.turn()
            #expect(outcomes.all == [.failed(SystemError("connect", -ETIMEDOUT))])
            #expect(loop.reactor.registrationCount == 1)
            for filler in fillers { filler.close() }
        }
    }

    @Test(
        "what fails at once is told in the next turn",
        arguments: [EMFILE, ENETUNREACH, EADDRNOTAVAIL, EACCES])
    func failsAtOnce(error: Int32) async throws {
        try await listened { loop, _, address in
            let outcomes = Outcomes()
            withFault(CEPOLL_CALL_CONNECT, error: error, times: 1) {
                _ = Connector(
                    to: address, timeout: .seconds(5), on: loop.reactor, finished: outcomes.add)
            }
            #expect(outcomes.all.isEmpty)
            loop.turn()
            #expect(outcomes.all == [.failed(SystemError("connect", -error))])
            #expect(loop.reactor.timers.count == 0)
        }
    }

    @Test("an attempt the loop cannot take closes its socket and is told", arguments: [ENOSPC])
    func notRegistered(error: Int32) async throws {
        try await listened { loop, _, address in
            let outcomes = Outcomes()
            withFault(CEPOLL_CALL_ADD, error: error, times: 1) {
                _ = Connector(
                    to: address, timeout: .seconds(5), on: loop.reactor, finished: outcomes.add)
            }
            loop.turn()
            #expect(outcomes.all == [.failed(SystemError("epoll_ctl", -error))])
        }
    }

    @Test("nobody is told of an attempt that was cancelled", arguments: [true, false])
    func cancelled(fails: Bool) async throws {
        try await listened { loop, _, address in
            let outcomes = Outcomes()
            let connector = withFault(CEPOLL_CALL_CONNECT, error: EMFILE, times: fails ? 1 : 0) {
                Connector(
                    to: address, timeout: .seconds(5), on: loop.reactor, finished: outcomes.add)
            }
            connector.cancel()
            connector.cancel()
            loop.time.advance(by: .seconds(10))
            for _ in 0..<4 { loop.turn() }
            #expect(outcomes.all.isEmpty)
            #expect(loop.reactor.registrationCount == 1)
            #expect(loop.reactor.timers.count == 0)
        }
    }
}

/// What was told.
@ReactorActor
private final class Outcomes {
    private(set) var all: [Connector.Outcome] = []

    func add(_ outcome: Connector.Outcome) { all.append(outcome) }

    /// Turns until something was told.
    func wait(_ loop: Loop) throws {
        let end = SystemTime.shared.now() + .seconds(60)
        while all.isEmpty, SystemTime.shared.now() < end { loop.turn() }
        try #require(all.count == 1)
    }
}

/// Runs `body` with a loop and a listener that nobody accepts from.
private func listened(
    backlog: Int32 = 16,
    _ body: @escaping @Sendable @ReactorActor (Loop, Int32, SocketAddress) throws -> Void
) async throws {
    try await looped { loop in
        let wanted = try #require(SocketAddress("127.0.0.1", port: 0))
        let listener = unsafe wanted.withRaw { unsafe cepoll_listen($0, backlog) }
        try #require(listener >= 0)
        defer { Descriptor.close(listener) }
        var raw = cepoll_address()
        try #require(unsafe cepoll_local_address(listener, &raw) == 0)
        try body(loop, listener, SocketAddress(raw: raw))
    }
}
