// The application behind the server of the HTTP tests: a fixed answer, an echo, a late one, a large
// one, one that never comes, and a refusal before the body.

import HTTPParser

@testable import NetCore

@ReactorActor
final class TestApplication: HTTPApplication {
    enum Route: Int { case fixed, named, echo, later, large, never, drain, stream, upgrade, socket }

    private let router = Router([
        (.get, "/fixed", Route.fixed.rawValue),
        (.get, "/fixed/{name}", Route.fixed.rawValue),
        (.get, "/named/{name}", Route.named.rawValue),
        (.post, "/echo", Route.echo.rawValue),
        (.put, "/echo", Route.echo.rawValue),
        (.get, "/later/{name}", Route.later.rawValue),
        (.post, "/later", Route.later.rawValue),
        (.get, "/large", Route.large.rawValue),
        (.get, "/never", Route.never.rawValue),
        (.post, "/drain", Route.drain.rawValue),
        (.get, "/stream", Route.stream.rawValue),
        (.get, "/upgrade", Route.upgrade.rawValue),
        (.get, "/socket", Route.socket.rawValue),
    ])
    /// Exchanges put off by /later, oldest first.
    private(set) var laters: [(later: Later, path: String)] = []
    private var nevers: [Later] = []
    /// What /stream and /upgrade opened, oldest first.
    private(set) var streams: [StreamLog] = []
    private(set) var taken: [TakenSocket] = []
    private(set) var sockets: [SocketLog] = []
    /// Of the WebSockets that /socket opens.
    var socketOptions = WebSocketOptions()
    /// Paths in the order their handlers ran.
    private(set) var handled: [String] = []
    /// Called for /drain, before its answer.
    var onDrain: () -> Void = {}
    static let large = [UInt8](repeating: 0x78, count: 1 << 20)

    func mark(local: SocketAddress, peer: SocketAddress) -> UInt8 { 0 }
    func mark(user: UInt32?) -> UInt8 { 0 }

    func admit(_ exchange: Exchange) -> Bool {
        let outcome = exchange.withHead {
            router.match(
                exchange.method, $0, path: exchange.target.path, parameters: &exchange.parameters)
        }
        switch outcome {
        case .found(let route):
            exchange.route = route
            return true
        case .methodNotAllowed: exchange.reply(answer(405, "wrong method"))
        case .notFound: exchange.reply(answer(404, "no such route"))
        }
        return false
    }

    func handle(_ exchange: Exchange) {
        let path = exchange.text(exchange.target.path)
        handled.append(path)
        switch Route(rawValue: exchange.route) {
        case .fixed, .named: exchange.reply(answer(200, path))
        case .echo:
            exchange.reply(Response(status: 200, contentType: "text/plain", body: exchange.body))
        case .later: laters.append((exchange.later(), path))
        case .large:
            exchange.reply(Response(status: 200, contentType: "text/plain", body: Self.large))
        case .never: nevers.append(exchange.later())
        case .drain:
            onDrain()
            exchange.reply(answer(202, "draining"))
        case .stream:
            let head = Response(
                status: 200, contentType: "text/event-stream", headers: [("X-Test", "1")], body: [])
            exchange.openStream(head) { self.streams.append(StreamLog($0)) }
        case .upgrade:
            exchange.upgrade([("Upgrade", "test"), ("Connection", "Upgrade")]) {
                self.taken.append($0)
            }
        case .socket:
            do throws(WebSocketRefusal) {
                let key = try exchange.webSocketKey()
                exchange.openWebSocket(key: key, socketOptions) {
                    self.sockets.append(SocketLog($0))
                }
            } catch { exchange.reply(answer(error.status, error.message)) }
        case nil: exchange.reply(answer(500, "no route"))
        }
    }

    func dependsOnParameterAlone(_ route: Int) -> Bool { route == Route.named.rawValue }

    func answer(toRoute route: Int, parameter: Span<UInt8>) -> PreparedAnswer? {
        var name: [UInt8] = []
        for index in parameter.indices { name.append(parameter[index]) }
        guard name.allSatisfy({ ASCII.isDigit($0) || (0x61...0x7A).contains($0) }) else {
            return nil
        }
        let path = "/named/" + String(decoding: name, as: UTF8.self)
        return PreparedAnswer(answer(200, path), common: Array("Server: test\r\n".utf8))
    }

    func answer(to refusal: HTTPRefusal) -> Response { answer(refusal.status, refusal.explanation) }

    private func answer(_ status: Int, _ text: String) -> Response {
        Response(status: status, contentType: "text/plain", body: Array(text.utf8))
    }

    /// Gives the oldest exchange put off its answer: its path, or `body`.
    func answerLater(_ body: [UInt8]? = nil) {
        guard !laters.isEmpty else { return }
        let (later, path) = laters.removeFirst()
        later.reply(
            Response(status: 200, contentType: "text/plain", body: body ?? Array(path.utf8)))
    }

    /// At the end of a test: answers what was never to be answered.
    func dropLaters() {
        for later in nevers { later.reply(answer(503, "over")) }
        nevers = []
        while !laters.isEmpty { answerLater() }
    }
}

/// Owns a stream and notes what it is told.
@ReactorActor
final class StreamLog: EventStreamOwner {
    let stream: EventStream
    private(set) var drains = 0
    private(set) var closes = 0
    var onDrained: (EventStream) -> Void = { _ in }

    init(_ stream: EventStream) {
        self.stream = stream
        stream.owner = self
    }

    func streamDrained(_ stream: EventStream) {
        drains += 1
        onDrained(stream)
    }

    func streamClosed(_ stream: EventStream) { closes += 1 }
}

/// Uses a WebSocket and notes what it is told.
@ReactorActor
final class SocketLog: WebSocketHandler {
    let socket: WebSocketConnection
    private(set) var messages: [String] = []
    private(set) var drains = 0
    private(set) var closes = 0

    init(_ socket: WebSocketConnection) {
        self.socket = socket
        socket.handler = self
    }

    func webSocket(_ socket: WebSocketConnection, received message: [UInt8], isText: Bool) {
        let text = String(decoding: message, as: UTF8.self)
        messages.append((isText ? "text " : "binary ") + text)
    }

    func webSocketDrained(_ socket: WebSocketConnection) { drains += 1 }
    func webSocketClosed(_ socket: WebSocketConnection) { closes += 1 }
}
