// Connections through an API server: messages both ways, its refusals and its ends, the two words
// that keep an idle one alive, and a server that breaks the rules.

import Glibc
import HTTPParser
import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

@Suite(.serialized) struct ForwardLinkTests {
    @Test func bytesGoBothWaysWhateverTheMessages() async throws {
        try await tethered { world in
            world.forward {
                let server = TestForwardServer()
                server.random = SeededGenerator(seed: 9)
                return server
            }
            let tether = try world.open()
            let client = try world.connect(tether)
            var random = SeededGenerator(seed: 3)
            let bytes = (0..<600_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            client.send(bytes)
            try world.turn { client.received.count >= bytes.count }
            #expect(client.received == bytes)
            let server = try #require(world.servers.first)
            #expect(server.received == bytes && server.breaches.isEmpty)
            let head = server.request
            #expect(
                head.hasPrefix(
                    "GET /prefix/api/v1/namespaces/default/pods/pod-0/portforward?ports=8000 "))
            #expect(head.contains("\r\nAuthorization: Bearer abc"))
            let counted = try #require(tether.proxy).bytes
            #expect(counted.fromClients == 600_000 && counted.fromPods == 600_000)
            try world.close(tether)
            #expect(client.isOver || client.hasSentAll)
        }
    }

    @Test func aPodThatRefusesIsAResetWithItsWords() async throws {
        try await tethered { world in
            world.forward {
                let server = TestForwardServer()
                server.error = "dial tcp4 127.0.0.1:8000: connect: connection refused"
                return server
            }
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("hello")
            try world.turn { client.isOver && tether.counts.failed == 1 }
            #expect(client.failure == ECONNRESET && client.received.isEmpty)
            #expect(tether.counts.lastError?.text.contains("connection refused") == true)
            try world.close(tether)
        }
    }

    @Test func thePodsEndComesBehindItsBytes() async throws {
        try await tethered { world in
            world.forward()
            let tether = try world.open()
            let client = try world.connect(tether)
            client.mostPerRead = 0
            client.send("x")
            try world.turn { world.servers.first?.received.count == 1 }
            let server = try #require(world.servers.first)
            let bytes = [UInt8](repeating: 7, count: 5 << 20)
            for start in stride(from: 0, to: bytes.count, by: 1 << 15) {
                server.send(0, Array(bytes[start..<start + 1 << 15]), world.pods[0])
            }
            server.close(world.pods[0], 1_000)
            world.settle(turns: 200)
            let link = try #require(tether.proxy?.listed(1).first?.link as? ForwardLink)
            #expect(link.keptBytes.down <= TetherLimits.forwardPieceBytes)
            client.mostPerRead = 1 << 16
            try world.turn { client.isOver }
            #expect(client.isAtEnd && client.received.count == bytes.count + 1)
            #expect(tether.counts.failed == 0)
            // It sends on, and is not hurt by that before it ends.
            client.send("late")
            world.settle()
            client.close()
            try world.turn { tether.proxy?.connectionCount == 0 }
            try world.close(tether)
        }
    }

    @Test func aServerThatDoesNotReadStopsTheClient() async throws {
        try await tethered { world in
            world.forward()
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("x")
            try world.turn { client.received.count == 1 }
            world.pods[0].mostPerRead = 0
            let bytes = [UInt8](repeating: 7, count: 16 << 20)
            client.send(bytes)
            world.settle(turns: 300)
            #expect(!client.hasSentAll)
            let link = try #require(tether.proxy?.listed(1).first?.link as? ForwardLink)
            #expect(link.keptBytes.up <= TetherLimits.forwardPieceBytes + 16)
            world.pods[0].mostPerRead = 1 << 20
            try world.turn { client.received.count == bytes.count + 1 }
            #expect(world.servers[0].breaches.isEmpty)
            try world.close(tether)
        }
    }

    @Test func theClientsEndIsNotThePodsEndUntilItIsSilent() async throws {
        try await tethered { world in
            world.forward()
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("question")
            client.endSending()
            try world.turn { client.received.count == 8 }
            world.advance(by: .seconds(20))
            world.servers[0].send(0, Array("answer".utf8), world.pods[0])
            try world.turn { client.received.count == 14 }
            #expect(!client.isOver && world.servers[0].closeCode == nil)
            for _ in 0..<5 { world.advance(by: .seconds(15)) }
            try world.turn { client.isOver && world.servers[0].closeCode == 1_000 }
            #expect(client.isAtEnd && tether.counts.failed == 0)
            try world.close(tether)
        }
    }

    @Test func anIdleConnectionIsKeptAliveByDataAndADeadServerIsFound() async throws {
        try await tethered { world in
            world.forward()
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("x")
            try world.turn { client.received.count == 1 }
            let server = world.servers[0]
            for _ in 0..<40 { world.advance(by: .seconds(5)) }
            world.settle()
            #expect(server.emptyMessages >= 12 && server.emptyMessages <= 14)
            #expect(server.pings >= 6)
            #expect(!client.isOver && client.received.count == 1)
            server.answersPings = false
            for _ in 0..<16 { world.advance(by: .seconds(5)) }
            try world.turn { client.isOver && tether.counts.failed == 1 }
            #expect(client.failure == ECONNRESET)
            #expect(tether.counts.lastError?.text.contains("30 s") == true)
            try world.close(tether)
        }
    }

    @Test func aClientThatGoesEndsTheForward() async throws {
        try await tethered { world in
            world.forward()
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("x")
            try world.turn { client.received.count == 1 }
            client.reset()
            try world.turn { tether.proxy?.connectionCount == 0 }
            try world.turn { world.servers[0].closeCode == 1_000 }
            #expect(tether.counts.failed == 0)
            try world.close(tether)
        }
    }

    /// What a server can do wrong, and a word of what is said about it.
    @Test(arguments: ["masked", "channel", "text", "cut", "code"])
    func aServerThatBreaksTheRulesIsLeft(how: String) async throws {
        try await tethered { world in
            world.forward()
            let tether = try world.open()
            let client = try world.connect(tether)
            client.send("x")
            try world.turn { client.received.count == 1 }
            let (server, peer) = (world.servers[0], world.pods[0])
            switch how {
            case "masked": peer.send(server.frame(.binary, [0, 1], mask: WebSocketMask(7)))
            case "channel": server.send(2, [1], peer)
            case "text": peer.send(server.frame(.text, [0x30]))
            case "code": server.close(peer, 1_011)
            default: peer.close()
            }
            try world.turn { client.isOver && tether.counts.failed == 1 }
            #expect(client.failure == ECONNRESET)
            try world.close(tether)
        }
    }

    @Test func anOpeningThatIsRefusedSaysWhy() async throws {
        let status = "{\"kind\":\"Status\",\"message\":\"pods is forbidden\",\"code\":403}"
        let ways: [(TestForwardServer.Opening, String)] = [
            (.refuses(403, status), "403: pods is forbidden"), (.refuses(404, "nope"), "nope"),
            (.refuses(401, ""), "401"), (.wrongKey, "key"), (.wrongProtocol, "v4"),
            (.junk, "no HTTP"), (.silent, "30 s"),
        ]
        for (opening, words) in ways {
            try await tethered { world in
                world.forward {
                    let server = TestForwardServer()
                    server.opening = opening
                    return server
                }
                let tether = try world.open()
                let client = try world.connect(tether)
                client.send("x")
                try world.turn { world.servers.first?.request.isEmpty == false }
                world.settle()
                if words == "30 s" { world.advance(by: .seconds(31)) }
                try world.turn { client.isOver }
                let text = tether.counts.lastError?.text ?? ""
                #expect(text.contains(words), "\(text)")
                #expect(client.failure == ECONNRESET && client.received.isEmpty)
                try world.close(tether)
            }
        }
    }

    @Test func addressesOfServersAreTakenApart() {
        func parts(_ url: String) -> String? {
            ForwardServer(url).map { "\($0.isSecure) \($0.host) \($0.port) \($0.path)" }
        }
        #expect(parts("https://10.0.0.1:6443") == "true 10.0.0.1 6443 ")
        #expect(parts("https://k8s.example/k8s/c/") == "true k8s.example 443 /k8s/c")
        #expect(parts("http://[::1]:8001") == "false ::1 8001 ")
        #expect(ForwardServer("https://[::1]")?.authority == "[::1]")
        #expect(ForwardServer("https://a:6443")?.authority == "a:6443")
        for bad in [
            "ftp://a", "https://", "https://a:0", "https://a:x", "https://a b", "a:1",
            "https://u@a", "https://[::1", "https://[::1]x", "https://a/\r\nX: y",
        ] {
            #expect(ForwardServer(bad) == nil, "\(bad)")
        }
    }
}
