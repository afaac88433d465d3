// The world of the tests of EventHub: a daemon without storage on a reactor that the test steps,
// with a clock of its own, and clients that read the stream. Everything lives within one body on
// the process's reactor thread.

import Glibc
import HTTPParser
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

/// A client of the stream.
final class HubClient {
    let peer: HTTPPeer

    init(_ peer: HTTPPeer) { self.peer = peer }

    var text: String { String(decoding: peer.received, as: UTF8.self) }
    /// What came behind the head of the answer.
    var stream: String {
        guard let end = text.firstRange(of: "\r\n\r\n") else { return "" }
        return String(text[end.upperBound...])
    }
    /// The ids in the order in which they came; a frame that was cut does not count.
    var ids: [Int] {
        frames.compactMap { frame in
            frame.split(separator: "\n").first { $0.hasPrefix("id: ") }
                .flatMap { Int($0.dropFirst(4)) }
        }
    }
    var frames: [String] {
        var parts = stream.split(separator: "\n\n", omittingEmptySubsequences: false)
        if !parts.isEmpty { parts.removeLast() }
        return parts.map(String.init)
    }
    /// The reasons of gaps.
    var gaps: [String] {
        frames.filter { $0.hasPrefix("event: stream.gap\n") }.compactMap { frame in
            frame.split(separator: "\"reason\":\"").last?.split(separator: "\"").first
                .map(String.init)
        }
    }
}

/// A hub, a server, clients.
@ReactorActor
final class EventStage {
    let time = ManualTime()
    let reactor: Reactor
    let daemon: StoragelessDaemon
    let server: HTTPServer
    private let address: SocketAddress
    private var clients: [HubClient] = []

    var hub: EventHub { daemon.events }

    init() throws {
        let inbox = Inbox()
        inbox.bindToCurrentThread()
        reactor = try Reactor(time: time, inbox: inbox)
        daemon = try StoragelessDaemon([], on: reactor)
        server = HTTPServer(
            on: reactor, application: daemon.application,
            commonHeaders: Application.commonHeaders)
        address = try server.listen(try #require(SocketAddress("127.0.0.1", port: 0)))
    }

    /// Connects and asks; the stream is open when this returns.
    func listen(_ query: String = "?stats=0", lastID: Int? = nil) throws -> HubClient {
        let client = try ask(query, lastID: lastID)
        turn { client.text.contains("retry: 2000\n\n") }
        return client
    }

    /// Only sends the request.
    func ask(_ query: String, lastID: Int? = nil) throws -> HubClient {
        let client = HubClient(try HTTPPeer(to: address))
        request(client, query, lastID)
        return client
    }

    /// Listens through a socket with small buffers.
    func listenNarrowly(_ query: String = "?stats=0", lastID: Int? = nil) throws -> HubClient {
        var pair: [Int32] = [-1, -1]
        // Two descriptors, as the call wants.
        let kind = Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC
        try #require(unsafe socketpair(AF_UNIX, kind, 0, &pair) == 0)
        HTTPConnection.open(pair[0], on: server, mark: 0)
        let client = HubClient(HTTPPeer(descriptor: pair[1]))
        request(client, query, lastID)
        turn { client.text.contains("retry: 2000\n\n") }
        return client
    }

    private func request(_ client: HubClient, _ query: String, _ lastID: Int?) {
        let id = lastID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        client.peer.send("GET /v1/events\(query) HTTP/1.1\r\nHost: localhost\r\n\(id)\r\n")
        clients.append(client)
    }

    func publish(_ count: Int = 1) {
        for _ in 0..<count { hub.publish(.serviceUnregistered(name: "a")) }
    }

    /// An event with a frame of about 8 KiB.
    func publishLong() {
        let names = (0..<64).map { _ in String(repeating: "n", count: 120) }
        hub.publish(.groupStarted(name: "@long", services: names))
    }

    func leave(_ client: HubClient) {
        client.peer.close()
        clients.removeAll { $0 === client }
    }

    func turn() {
        for client in clients { client.peer.pump() }
        reactor.turn(waitingAtMost: .zero)
        for client in clients { client.peer.pump() }
    }

    func settle(turns: Int = 20) { for _ in 0..<turns { turn() } }

    /// Turns until `done`; false when that does not come within a minute of real time.
    @discardableResult
    func turn(until done: () -> Bool) -> Bool {
        let end = SystemTime.shared.now() + .seconds(60)
        repeat {
            turn()
            if done() { return true }
        } while SystemTime.shared.now() < end
        return false
    }

    func advance(by duration: Duration) {
        time.advance(by: duration)
        settle(turns: 4)
    }

    /// Ends everything and makes sure that nothing is left.
    fileprivate func end() {
        for client in clients { client.peer.close() }
        clients = []
        hub.close()
        server.drain {}
        #expect(turn { server.connectionCount == 0 })
        #expect(hub.count == 0)
        #expect(reactor.timers.count == 0)
    }
}

/// Runs `body` with a hub of its own on the reactor's thread.
func eventStaged(
    _ body: @escaping @Sendable @ReactorActor (EventStage) throws -> Void
) async throws {
    try await onReactor {
        let stage = try EventStage()
        try body(stage)
        stage.end()
    }
}
