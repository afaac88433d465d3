// The client's one HTTP request: answers cut anywhere, deadlines, and requests that are not sent.

import NetCore
import Testing

struct CommandLineBlockingCallTests {
    private static let answers = [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3;n=\"v\"\r\n{\"a\r\n04\r\n\":1}\r\n0\r\nX: y\r\n\r\n",
    ]

    @Test(arguments: answers)
    func `an answer may be cut anywhere`(text: String) throws {
        let bytes = Array(text.utf8)
        for cut in 1..<bytes.count {
            var reader = BlockingCall.AnswerReader(isHead: false)
            let first = try reader.take(bytes[..<cut])
            #expect(first == nil)
            let answer = try reader.take(bytes[cut...])
            #expect(answer == .init(status: 201, body: Array("{\"a\":1}".utf8)), "cut at \(cut)")
        }
        var reader = BlockingCall.AnswerReader(isHead: false)
        var answer: BlockingCall.Answer?
        for at in bytes.indices {
            #expect(answer == nil)
            answer = try reader.take(bytes[at...at])
        }
        #expect(answer?.body.count == 7)
    }

    @Test(arguments: answers)
    func `an answer that ends early is none, wherever it ends`(text: String) throws {
        let bytes = Array(text.utf8)
        for end in 0..<bytes.count {
            var reader = BlockingCall.AnswerReader(isHead: false)
            _ = end == 0 ? nil : try reader.take(bytes[..<end])
            #expect(throws: BlockingCall.Failure.closedEarly) { try reader.take([]) }
        }
    }

    @Test func `an answer to HEAD has no body`() throws {
        var reader = BlockingCall.AnswerReader(isHead: true)
        let answer = try reader.take(
            Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".utf8)[...])
        #expect(answer == .init(status: 200, body: []))
    }

    @Test func `interim answers come to an end`() {
        var reader = BlockingCall.AnswerReader(isHead: false)
        let flood = String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 100)
        #expect(throws: BlockingCall.Failure.self) { try reader.take(Array(flood.utf8)[...]) }
    }

    @Test func `a body beyond the bound is refused by its length alone`() {
        for head in ["Content-Length: 67108865", "Transfer-Encoding: chunked"] {
            var reader = BlockingCall.AnswerReader(isHead: false)
            let text = "HTTP/1.1 200 OK\r\n\(head)\r\n\r\n4000001\r\n"
            #expect(throws: BlockingCall.Failure.tooLarge) {
                try reader.take(Array(text.utf8)[...])
            }
        }
    }

    @Test func `a peer that says nothing costs the deadline`() {
        let server = CannedServer(["GET /": "wait"])
        defer { server.stop() }
        var call = BlockingCall(host: "localhost", port: server.port, method: "GET", target: "/")
        call.answerTimeout = .milliseconds(50)
        let clock = ContinuousClock()
        let start = clock.now
        #expect(throws: BlockingCall.Failure.timedOut) { try call.perform() }
        let took = clock.now - start
        #expect(took >= .milliseconds(50) && took < .seconds(5))
    }

    @Test func `what would break the head is not sent`() {
        let server = CannedServer()
        defer { server.stop() }
        for target in ["/a b", "/\r\nX: y", "", "/\u{7F}", "/é"] {
            let call = BlockingCall(
                host: "127.0.0.1", port: server.port, method: "GET", target: target)
            #expect(throws: BlockingCall.Failure.unsendable) { try call.perform() }
        }
        var call = BlockingCall(host: "127.0.0.1", port: server.port, method: "GET", target: "/")
        call.headers = [(name: "A", value: "b\nc")]
        #expect(throws: BlockingCall.Failure.unsendable) { try call.perform() }
        let named = BlockingCall(host: "example.test", port: 1, method: "GET", target: "/")
        #expect(throws: BlockingCall.Failure.notNumeric) { try named.perform() }
        #expect(server.requests.isEmpty)
    }

    @Test func `a large body goes out and an answer comes back`() throws {
        let server = CannedServer(["POST /": "200 ok"])
        defer { server.stop() }
        var call = BlockingCall(host: "127.0.0.1", port: server.port, method: "POST", target: "/")
        call.body = [UInt8](repeating: 0x78, count: 1 << 20)
        let answer = try call.perform()
        #expect(answer.body == Array("ok".utf8))
        #expect(server.requests.first?.body.utf8.count == 1 << 20)
    }
}
