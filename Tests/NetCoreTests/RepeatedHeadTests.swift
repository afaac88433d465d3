// Heads that come again: what is answered from memory is what a server that never saw the head
// before would answer, whatever byte is changed.

import HTTPParser
import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP repeated heads", .serialized)
struct RepeatedHeadTests {
    @Test("a repeated head is answered without its handler, for other names too")
    func repeats() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/named/one"))
            #expect(try stage.answers(1, from: peer).map(\.text) == ["/named/one"])
            #expect(stage.application.handled == ["/named/one"])
            peer.send(get("/named/two") + get("/named/one") + get("/named/x"))
            let texts = try stage.answers(4, from: peer).map(\.text)
            #expect(texts == ["/named/one", "/named/two", "/named/one", "/named/x"])
            #expect(stage.application.handled == ["/named/one"])
            #expect(stage.reactor.statistics.requests == 4)
        }
    }

    @Test("a head that comes in pieces is answered when it is complete")
    func pieces() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/named/one"))
            _ = try stage.answers(1, from: peer)
            let text = get("/named/two")
            for cut in 1..<text.utf8.count {
                let bytes = Array(text.utf8)
                peer.send(Array(bytes[..<cut]))
                stage.turn()
                peer.send(Array(bytes[cut...]))
                let answers = try stage.answers(cut + 1, from: peer)
                #expect(answers.last?.text == "/named/two", "cut at \(cut)")
            }
        }
    }

    @Test("clients whose heads differ do not get each other's answers")
    func several() async throws {
        try await staged { stage in
            var peers: [HTTPPeer] = []
            for _ in 0..<6 { peers.append(try stage.connect()) }
            for round in 0..<20 {
                for (index, peer) in peers.enumerated() {
                    peer.send(get("/named/a\(round)", "X-Client: \(index)\r\n"))
                }
                for peer in peers {
                    let texts = try stage.answers(round + 1, from: peer).map(\.text)
                    #expect(texts.last == "/named/a\(round)")
                }
            }
        }
    }

    @Test("a draining server answers a repeated head and closes")
    func drain() async throws {
        try await staged { stage in
            let peer = try stage.connect()
            peer.send(get("/named/one"))
            _ = try stage.answers(1, from: peer)
            stage.application.onDrain = { stage.server.drain {} }
            peer.send(post("/drain", "Content-Length: 0\r\n") + get("/named/two"))
            let answers = try stage.answers(1, from: peer)
            #expect(answers.count >= 2)
            #expect(answers.dropFirst(2).allSatisfy { $0.headers["connection"] == "close" })
            #expect(stage.turn { peer.isOver })
        }
    }

    /// Everything a changed byte can turn a head into.
    private static let replacements: [UInt8] =
        Array("\0\t\n\r %/?#.:@aZ0-_~;,".utf8) + [0x7F, 0x80, 0xFF]

    @Test("whatever byte of a head is changed, the answer is that of a server that saw none before")
    func everyByte() async throws {
        let original = Array(get("/named/one", "Accept: */*\r\n").utf8)
        for at in original.indices {
            for byte in RepeatedHeadTests.replacements where byte != original[at] {
                var changed = original
                changed[at] = byte
                let fresh = try await RepeatedHeadTests.answer(to: [changed])
                let warmed = try await RepeatedHeadTests.answer(to: [original, changed])
                #expect(warmed == fresh, "byte \(at) is \(byte)")
            }
        }
    }

    @Test("bytes that are added or missing change the answer as on a server that saw none before")
    func lengths() async throws {
        let original = Array(get("/named/one", "Accept: */*\r\n").utf8)
        for at in original.indices {
            var shorter = original
            shorter.remove(at: at)
            for changed in [shorter]
                + RepeatedHeadTests.replacements.map({ insert($0, at, original) })
            {
                let fresh = try await RepeatedHeadTests.answer(to: [changed])
                let warmed = try await RepeatedHeadTests.answer(to: [original, changed])
                #expect(warmed == fresh, "at \(at)")
            }
        }
    }

    private func insert(_ byte: UInt8, _ at: Int, _ bytes: [UInt8]) -> [UInt8] {
        var longer = bytes
        longer.insert(byte, at: at)
        return longer
    }

    /// What the last of `requests` is answered with; each comes on a connection of its own, ended
    /// behind it.
    private static func answer(to requests: [[UInt8]]) async throws -> [UInt8] {
        let received = Lock<[UInt8]>([])
        try await staged { stage in
            for request in requests {
                let peer = try stage.connectPair()
                peer.send(request)
                stage.settle(turns: 2)
                peer.endSending()
                stage.settle(turns: 2)
                let bytes = peer.received
                received.withLock { $0 = bytes }
                peer.close()
                stage.forget(peer)
                stage.settle(turns: 2)
            }
        }
        return received.withLock { $0 }
    }
}
