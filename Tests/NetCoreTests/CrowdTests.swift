// A thousand clients that send anything and leave in any way: nothing of them may remain.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("HTTP crowd", .serialized)
struct CrowdTests {
    private static let requests = [
        get("/fixed"), get("/fixed/a"), get("/none"), get("/later/x"), get("/never"),
        "HEAD /fixed HTTP/1.1\r\nHost: a\r\n\r\n", "GET /fixed HTTP/1.0\r\n\r\n",
        get("/fixed", "Connection: close\r\n"), post("/echo", "Content-Length: 5\r\n", "hello"),
        post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        post("/echo", "Content-Length: 3\r\nExpect: 100-continue\r\n", "abc"),
        post("/echo", "Content-Length: 99999999\r\n", "abc"),
        post("/none", "Content-Length: 9\r\n"),
        "nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\u{0}\u{1}\u{2}", "\r\n\r\n\r\n\r\n",
        post("/echo", "Transfer-Encoding: chunked\r\n", "zz\r\n"), get("/large"),
    ]

    @Test("nothing of a thousand random clients remains", arguments: [1, 2, 3])
    func crowd(seed: UInt64) async throws {
        try await staged { stage in
            var random = SeededGenerator(seed: seed)
            var clients: [HTTPPeer] = []
            var opened = 0
            let end = SystemTime.shared.now() + .seconds(20)
            while opened < 334 || !clients.isEmpty, SystemTime.shared.now() < end {
                if opened < 334, clients.count < 40, random.oneIn(2) {
                    clients.append(
                        random.oneIn(3) ? try stage.connectPair() : try stage.connect())
                    opened += 1
                }
                if let index = clients.indices.randomElement(using: &random) {
                    act(on: clients[index], &random)
                    if clients[index].isOver || random.oneIn(12) {
                        leave(clients.remove(at: index), stage, &random)
                    }
                }
                if random.oneIn(4) { stage.application.answerLater() }
                if random.oneIn(50) { stage.time.advance(by: .seconds(random.number(in: 1...12))) }
                fault(&random)
                stage.turn()
                cepoll_fault_clear()
            }
            #expect(opened == 334, "seed \(seed)")
            stage.application.dropLaters()
            for _ in 0..<6 { stage.advance(by: .seconds(80)) }
            #expect(stage.server.connectionCount == 0, "seed \(seed)")
            #expect(stage.serverDescriptors == 1, "seed \(seed)")
            let honest = try stage.connect()
            honest.send(get("/fixed"))
            #expect(try stage.answers(1, from: honest).map(\.text) == ["/fixed"])
        }
    }

    @ReactorActor
    private func act(on peer: HTTPPeer, _ random: inout SeededGenerator) {
        peer.mostPerRead = random.oneIn(5) ? 0 : random.number(in: 1...100_000)
        var bytes: [UInt8] = []
        for _ in 0..<random.number(in: 0...4) { bytes += Array(random.pick(Self.requests).utf8) }
        if random.oneIn(4) { bytes = Array(bytes.prefix(random.number(in: 0...bytes.count))) }
        if random.oneIn(10), !bytes.isEmpty {
            bytes[random.number(in: 0...bytes.count - 1)] = UInt8(random.number(in: 0...255))
        }
        peer.send(bytes)
        if random.oneIn(15) { peer.endSending() }
    }

    @ReactorActor
    private func leave(_ peer: HTTPPeer, _ stage: Stage, _ random: inout SeededGenerator) {
        stage.forget(peer)
        if random.oneIn(2) { peer.reset() } else { peer.close() }
    }

    /// Now and then the kernel is short of something.
    @ReactorActor
    private func fault(_ random: inout SeededGenerator) {
        guard random.oneIn(8) else { return }
        switch random.number(in: 0...5) {
        case 0: cepoll_fault_set(CEPOLL_CALL_SEND, 0, Int64(random.number(in: 1...300)), 2)
        case 1: cepoll_fault_set(CEPOLL_CALL_SENDV, 0, Int64(random.number(in: 1...300)), 2)
        case 2: cepoll_fault_set(CEPOLL_CALL_SEND, random.pick([EAGAIN, EPIPE, ECONNRESET]), 0, 1)
        case 3: cepoll_fault_set(CEPOLL_CALL_READ, random.pick([EAGAIN, ECONNRESET]), 0, 1)
        case 4: cepoll_fault_set(CEPOLL_CALL_ACCEPT, random.pick([EMFILE, ECONNABORTED]), 0, 1)
        default: cepoll_fault_set(CEPOLL_CALL_MODIFY, ENOMEM, 0, 1)
        }
    }
}
