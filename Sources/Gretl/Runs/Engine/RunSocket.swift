// A WebSocket that watches a run: the wire between RunFeeds and WebSocketConnection. What the
// client says is checked by the connection and then ignored.

import NetCore

/// One client of one run.
@ReactorActor
final class RunSocket: RunListener, WebSocketHandler {
    private let socket: WebSocketConnection
    private var watcher: RunWatcher?

    private init(_ socket: WebSocketConnection) { self.socket = socket }

    /// Feeds a socket; one that asks for a run there is not gets told so and is closed with 4404,
    /// which clients take as final.
    static func feed(
        _ socket: WebSocketConnection, of run: String, from runs: Runs, after seq: Int64,
        wantsProgress: Bool
    ) {
        do throws(APIError) { _ = try runs.get(run) } catch {
            let notice = RunNotice.error(
                error.message, code: error.code.rawValue, hint: error.hint, 0)
            socket.send(
                WebSocketFrames.text(
                    notice.render(run: ClusterFailure.clean(run, most: 64), error: error.message)))
            return socket.close(4_404, error.message)
        }
        let listener = RunSocket(socket)
        socket.handler = listener
        listener.watcher = runs.feeds.watch(
            run, after: seq, wantsProgress: wantsProgress, listener)
    }

    var hasRoom: Bool { socket.hasRoom }
    func append(_ frame: ByteChunk) { socket.append(frame) }
    func flush() { socket.flush() }
    func finish(code: UInt16, reason: String) { socket.close(code, reason) }

    func webSocket(_ socket: WebSocketConnection, received message: [UInt8], isText: Bool) {}
    func webSocketDrained(_ socket: WebSocketConnection) { watcher?.drained() }

    func webSocketClosed(_ socket: WebSocketConnection) {
        watcher?.closed()
        watcher = nil
    }
}
