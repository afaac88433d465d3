// The opening of a port-forward on a connected stream: one request, and an answer that must be the
// 101 that was asked for. Bounded in bytes and in time. What a server says instead is told in its
// own words. Used by PortForwarder, once for each connection.

import HTTPParser
package import NetCore

/// One opening.
@ReactorActor
package final class ForwardHandshake {
    /// What came of it.
    package enum Outcome: Equatable, Sendable {
        /// Bytes that came behind the answer.
        case open([UInt8])
        /// The credentials are not accepted.
        case unauthorized(String)
        case failed(String)
    }

    private let stream: any ForwardStream
    private let reactor: Reactor
    private let key: String
    private var unsent: [UInt8]
    private var received: [UInt8] = []
    private var scan = HeadScan()
    private var finished: (@ReactorActor (Outcome) -> Void)?
    private var timer = TimerHandle.none
    private var isScheduled = false
    /// A refusal whose body still comes: its status.
    private var refusal: (status: Int, bodyStart: Int, length: Int)?

    nonisolated static let protocolName = "v4.channel.k8s.io"
    private static let refusalMost = 16 * 1_024
    private static let patience = Duration.seconds(30)

    /// Begins at once. `finished` is called exactly once, never from inside this initialiser; the
    /// stream stays the caller's.
    package init(
        _ request: Request, over stream: any ForwardStream, on reactor: Reactor,
        finished: @escaping @ReactorActor (Outcome) -> Void
    ) {
        self.stream = stream
        self.reactor = reactor
        self.finished = finished
        key = WebSocketKey.make()
        unsent = request.bytes(key: key)
        timer = reactor.timers.schedule(at: reactor.now + ForwardHandshake.patience, self)
        stream.owner = self
        schedule()
    }

    /// What is asked for.
    package struct Request: Sendable {
        package var server: ForwardServer
        package var namespace: String
        package var pod: String
        package var port: UInt16
        package var authorization: Secret?

        func bytes(key: String) -> [UInt8] {
            let place = ClusterPath.core("pods", namespace: namespace)
            let target = "\(server.path)\(place)/\(ClusterPath.escape(pod))/portforward"
            var text = "GET \(target)?ports=\(port) HTTP/1.1\r\nHost: \(server.authority)\r\n"
            text += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            text += "Sec-WebSocket-Key: \(key)\r\n"
            text += "Sec-WebSocket-Protocol: \(ForwardHandshake.protocolName)\r\n"
            text += "User-Agent: gretl/\(Version.text)\r\n"
            if let authorization { text += "Authorization: \(authorization.reveal())\r\n" }
            return Array("\(text)\r\n".utf8)
        }
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        reactor.runNextTurn(self)
    }

    // MARK: Moving

    private func move() {
        if !unsent.isEmpty {
            switch stream.write(unsent) {
            case .failed(let text): return finish(.failed(text))
            case .taken(let count): unsent.removeFirst(count)
            }
        }
        var hasMore = true
        while hasMore, finished != nil { hasMore = read() }
        if finished != nil { stream.want(read: true, write: !unsent.isEmpty) }
    }

    /// Whether there may be more.
    private func read() -> Bool {
        var piece = [UInt8](repeating: 0, count: 4_096)
        var span = piece.mutableSpan
        switch stream.read(into: &span, from: 0) {
        case .later: return false
        case .ended:
            finish(.failed(refused("the API server closed the connection")))
            return false
        case .failed(let text):
            finish(.failed(text))
            return false
        case .bytes(let count):
            received += piece.prefix(count)
            look()
            return finished != nil
        }
    }

    private func look() {
        if let refusal {
            let count = received.count - refusal.bodyStart
            guard count >= refusal.length || count >= ForwardHandshake.refusalMost else { return }
            return conclude(refusal.status)
        }
        var head = ResponseHead()
        let bytes = received
        switch head.parse(bytes.span, scan: &scan, limits: HeadLimits()) {
        case .incomplete: return
        case .invalid(let failure):
            finish(.failed("the API server's answer is no HTTP: \(failure.explanation)"))
        case .complete(let length):
            let status = head.status
            guard status == 101 else {
                var bodyLength = ForwardHandshake.refusalMost
                if case .length(let declared) = head.framing(answering: .get) {
                    bodyLength = declared
                }
                refusal = (status, length, bodyLength)
                return look()
            }
            if let problem = check(head) { return finish(.failed(problem)) }
            finish(.open(Array(received[length...])))
        }
    }

    /// What is wrong with a 101.
    private func check(_ head: borrowing ResponseHead) -> String? {
        var values: [String: String] = [:]
        for index in 0..<head.fieldCount {
            let (name, value) = head.field(index)
            values[text(name).lowercased()] = text(value)
        }
        guard values["upgrade"]?.lowercased() == "websocket" else {
            return "the API server changed to another protocol than WebSocket"
        }
        guard values["sec-websocket-accept"] == WebSocketKey.accept(key) else {
            return "the API server's answer is not to our key: something between us answers"
        }
        guard values["sec-websocket-protocol"] == ForwardHandshake.protocolName else {
            return "the API server does not speak \(ForwardHandshake.protocolName)"
        }
        return values["sec-websocket-extensions"] == nil
            ? nil : "the API server uses an extension that nobody asked for"
    }

    private func text(_ range: ByteRange) -> String {
        String(decoding: received[range.lower..<range.end], as: UTF8.self)
    }

    // MARK: Refusals

    private func conclude(_ status: Int) {
        let text = refused("status \(status)")
        finish(status == 401 ? .unauthorized(text) : .failed(text))
    }

    /// What the server said instead, in its words if it has any.
    private func refused(_ otherwise: String) -> String {
        guard let refusal else { return otherwise }
        let answer = ClusterAnswer(
            status: refusal.status, body: Array(received[refusal.bodyStart...]))
        return KubernetesClient.failure(answer).text
    }

    private func finish(_ outcome: Outcome) {
        let told = finished
        finished = nil
        reactor.timers.cancel(timer)
        stream.owner = nil
        told?(outcome)
    }
}

extension ForwardHandshake: ForwardStreamOwner {
    package func streamReady() { schedule() }
}

extension ForwardHandshake: DeferredHandler {
    package func runDeferred() {
        isScheduled = false
        if finished != nil { move() }
    }
}

extension ForwardHandshake: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        finish(.failed("the API server did not answer within 30 s"))
    }
}
