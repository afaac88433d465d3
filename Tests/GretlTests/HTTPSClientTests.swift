// Requests to other machines: over TLS to a server that is not ours.

import Gretl
import NetCore
import TestSupport
import Testing

/// Collects a streamed body, and pauses when it is told to.
@ReactorActor
private final class Collector: TransferConsumer {
    var head: HTTPSClient.Head?
    var count = 0
    var sum: UInt64 = 0
    var pausesAt = Int.max
    var ended = 0
    var failure: TransferError?
    var largestPerTurn = 0
    private var turn: UInt64 = 0
    private var perTurn = 0

    func transferDidBegin(_ transfer: Transfer, _ head: HTTPSClient.Head) { self.head = head }

    func transfer(_ transfer: Transfer, received bytes: Span<UInt8>) -> TransferFlow {
        let now = ReactorThread.reactor.statistics.turns
        perTurn = now == turn ? perTurn + bytes.count : bytes.count
        turn = now
        largestPerTurn = max(largestPerTurn, perTurn)
        for index in bytes.indices { sum &+= UInt64(bytes[index]) }
        count += bytes.count
        return count >= pausesAt ? .pause : .go
    }

    func transferDidEnd(_ transfer: Transfer, _ failure: TransferError?) {
        ended += 1
        self.failure = failure
    }
}

@Suite struct HTTPSClientTests {
    private func on(
        _ body:
            @escaping @Sendable @ReactorActor (HTTPSClient, TLSServerProgram) async throws -> Void
    ) async throws {
        let server = try TLSServerProgram()
        let thread = try BackgroundThread(name: "gr-test")
        try await onReactor {
            let client = HTTPSClient(on: ReactorThread.reactor, background: thread)
            try await body(client, server)
            client.close()
            #expect(client.activeCount == 0 && client.watchCount == 0)
        }
    }

    private static func request(
        _ server: TLSServerProgram, _ path: String, port: Int? = nil, host: String = "127.0.0.1"
    ) -> HTTPSClient.Request {
        var request = HTTPSClient.Request(url: "https://\(host):\(port ?? server.port)\(path)")
        request.identity.authorities = server.text("ca.crt")
        return request
    }

    private static func failure(
        _ client: HTTPSClient, _ request: HTTPSClient.Request, limit: Int = 1 << 20
    ) async -> TransferError? {
        do throws(TransferError) {
            _ = try await client.send(request, limit: limit)
            return nil
        } catch { return error }
    }

    @Test func `A request arrives as it was meant and its answer comes back`() async throws {
        try await on { client, server in
            var request = HTTPSClientTests.request(server, "/echo?a=b")
            request.method = "PATCH"
            request.body = Array("{\"spec\":{}}".utf8)
            request.headers = [("Content-Type", "application/merge-patch+json")]
            request.authorization = Secret("Bearer token-1")
            let answer = try await client.send(request, limit: 10_000)
            #expect(answer.status == 200)
            #expect(answer.head.value("retry-after") == "7")
            let said = try JSONValue.decoded(answer.body)
            #expect(said["method"]?.text == "PATCH" && said["path"]?.text == "/echo?a=b")
            #expect(said["headers", "authorization"]?.text == "Bearer token-1")
            #expect(said["headers", "content-type"]?.text == "application/merge-patch+json")
            #expect(said["headers", "expect"] == nil)
            #expect(said["body"]?.text == "{\"spec\":{}}")
            // A second one goes over the same connection.
            _ = try await client.send(HTTPSClientTests.request(server, "/echo"), limit: 10_000)
            #expect(server.connections == 1)
        }
    }

    @Test func `Whom it trusts and who it is comes from memory`() async throws {
        try await on { client, server in
            var mine = HTTPSClientTests.request(server, "/echo", port: server.strictPort)
            #expect(await HTTPSClientTests.failure(client, mine) != nil)
            mine.identity.certificate = server.text("client.crt")
            mine.identity.key = Secret(server.text("client.key"))
            let answer = try await client.send(mine, limit: 10_000)
            #expect(try JSONValue.decoded(answer.body)["peer"]?.elements.first?.text == "me")

            func isTLS(_ error: TransferError?) -> Bool {
                if case .tls = error { true } else { false }
            }
            var other = HTTPSClientTests.request(server, "/echo")
            other.identity.authorities = server.text("other.crt")
            #expect(isTLS(await HTTPSClientTests.failure(client, other)))
            other.identity.authorities = nil
            #expect(isTLS(await HTTPSClientTests.failure(client, other)))
            let wrong = HTTPSClientTests.request(server, "/echo", port: server.wrongPort)
            #expect(isTLS(await HTTPSClientTests.failure(client, wrong)))
            var named = HTTPSClientTests.request(server, "/echo")
            named.identity.serverName = "api.test"
            let said = try JSONValue.decoded(try await client.send(named, limit: 10_000).body)
            #expect(said["headers", "host"]?.text == "127.0.0.1:\(server.port)")
            named.identity.serverName = "other.test"
            #expect(isTLS(await HTTPSClientTests.failure(client, named)))
            var open = wrong
            open.identity.isUnverified = true
            #expect(try await client.send(open, limit: 10_000).status == 200)
        }
    }

    @Test func `What goes wrong has a name`() async throws {
        try await on { client, server in
            var slow = HTTPSClientTests.request(server, "/slow")
            slow.idleTimeout = .milliseconds(200)
            #expect(await HTTPSClientTests.failure(client, slow) == .timeout(.idle))
            var never = HTTPSClientTests.request(server, "/never")
            never.totalTimeout = .milliseconds(200)
            #expect(await HTTPSClientTests.failure(client, never) == .timeout(.total))
            let cut = await HTTPSClientTests.failure(
                client, HTTPSClientTests.request(server, "/cut"))
            if case .broken = cut {} else { Issue.record("\(cut as Any)") }
            let head = HTTPSClientTests.request(server, "/head")
            #expect(await HTTPSClientTests.failure(client, head) == .tooLarge)
            let big = HTTPSClientTests.request(server, "/big?20")
            #expect(await HTTPSClientTests.failure(client, big, limit: 100_000) == .tooLarge)
            let nobody = HTTPSClient.Request(url: "https://127.0.0.1:1/")
            let refused = await HTTPSClientTests.failure(client, nobody)
            if case .connect = refused {} else { Issue.record("\(refused as Any)") }
            for url in [
                "ftp://a/", "https://", "https://u@h/", "file:///etc/passwd", "", "https://h:0/",
            ] {
                let error = await HTTPSClientTests.failure(client, HTTPSClient.Request(url: url))
                if case .invalidRequest = error {} else { Issue.record("\(url): \(error as Any)") }
            }
            var smuggling = HTTPSClientTests.request(server, "/echo")
            smuggling.headers = [("X", "a\r\nY: b")]
            let smuggled = await HTTPSClientTests.failure(client, smuggling)
            if case .invalidRequest = smuggled {} else { Issue.record("\(smuggled as Any)") }
            let redirect = HTTPSClientTests.request(server, "/redirect")
            let answer = try await client.send(redirect, limit: 1_000)
            #expect(answer.status == 302)
        }
    }

    @Test func `A body streams with back-pressure and in shares of a turn`() async throws {
        try await on { client, server in
            let collector = Collector()
            collector.pausesAt = 1 << 20
            let transfer = client.open(
                HTTPSClientTests.request(server, "/big?160"), collector)
            for _ in 0..<1_000 where collector.count < 1 << 20 {
                await ReactorThread.reactor.pause(.milliseconds(5))
            }
            await ReactorThread.reactor.pause(.milliseconds(200))
            #expect(collector.count < (1 << 20) + 20_000, "it paused")
            collector.pausesAt = .max
            transfer.resume()
            for _ in 0..<2_000 where collector.ended == 0 {
                await ReactorThread.reactor.pause(.milliseconds(5))
            }
            #expect(collector.ended == 1 && collector.failure == nil)
            #expect(collector.count == 160 << 16)
            #expect(collector.sum == UInt64(160 * 256 * 255 * 128))
            #expect(collector.largestPerTurn <= 300 << 10)
        }
    }

    @Test func `Giving up leaves nothing behind`() async throws {
        try await on { client, server in
            let task = Task { @ReactorActor in
                await HTTPSClientTests.failure(client, HTTPSClientTests.request(server, "/never"))
            }
            let collector = Collector()
            let transfer = client.open(HTTPSClientTests.request(server, "/slow"), collector)
            for _ in 0..<1_000 where collector.count < 2 {
                await ReactorThread.reactor.pause(.milliseconds(5))
            }
            transfer.cancel()
            task.cancel()
            #expect(await task.value == .cancelled)
            await ReactorThread.reactor.pause(.milliseconds(20))
            #expect(collector.ended == 0, "who cancels hears nothing more")
            #expect(client.activeCount == 0)
        }
    }

    @Test func `Two hundred requests share a bounded number of connections`() async throws {
        try await on { client, server in
            let tasks = (0..<200).map { number in
                Task { @ReactorActor in
                    var request = HTTPSClient.Request(
                        url: "http://127.0.0.1:\(server.plainPort)/echo?\(number)")
                    request.method = "POST"
                    request.body = Array("\(number)".utf8)
                    let answer = try await client.send(request, limit: 10_000)
                    return try JSONValue.decoded(answer.body)["body"]?.text
                }
            }
            for (number, task) in tasks.enumerated() {
                let said = try await task.value
                #expect(said == "\(number)")
            }
            #expect(server.connections <= HTTPSClient.sendsMost)
        }
    }
}
