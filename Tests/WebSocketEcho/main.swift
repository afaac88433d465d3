// `websocket-echo`: sends back every message of every WebSocket, for the Autobahn test suite
// (scripts/autobahn). Listens on a free port of loopback, prints "ready PORT" and serves until it
// is killed. The whole of the server side is NetCore's, as in the daemon.

import Glibc
import NetCore

/// Opens a WebSocket for every request.
@ReactorActor
final class Echo: HTTPApplication, WebSocketHandler {
    /// As large as the largest message of the suite, and room for a batch of answers.
    private let options = {
        var options = WebSocketOptions()
        options.messageMost = 32 << 20
        options.queueMost = 64 << 20
        options.keepsMessages = true
        return options
    }()

    func mark(local: SocketAddress, peer: SocketAddress) -> UInt8 { 0 }
    func mark(user: UInt32?) -> UInt8 { 0 }
    func admit(_ exchange: Exchange) -> Bool { true }
    func answer(to refusal: HTTPRefusal) -> Response { Response(status: refusal.status, body: []) }

    func handle(_ exchange: Exchange) {
        do throws(WebSocketRefusal) {
            let key = try exchange.webSocketKey()
            exchange.openWebSocket(key: key, options) { $0.handler = self }
        } catch {
            exchange.reply(Response(status: error.status, body: []))
        }
    }

    func webSocket(_ socket: WebSocketConnection, received message: [UInt8], isText: Bool) {
        socket.append(isText ? WebSocketFrames.text(message) : WebSocketFrames.binary(message))
    }

    func webSocketDrained(_ socket: WebSocketConnection) {}
    func webSocketClosed(_ socket: WebSocketConnection) {}
}

signal(SIGPIPE, SIG_IGN)
ReactorActor.bindToCurrentThread()
do {
    try ReactorActor.assumeIsolated {
        let reactor = try Reactor()
        let echo = Echo()
        let server = HTTPServer(on: reactor, application: echo, commonHeaders: "")
        guard let loopback = SocketAddress("127.0.0.1", port: 0) else { exit(1) }
        let address = try server.listen(loopback)
        let line = "ready \(address.port)\n"
        _ = unsafe write(1, line, line.utf8.count)
        reactor.run()
    }
} catch {
    print("websocket-echo: \(error)")
    exit(1)
}
