// A connected socket whose owner reads and writes it a piece at a time, through memory of its own.
// For bytes that have to be looked at on their way, which splice(2) cannot do. Never calls its
// owner from inside a call of the owner's.

internal import CEpoll

/// Who is told that a stream socket can be used.
@ReactorActor
package protocol StreamSocketOwner: AnyObject {
    func socketReady(_ socket: StreamSocket, _ mask: EventMask)
}

/// A connected, non-blocking socket.
@ReactorActor
package final class StreamSocket: EventHandler {
    /// What a read came to.
    package enum Read: Equatable, Sendable {
        /// So many bytes, at least one.
        case bytes(Int)
        /// Nothing now.
        case later
        /// The peer has ended its half.
        case ended
        case failed(SystemError)
    }

    /// What a write came to.
    package enum Write: Equatable, Sendable {
        /// So many were taken; fewer than given: the socket is full.
        case taken(Int)
        case failed(SystemError)
    }

    private let reactor: Reactor
    package private(set) var descriptor: Int32
    private var registration = Registration.none
    private weak var owner: (any StreamSocketOwner)?

    /// Owns `descriptor`, and resets it when it throws. Nothing is wanted at first.
    package init(
        _ descriptor: Int32, on reactor: Reactor, owner: any StreamSocketOwner
    ) throws(SystemError) {
        self.reactor = reactor
        self.descriptor = descriptor
        self.owner = owner
        do throws(SystemError) {
            registration = try reactor.register(descriptor, [], self)
        } catch {
            reset()
            throw error
        }
    }

    package func hand(to owner: any StreamSocketOwner) { self.owner = owner }

    package var isClosed: Bool { descriptor < 0 }

    package func ready(_ mask: EventMask) { owner?.socketReady(self, mask) }

    package func want(_ mask: EventMask) throws(SystemError) {
        guard !isClosed else { return }
        try reactor.change(registration, mask)
    }

    /// Leaves epoll, which would go on saying that both halves are over.
    package func ignore() {
        reactor.deregister(registration)
        registration = .none
    }

    /// Reads at most as much as fits behind `start`.
    package func read(into bytes: inout MutableSpan<UInt8>, from start: Int) -> Read {
        guard !isClosed, start < bytes.count else { return .later }
        let room = bytes.count - start
        let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            // In bounds by the check above.
            unsafe cepoll_read(descriptor, buffer.baseAddress! + start, room)
        }
        if count > 0 { return .bytes(count) }
        if count == 0 { return .ended }
        let error = SystemError("read", count)
        return error.kind == .wouldBlock ? .later : .failed(error)
    }

    package func write(_ bytes: Span<UInt8>) -> Write {
        guard !isClosed, !bytes.isEmpty else { return .taken(0) }
        let count = unsafe bytes.withUnsafeBufferPointer {
            unsafe cepoll_send(descriptor, $0.baseAddress, $0.count)
        }
        if count >= 0 { return .taken(count) }
        let error = SystemError("write", count)
        return error.kind == .wouldBlock ? .taken(0) : .failed(error)
    }

    /// The same of an array, which may be what a property of a class holds.
    package func write(_ bytes: [UInt8]) -> Write { write(bytes.span) }

    /// Drops what has arrived, at most so much: the count, 0 for nothing, -1 at the end.
    package func drop(_ most: Int) -> Int {
        guard !isClosed else { return -1 }
        let count = cepoll_drop(descriptor, most)
        if count > 0 { return count }
        return count < 0 && SystemError("read", count).kind == .wouldBlock ? 0 : -1
    }

    /// Ends our half: the peer has had everything.
    package func endWriting() {
        // Fails only when the peer is gone, which the next read says.
        if !isClosed { _ = cepoll_shutdown(descriptor, 0) }
    }

    /// The error the kernel keeps for it, if any.
    package func pendingError() -> SystemError? {
        let code = isClosed ? 0 : cepoll_socket_error(descriptor)
        return code == 0 ? nil : SystemError("socket", code)
    }

    package func close() {
        let closing = descriptor
        ignore()
        descriptor = -1
        Descriptor.close(closing)
    }

    /// Closes it so that its peer sees a reset.
    package func reset() {
        let closing = descriptor
        ignore()
        descriptor = -1
        Descriptor.reset(closing)
    }
}
