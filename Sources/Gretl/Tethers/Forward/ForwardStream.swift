// What a forwarded connection runs over: TLS, or plain TCP where the owner's kubeconfig says http.
// A protocol, so that everything above it is tried without certificates. Used by the files of this
// folder.

package import NetCore

/// A connection to an API server, as bytes.
@ReactorActor
package protocol ForwardStream: AnyObject {
    /// Told when it can be used.
    var owner: (any ForwardStreamOwner)? { get set }
    /// Reads into the memory from `start` on.
    func read(into bytes: inout MutableSpan<UInt8>, from start: Int) -> ForwardRead
    /// Takes as many bytes as it has room for; what it did not take is given again as it was.
    func write(_ bytes: Span<UInt8>) -> ForwardWrite
    /// What the owner waits for.
    func want(read: Bool, write: Bool)
    func close()
}

extension ForwardStream {
    /// The same of an array. What a property of a class holds has no span that outlives the access,
    /// and the optimiser refuses one; as an argument it is held.
    func write(_ bytes: [UInt8]) -> ForwardWrite { write(bytes.span) }
}

/// What a read came to.
package enum ForwardRead: Equatable, Sendable {
    /// So many, at least one.
    case bytes(Int)
    case later
    case ended
    case failed(String)
}

/// What a write came to.
package enum ForwardWrite: Equatable, Sendable {
    case taken(Int)
    case failed(String)
}

/// Who is told that a stream can be used.
@ReactorActor
package protocol ForwardStreamOwner: AnyObject {
    /// Never called from inside a call of the owner's.
    func streamReady()
}

/// A stream without TLS.
@ReactorActor
package final class PlainForwardStream: ForwardStream, StreamSocketOwner {
    package weak var owner: (any ForwardStreamOwner)?
    private var socket: StreamSocket?

    /// Owns a connected socket.
    package init(_ descriptor: Int32, on reactor: Reactor) throws(SystemError) {
        socket = try StreamSocket(descriptor, on: reactor, owner: self)
    }

    package func socketReady(_ socket: StreamSocket, _ mask: EventMask) { owner?.streamReady() }

    package func read(into bytes: inout MutableSpan<UInt8>, from start: Int) -> ForwardRead {
        switch socket?.read(into: &bytes, from: start) ?? .ended {
        case .bytes(let count): .bytes(count)
        case .later: .later
        case .ended: .ended
        case .failed(let error): .failed(SystemError.text(error.code))
        }
    }

    package func write(_ bytes: Span<UInt8>) -> ForwardWrite {
        switch socket?.write(bytes) ?? .taken(0) {
        case .taken(let count): .taken(count)
        case .failed(let error): .failed(SystemError.text(error.code))
        }
    }

    package func want(read: Bool, write: Bool) {
        var mask: EventMask = []
        if read { mask.insert(.readable) }
        if write { mask.insert(.writable) }
        // A socket that cannot be watched is over: the keepalive finds it.
        try? socket?.want(mask)
    }

    package func close() {
        socket?.close()
        socket = nil
    }
}
