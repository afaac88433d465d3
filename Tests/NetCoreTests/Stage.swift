// The world of one test: a reactor with a clock and an inbox of its own, stepped by the test, and
// on it, for the HTTP tests, a server with the application of TestApplication.swift. All of it
// lives on the process's reactor thread and within one synchronous body, so that nothing else runs
// in between and faults, which belong to a thread, hit nobody else.

import CEpoll
import Glibc
import HTTPParser
import Testing
import TestSupport

@testable import NetCore

/// A reactor under the control of a test.
@ReactorActor
final class Loop {
    let time = ManualTime()
    let inbox = Inbox()
    let reactor: Reactor

    init(isManual: Bool = true) throws {
        inbox.bindToCurrentThread()
        let source: any TimeSource = isManual ? time : SystemTime.shared
        reactor = try Reactor(time: source, inbox: inbox)
    }

    /// One turn that waits for nothing.
    func turn() { reactor.turn(waitingAtMost: .zero) }
}

/// Runs `body` with a loop of its own on the reactor's thread.
func looped(
    isManual: Bool = true, _ body: @escaping @Sendable @ReactorActor (Loop) throws -> Void
) async throws {
    ReactorThread.start()
    try await runLooped(isManual, body)
}

@ReactorActor
private func runLooped(_ isManual: Bool, _ body: @ReactorActor (Loop) throws -> Void) throws {
    let loop = try Loop(isManual: isManual)
    defer { cepoll_fault_clear() }
    try body(loop)
}

/// A loop with an HTTP server on a loopback port.
@ReactorActor
final class Stage {
    let loop: Loop
    let application = TestApplication()
    let server: HTTPServer
    let address: SocketAddress
    private var peers: [HTTPPeer] = []

    var reactor: Reactor { loop.reactor }
    var time: ManualTime { loop.time }

    init(_ options: HTTPServer.Options) throws {
        loop = try Loop()
        server = HTTPServer(
            on: loop.reactor, application: application, commonHeaders: "Server: test\r\n",
            options: options)
        address = try server.listen(try #require(SocketAddress("127.0.0.1", port: 0)))
    }

    /// A client connected over TCP.
    func connect() throws -> HTTPPeer {
        let peer = try HTTPPeer(to: address)
        peers.append(peer)
        return peer
    }

    /// A client on a socket pair, whose small buffers fill quickly.
    func connectPair() throws -> HTTPPeer {
        var pair: (Int32, Int32) = (-1, -1)
        try unsafe withUnsafeMutablePointer(to: &pair) { pointer in
            try unsafe pointer.withMemoryRebound(to: Int32.self, capacity: 2) {
                try #require(unsafe cepoll_socketpair(Int32(SOCK_STREAM.rawValue), $0) == 0)
            }
        }
        HTTPConnection.open(pair.0, on: server, mark: 0)
        let peer = HTTPPeer(descriptor: pair.1)
        peers.append(peer)
        return peer
    }

    /// One turn, with all clients pumped before and after it.
    func turn() {
        for peer in peers { peer.pump() }
        reactor.turn(waitingAtMost: .zero)
        for connection in connections { connection.checkInvariants() }
        for log in application.streams { log.stream.checkInvariants() }
        for peer in peers { peer.pump() }
    }

    /// Turns until `done`; false when that does not come within two minutes of real time.
    @discardableResult
    func turn(until done: () throws -> Bool) rethrows -> Bool {
        let end = SystemTime.shared.now() + .seconds(120)
        repeat {
            turn()
            if try done() { return true }
        } while SystemTime.shared.now() < end
        return false
    }

    /// Enough turns for anything that is still to happen.
    func settle(turns: Int = 20) {
        for _ in 0..<turns { turn() }
    }

    /// Moves the clock and lets what is due happen.
    func advance(by duration: Duration) {
        time.advance(by: duration)
        settle(turns: 4)
    }

    /// Turns until `peer` has `count` answers, and gives them.
    func answers(
        _ count: Int, from peer: HTTPPeer, to methods: [HTTPMethod] = [],
        at location: SourceLocation = #_sourceLocation
    ) throws -> [HTTPAnswer] {
        var found: [HTTPAnswer] = []
        var seen = -1
        turn {
            // Parsing all of it again for nothing new would make large answers slow.
            guard peer.received.count != seen else { return peer.isOver }
            seen = peer.received.count
            found = (try? peer.answers(to: methods)) ?? []
            return found.count >= count || peer.isOver
        }
        found = try peer.answers(to: methods)
        try #require(
            found.count >= count, "\(found.count) of \(count) answers came",
            sourceLocation: location)
        return found
    }

    var connections: [HTTPConnection] {
        reactor.allHandlers().compactMap { $0 as? HTTPConnection }
    }

    /// Sockets of this process that are bound to the server's port: its listener and connections.
    var serverDescriptors: Int {
        var count = 0
        for descriptor in Int32(0)..<4_096 {
            var local = cepoll_address()
            guard unsafe cepoll_local_address(descriptor, &local) == 0 else { continue }
            if unsafe cepoll_address_port(&local) == Int32(address.port) { count += 1 }
        }
        return count
    }

    func forget(_ peer: HTTPPeer) { peers.removeAll { $0 === peer } }

    /// Ends everything and makes sure that nothing is left.
    func end() {
        for peer in peers { peer.close() }
        peers = []
        application.dropLaters()
        server.drain {}
        turn { server.connectionCount == 0 }
        // Whoever is still there (an answer outstanding, a lingering close) runs into a deadline.
        for _ in 0..<4 where server.connectionCount > 0 {
            time.advance(by: .seconds(100))
            settle()
        }
        #expect(server.connectionCount == 0)
        // The wake-up of the inbox stays.
        #expect(reactor.registrationCount == 1)
        #expect(reactor.timers.count == 0)
    }
}

/// Runs `body` with a server of its own on the reactor's thread.
func staged(
    _ options: HTTPServer.Options = HTTPServer.Options(),
    _ body: @escaping @Sendable @ReactorActor (Stage) throws -> Void
) async throws {
    ReactorThread.start()
    try await runStaged(options, body)
}

@ReactorActor
private func runStaged(
    _ options: HTTPServer.Options, _ body: @ReactorActor (Stage) throws -> Void
) throws {
    let stage = try Stage(options)
    defer { cepoll_fault_clear() }
    try body(stage)
    cepoll_fault_clear()
    stage.end()
}

/// A GET request with `more` header lines.
func get(_ path: String, _ more: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: a\r\n\(more)\r\n"
}

/// The head of a POST request with `more` header lines, and what of its body is given.
func post(_ path: String, _ more: String, _ body: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: a\r\n\(more)\r\n\(body)"
}
