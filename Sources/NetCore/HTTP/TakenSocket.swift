// A client's socket that has left HTTP: by an upgrade (101), or to become an EventStream. It has
// left epoll too; whoever takes it registers it anew if need be, and closes it. It still counts as
// a connection of its server, for the limit and for the drain.

internal import CEpoll

/// The socket of a client that no longer speaks HTTP, and what it sent behind its request.
@ReactorActor
package final class TakenSocket {
    package typealias Receiver = @ReactorActor (TakenSocket) -> Void

    package let descriptor: Int32
    /// What was read behind the request's head already; nil when nothing was.
    package let rest: ByteChunk?
    package let server: HTTPServer
    private var isClosed = false

    init(_ descriptor: Int32, rest: ByteChunk?, of server: HTTPServer) {
        self.descriptor = descriptor
        self.rest = rest
        self.server = server
    }

    /// Closes the socket; its registration, if it has one again, is gone before.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        Descriptor.close(descriptor)
        server.connectionClosed()
    }
}

/// The handler of a socket that was taken: told when its server shuts down.
@ReactorActor
package protocol DrainedConnection: EventHandler {
    var server: HTTPServer { get }
    /// Comes to an end soon, and closes the socket then.
    func serverDrains()
}
