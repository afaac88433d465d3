// A listening socket: accepts a bounded number of connections a turn and survives the descriptor
// limit. Level-triggered, so connections left over are reported again in the next turn.

internal import CEpoll
import Glibc

/// A bound, listening TCP or Unix socket.
@ReactorActor
package final class Listener: EventHandler, TimerHandler {
    /// Gets each accepted socket and owns it from then on.
    package typealias Acceptor = (_ descriptor: Int32, _ peer: SocketAddress) -> Void

    private let reactor: Reactor
    private let acceptor: Acceptor
    private var descriptor: Int32
    private var registration = Registration.none
    /// Closed to get one descriptor at the limit: the waiting connection is accepted with it and
    /// dropped at once. Without it a level-triggered loop would spin on a full backlog.
    private var spare: Int32
    private var pauseEnd = TimerHandle.none
    /// The address with the port the kernel chose.
    package let address: SocketAddress

    /// Binds and listens. Throws EADDRINUSE, EACCES, EADDRNOTAVAIL.
    package init(
        _ wanted: SocketAddress, on reactor: Reactor, acceptor: @escaping Acceptor
    ) throws(SystemError) {
        let made = unsafe wanted.withRaw { unsafe cepoll_listen($0, Int32(Limits.listenBacklog)) }
        guard made >= 0 else { throw SystemError("listen", made) }
        // Accepted sockets inherit it, which saves a call for each. Fails on Unix sockets: no need.
        _ = cepoll_set_nodelay(made)
        var raw = cepoll_address()
        guard unsafe cepoll_local_address(made, &raw) == 0 else {
            _ = cepoll_close(made)
            throw SystemError("getsockname", -EINVAL)
        }
        address = SocketAddress(raw: raw)
        descriptor = made
        spare = cepoll_eventfd()
        self.reactor = reactor
        self.acceptor = acceptor
        do throws(SystemError) {
            registration = try reactor.register(made, .readable, self)
        } catch {
            close()
            throw error
        }
    }

    package func ready(_ mask: EventMask) {
        for _ in 0..<Limits.acceptsPerTurn {
            guard descriptor >= 0 else { return }
            var raw = cepoll_address()
            let accepted = unsafe cepoll_accept(descriptor, &raw)
            if accepted >= 0 {
                reactor.statistics.accepted &+= 1
                acceptor(accepted, SocketAddress(raw: raw))
                continue
            }
            switch SystemError("accept", accepted).kind {
            case .outOfDescriptors:
                shed()
                guard spare >= 0 else { return }
            case .peerGone: continue
            // Would-block ends the batch; anything else is reported again in the next turn.
            case .wouldBlock, .other: return
            }
        }
    }

    /// Drops one waiting connection with the help of the spare descriptor.
    private func shed() {
        reactor.statistics.shedConnections &+= 1
        if spare >= 0 { _ = cepoll_close(spare) }
        var raw = cepoll_address()
        let accepted = unsafe cepoll_accept(descriptor, &raw)
        if accepted >= 0 { _ = cepoll_close(accepted) }
        spare = cepoll_eventfd()
        if spare < 0 { pause() }
    }

    /// Without a spare the waiting connections cannot even be dropped, and would be reported again
    /// and again: look away for a while.
    private func pause() {
        try? reactor.change(registration, [])
        pauseEnd = reactor.timers.schedule(at: reactor.now + Listener.pauseLength, self)
    }

    private static let pauseLength = Duration.milliseconds(100)

    package func timerFired(_ tag: UInt32) {
        guard descriptor >= 0 else { return }
        spare = cepoll_eventfd()
        guard spare >= 0 else { return pause() }
        try? reactor.change(registration, .readable)
    }

    /// Stops listening and frees the port. Waiting connections are reset by the kernel.
    package func close() {
        guard descriptor >= 0 else { return }
        reactor.deregister(registration)
        reactor.timers.cancel(pauseEnd)
        _ = cepoll_close(descriptor)
        if spare >= 0 { _ = cepoll_close(spare) }
        descriptor = -1
        spare = -1
    }
}
