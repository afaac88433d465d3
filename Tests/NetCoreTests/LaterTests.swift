// Answers that come later: order, half-closed and gone clients, what the client sent meanwhile.

import Glibc
import HTTPParser
import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP later answers", .serialized)
struct LaterTests {
    @Test("a later answer comes before those of the requests pipelined behind it")
    func order() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/later/1") + get("/fixed/2") + get("/later/3") + get("/fixed/4"))
            stage.settle()
            #expect(peer.received.isEmpty)
            #expect(stage.application.handled == ["/later/1"])
            stage.application.answerLater()
            stage.settle()
            #expect(stage.application.handled == ["/later/1", "/fixed/2", "/later/3"])
            stage.application.answerLater()
            let texts = try stage.answers(4, from: peer).map(\.text)
            #expect(texts == ["/later/1", "/fixed/2", "/later/3", "/fixed/4"])
        }
    }

    @Test("a large later answer that blocks is followed by the pipelined requests")
    func largeThenPipelined() async throws {
        try await staged { stage in
            let peer = try stage.connectPair()
            peer.mostPerRead = 0
            peer.send(get("/later/1") + get("/fixed/2") + get("/fixed/3"))
            stage.settle()
            stage.application.answerLater(TestApplication.large)
            stage.settle()
            #expect(stage.application.handled == ["/later/1"])
            peer.mostPerRead = 1 << 21
            let answers = try stage.answers(3, from: peer)
            #expect(answers[0].body == TestApplication.large)
            #expect(answers[1...].map(\.text) == ["/fixed/2", "/fixed/3"])
            peer.send(get("/fixed/5"))
            #expect(try stage.answers(4, from: peer).last?.text == "/fixed/5")
        }
    }

    @Test("a client that ended its half gets the later answer")
    func halfClosed() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/later/x"))
            peer.endSending()
            stage.settle()
            #expect(stage.server.connectionCount == 1)
            stage.application.answerLater()
            #expect(try stage.answers(1, from: peer).map(\.text) == ["/later/x"])
            #expect(stage.turn { peer.isAtEnd })
        }
    }

    @Test("an answer for a client that has left is dropped", arguments: [true, false])
    func peerLeft(isReset: Bool) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/later/x"))
            stage.settle()
            let later = try #require(stage.application.laters.first?.later)
            #expect(!later.isAbandoned)
            if isReset { peer.reset() } else { peer.close() }
            stage.settle()
            // An orderly close cannot be told from a half-close until something is sent.
            #expect(later.isAbandoned == isReset)
            stage.application.answerLater()
            stage.settle()
            #expect(stage.server.connectionCount == 0)
            later.reply(Response(status: 200, body: []))
            stage.settle()
        }
    }

    @Test("a waiting client that sends on costs no turns")
    func sendsOnWhileWaiting() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/later/x"))
            stage.settle()
            peer.send(get("/fixed/y"))
            stage.settle()
            let events = stage.reactor.statistics.events
            stage.settle()
            #expect(stage.reactor.statistics.events == events)
            stage.application.answerLater()
            #expect(try stage.answers(2, from: peer).map(\.text) == ["/later/x", "/fixed/y"])
        }
    }

    @Test("an exchange put off is answered once")
    func once() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/later/x") + get("/later/y"))
            stage.settle()
            let later = try #require(stage.application.laters.first?.later)
            stage.application.answerLater()
            stage.settle()
            later.reply(Response(status: 500, body: []))
            stage.settle()
            #expect(try peer.answers().map(\.status) == [200])
            stage.application.answerLater()
            #expect(try stage.answers(2, from: peer).map(\.text) == ["/later/x", "/later/y"])
        }
    }

    @Test("a later answer with Connection: close closes behind it, unseen requests or not")
    func closes() async throws {
        try await staged { stage in
            for behind in ["", get("/fixed/y")] {
                let peer = try stage.connect()
                peer.send(get("/later/x", "Connection: close\r\n") + behind)
                stage.settle()
                stage.application.answerLater()
                #expect(stage.turn { peer.isOver })
                #expect(peer.failure == 0)
                #expect(try peer.answers().map(\.text) == ["/later/x"])
                #expect(try peer.answers()[0].headers["connection"] == "close")
            }
        }
    }

    @Test("a later answer to a body that came in pieces arrives")
    func laterBody() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(post("/later", "Content-Length: 5\r\n", "he"))
            stage.settle()
            peer.send("llo" + get("/fixed"))
            stage.settle()
            stage.application.answerLater()
            #expect(try stage.answers(2, from: peer).map(\.text) == ["/later", "/fixed"])
        }
    }

    @Test("an asynchronous handler's answers arrive in order")
    func asynchronous() async throws {
        let texts = try await onReactor {
            let reactor = ReactorThread.reactor
            let application = AsyncApplication()
            let server = HTTPServer(on: reactor, application: application, commonHeaders: "")
            let address = try server.listen(try #require(SocketAddress("127.0.0.1", port: 0)))
            let peer = try HTTPPeer(to: address)
            peer.send(get("/a") + get("/b"))
            for _ in 0..<1_000 where try peer.answers().count < 2 {
                peer.pump()
                await AsyncApplication.pause(on: reactor)
            }
            peer.close()
            server.drain {}
            return try peer.answers().map(\.text)
        }
        #expect(texts == ["/a", "/b"])
    }
}

/// Answers with its path, one timer later.
@ReactorActor
private final class AsyncApplication: HTTPApplication {
    func mark(local: SocketAddress, peer: SocketAddress) -> UInt8 { 0 }
    func mark(user: UInt32?) -> UInt8 { 0 }
    func admit(_ exchange: Exchange) -> Bool { true }
    func answer(to refusal: HTTPRefusal) -> Response { Response(status: refusal.status, body: []) }

    func handle(_ exchange: Exchange) {
        let path = exchange.text(exchange.target.path)
        exchange.reply {
            await AsyncApplication.pause(on: ReactorThread.reactor)
            return Response(status: 200, body: Array(path.utf8))
        }
    }

    static func pause(on reactor: Reactor) async {
        await withCheckedContinuation { continuation in
            _ = reactor.timers.schedule(
                at: reactor.now + .milliseconds(1), Callback { _ in continuation.resume() })
        }
    }
}
