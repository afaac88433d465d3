// The server's end of a WebSocket: what each frame of a client leads to, what is held back for one
// that does not read, and when a silent or slow one is given up. Frames alone are tested with the
// decoder (WebSocketTests), whole conversations by the Autobahn suite (scripts/autobahn).

import HTTPParser
import TestSupport
import Testing

@testable import NetCore

@Suite("WebSocket connection", .serialized)
struct WebSocketConnectionTests {
    private static func keeping() -> WebSocketOptions {
        var options = WebSocketOptions()
        options.keepsMessages = true
        options.messageMost = 1_000
        return options
    }

    struct Case: CustomTestStringConvertible {
        var name: String
        var sent: [UInt8]
        /// What the server says, then it ends its half.
        var said: [String]
        var messages: [String] = []

        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(
            name: "close with a code", sent: ClientFrame.close(1000, "bye"), said: ["close 1000 "]),
        Case(name: "close without one", sent: ClientFrame.make(.close, []), said: ["close"]),
        Case(
            name: "nothing behind a close is looked at",
            sent: ClientFrame.close(1001) + [0xFF, 0xFF], said: ["close 1001 "]),
        Case(
            name: "close of one byte", sent: ClientFrame.make(.close, [3]),
            said: ["close 1002 the body of a close frame is one byte"]),
        Case(
            name: "close with a code nobody sends", sent: ClientFrame.close(1005),
            said: ["close 1002 the code of a close frame is not one to be sent"]),
        Case(
            name: "close with a reason that is not UTF-8",
            sent: ClientFrame.make(.close, [3, 232, 0xC3, 0x28]),
            said: ["close 1007 a text is not UTF-8"]),
        Case(
            name: "ping", sent: ClientFrame.make(.ping, Array("x".utf8)) + ClientFrame.close(1000),
            said: ["pong x", "close 1000 "]),
        Case(
            name: "pong unasked", sent: ClientFrame.make(.pong, []) + ClientFrame.close(1000),
            said: ["close 1000 "]),
        Case(
            name: "text and bytes",
            sent: ClientFrame.text("é") + ClientFrame.make(.binary, [0x61])
                + ClientFrame.close(1000),
            said: ["close 1000 "], messages: ["text é", "binary a"]),
        Case(
            name: "a ping between fragments",
            sent: ClientFrame.text("a", isFinal: false) + ClientFrame.make(.ping, [])
                + ClientFrame.make(.continuation, Array("b".utf8)) + ClientFrame.close(1000),
            said: ["pong ", "close 1000 "], messages: ["text ab"]),
        Case(
            name: "a character cut between fragments",
            sent: ClientFrame.make(.text, [0xC3], isFinal: false)
                + ClientFrame.make(.continuation, [0xA9]) + ClientFrame.close(1000),
            said: ["close 1000 "], messages: ["text é"]),
        Case(
            name: "text that is not UTF-8", sent: ClientFrame.make(.text, [0xFF]),
            said: ["close 1007 a text is not UTF-8"]),
        Case(
            name: "text that ends inside of a character", sent: ClientFrame.make(.text, [0xC3]),
            said: ["close 1007 a text is not UTF-8"]),
        Case(
            name: "a message that is too long in one frame",
            sent: ClientFrame.make(.binary, [UInt8](repeating: 0, count: 1_001)),
            said: ["close 1009 a frame is longer than is taken here"]),
        Case(
            name: "a message that is too long in fragments",
            sent: ClientFrame.make(.binary, [UInt8](repeating: 0, count: 600), isFinal: false)
                + ClientFrame.make(.continuation, [UInt8](repeating: 0, count: 600)),
            said: ["close 1009 a frame is longer than is taken here"]),
        Case(
            name: "an unknown opcode", sent: ClientFrame.raw(0x83, []),
            said: ["close 1002 the opcode is not a known one"]),
        Case(
            name: "a reserved bit", sent: ClientFrame.raw(0xC1, []),
            said: ["close 1002 a reserved bit is set though no extension was agreed on"]),
        Case(
            name: "no mask", sent: [0x81, 0x01, 0x61],
            said: ["close 1002 a client's frame is not masked"]),
        Case(
            name: "a fragmented ping", sent: ClientFrame.make(.ping, [], isFinal: false),
            said: ["close 1002 a control frame is fragmented"]),
        Case(
            name: "a long ping", sent: ClientFrame.make(.ping, [UInt8](repeating: 0, count: 126)),
            said: ["close 1002 a control frame has more than 125 bytes"]),
        Case(
            name: "a continuation of nothing", sent: ClientFrame.make(.continuation, []),
            said: ["close 1002 a continuation has no message to continue"]),
        Case(
            name: "a message inside of a message",
            sent: ClientFrame.text("a", isFinal: false) + ClientFrame.text("b"),
            said: ["close 1002 a new message begins inside of a fragmented one"]),
        Case(
            name: "a length in too many bytes",
            sent: [0x82, 0xFE, 0, 1, 0, 0, 0, 0, 0],
            said: ["close 1002 a length is written in more bytes than it needs"]),
        Case(
            name: "a length of 2^63", sent: [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            said: ["close 1002 the highest bit of a length is set"]),
    ]

    @Test("each frame has its answer", arguments: cases)
    func frames(each: Case) async throws {
        try await staged { stage in
            stage.application.socketOptions = Self.keeping()
            let (peer, log) = try stage.openSocket()
            peer.send(each.sent)
            #expect(try stage.words(of: peer) == each.said)
            #expect(log.messages == each.messages)
            peer.close()
            #expect(stage.turn { log.closes == 1 })
        }
    }

    @Test("a conversation is the same wherever it is cut")
    func cuts() async throws {
        let sent =
            ClientFrame.text("one") + ClientFrame.make(.ping, [0x70])
            + ClientFrame.text("tw", isFinal: false)
            + ClientFrame.make(.continuation, Array("o".utf8))
            + ClientFrame.make(.binary, [UInt8](repeating: 0x62, count: 200))
            + ClientFrame.close(1000, "over")
        try await staged { stage in
            stage.application.socketOptions = Self.keeping()
            for cut in 0...sent.count {
                // The first part comes with the request itself.
                let (peer, log) = try stage.openSocket(Array(sent[..<cut]))
                peer.send(Array(sent[cut...]))
                #expect(try stage.words(of: peer) == ["pong p", "close 1000 "], "cut at \(cut)")
                let long = "binary " + String(repeating: "b", count: 200)
                #expect(log.messages == ["text one", "text two", long])
                peer.close()
                stage.forget(peer)
            }
        }
    }

    struct Opening: CustomTestStringConvertible {
        var name: String
        var from: String
        var to: String
        var status: Int

        var testDescription: String { name }
    }

    @Test(
        "a request that does not open a WebSocket is told why",
        arguments: [
            Opening(name: "no upgrade", from: "Upgrade: websocket\r\n", to: "", status: 426),
            Opening(name: "another", from: "websocket\r\n", to: "h2c\r\n", status: 426),
            Opening(name: "unlinked", from: "keep-alive, Upgrade", to: "keep-alive", status: 426),
            Opening(name: "version 8", from: "Version: 13", to: "Version: 8", status: 426),
            Opening(name: "no version", from: "Sec-WebSocket-Version: 13\r\n", to: "", status: 426),
            Opening(name: "short key", from: "dGhlIHNhbXBsZSBub25jZQ==", to: "YQ==", status: 400),
            Opening(name: "no key", from: "Sec-WebSocket-Key", to: "X-Key", status: 400),
            Opening(
                name: "two keys", from: "Sec-WebSocket-Version",
                to: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version",
                status: 400),
            Opening(name: "HTTP/1.0", from: "HTTP/1.1", to: "HTTP/1.0", status: 400),
        ])
    func openings(each: Opening) async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(Stage.opening.replacing(each.from, with: each.to))
            #expect(try stage.answers(1, from: peer)[0].status == each.status)
            #expect(stage.application.sockets.isEmpty)
        }
    }

    // MARK: Clients that do not read

    @Test("what a client does not read is bounded, and ends it")
    func neverReads() async throws {
        try await staged { stage in
            var options = WebSocketOptions()
            options.queueMost = 100_000
            options.roomMost = 20_000
            stage.application.socketOptions = options
            let (peer, log) = try stage.openSocket(isPair: true)
            peer.mostPerRead = 0
            let frame = WebSocketFrames.text([UInt8](repeating: 0x61, count: 1_000))
            var sent = 0
            while log.socket.isOpen, sent < 10_000 {
                #expect(log.socket.queuedBytes <= 100_000)
                log.socket.send(frame)
                sent += 1
            }
            #expect(!log.socket.hasRoom && sent < 10_000)
            // The close frame waits behind what was taken: nothing is cut.
            peer.mostPerRead = 1 << 16
            peer.send(ClientFrame.close(1000))
            let words = try stage.words(of: peer)
            #expect(words.last == "close 1013 the client reads too slowly")
            #expect(words.count == sent)
            peer.close()
            #expect(stage.turn { log.closes == 1 })
            #expect(log.drains == 0)
        }
    }

    @Test("room comes back when the client reads, and is told of once")
    func drained() async throws {
        try await staged { stage in
            var options = WebSocketOptions()
            options.roomMost = 20_000
            stage.application.socketOptions = options
            let (peer, log) = try stage.openSocket(isPair: true)
            peer.mostPerRead = 0
            let frame = WebSocketFrames.text([UInt8](repeating: 0x61, count: 1_000))
            var sent = 0
            while log.socket.hasRoom {
                log.socket.append(frame)
                log.socket.flush()
                sent += 1
            }
            stage.settle()
            #expect(log.drains == 0)
            peer.mostPerRead = 1 << 16
            #expect(stage.turn { log.drains > 0 })
            #expect(log.socket.hasRoom && log.socket.queuedBytes == 0 && log.drains == 1)
            #expect(stage.turn { (try? stage.frames(of: peer).count) == sent })
        }
    }

    @Test("pings that are not waited for do not fill the memory")
    func pingFlood() async throws {
        try await staged { stage in
            let (peer, log) = try stage.openSocket(isPair: true)
            peer.mostPerRead = 0
            let ping = ClientFrame.make(.ping, [UInt8](repeating: 0x70, count: 125))
            for _ in 0..<100 {
                peer.send((0..<100).flatMap { _ in ping })
                stage.settle(turns: 10)
                #expect(log.socket.queuedBytes <= 64 * 1_024 + 200)
            }
            peer.send(ClientFrame.make(.ping, Array("last".utf8)))
            stage.settle(turns: 50)
            peer.mostPerRead = 1 << 16
            stage.settle(turns: 50)
            // The newest is answered, whatever became of those before.
            #expect(try stage.frames(of: peer).last?.description == "pong last")
        }
    }

    // MARK: Time

    @Test("a silent client is asked, and given up when it does not answer")
    func heartbeat() async throws {
        try await staged { stage in
            let (peer, log) = try stage.openSocket()
            stage.advance(by: .seconds(26))
            #expect(try stage.frames(of: peer).map(\.description) == ["ping "])
            peer.send(ClientFrame.make(.pong, []))
            stage.settle()
            for _ in 0..<2 { stage.advance(by: .seconds(26)) }
            #expect(try stage.frames(of: peer).count == 3 && log.closes == 0)
            for _ in 0..<2 { stage.advance(by: .seconds(26)) }
            #expect(log.closes == 1 && peer.isOver)
        }
    }

    @Test("a close that is not answered has an end")
    func closePatience() async throws {
        try await staged { stage in
            let (peer, log) = try stage.openSocket()
            log.socket.close(1_000, "the run has ended")
            stage.settle()
            #expect(
                try stage.frames(of: peer).map(\.description) == [
                    "close 1000 the run has ended"
                ])
            #expect(!log.socket.isOpen && log.closes == 0)
            log.socket.send(WebSocketFrames.text([0x61]))
            stage.advance(by: .seconds(6))
            #expect(log.closes == 1)
            #expect(try stage.words(of: peer) == ["close 1000 the run has ended"])
        }
    }

    @Test("a client that takes nothing for long is given up")
    func writeTimeout() async throws {
        try await staged { stage in
            let (peer, log) = try stage.openSocket(isPair: true)
            peer.mostPerRead = 0
            let frame = WebSocketFrames.text([UInt8](repeating: 0x61, count: 1 << 20))
            log.socket.send(frame)
            for _ in 0..<4 {
                // It is there, and says so, but reads nothing.
                peer.send(ClientFrame.make(.pong, []))
                stage.advance(by: .seconds(29))
            }
            #expect(log.closes == 1)
        }
    }

    @Test("a drain of the server says good-bye")
    func drain() async throws {
        try await staged { stage in
            let (peer, log) = try stage.openSocket()
            stage.server.drain {}
            stage.settle()
            peer.send(ClientFrame.close(1001))
            #expect(try stage.words(of: peer) == ["close 1001 the server is shutting down"])
            peer.close()
            #expect(stage.turn { log.closes == 1 })
        }
    }
}
