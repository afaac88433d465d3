// One outbound connection: started without waiting, finished by the loop, bounded by a deadline.
// For ready checks and for the tether proxy. Takes addresses only: names are never looked up on the
// reactor.

internal import CEpoll
import Glibc

/// A single attempt to connect.
@ReactorActor
package final class Connector: EventHandler, TimerHandler, DeferredHandler {
    /// What became of it.
    package enum Outcome: Equatable, Sendable {
        /// A connected, non-blocking socket that sends without delay; whoever is told owns it.
        case connected(Int32)
        /// ETIMEDOUT when the deadline came first.
        case failed(SystemError)
    }

    private let reactor: Reactor
    /// Empty once it was called, or never will be.
    private var finished: ((Outcome) -> Void)?
    private var descriptor: Int32 = -1
    private var registration = Registration.none
    private var timer = TimerHandle.none
    private var soon: SystemError?

    /// Starts at once. `finished` is called exactly once unless `cancel` comes first, never from
    /// inside this initialiser.
    package init(
        to address: SocketAddress, timeout: Duration, on reactor: Reactor,
        finished: @escaping (Outcome) -> Void
    ) {
        self.reactor = reactor
        self.finished = finished
        let result = unsafe address.withRaw {
            unsafe cepoll_connect($0, Int32(SOCK_STREAM.rawValue), &descriptor)
        }
        guard descriptor >= 0, result == 0 || result == -EINPROGRESS else {
            failSoon(SystemError("connect", result))
            return
        }
        do throws(SystemError) {
            registration = try reactor.register(descriptor, .writable, self)
            timer = reactor.timers.schedule(at: reactor.now + timeout, self)
        } catch { failSoon(error) }
    }

    private func failSoon(_ error: SystemError) {
        soon = error
        reactor.runNextTurn(self)
    }

    package func ready(_ mask: EventMask) {
        let code = cepoll_socket_error(descriptor)
        guard code == 0 else { return finish(.failed(SystemError("connect", code))) }
        // Fails on a Unix socket, which needs none.
        _ = cepoll_set_nodelay(descriptor)
        let connected = descriptor
        leave()
        descriptor = -1
        finish(.connected(connected))
    }

    package func timerFired(_ tag: UInt32) {
        finish(.failed(SystemError("connect", -ETIMEDOUT)))
    }

    package func runDeferred() {
        if let soon { finish(.failed(soon)) }
    }

    private func finish(_ outcome: Outcome) {
        let told = finished
        cancel()
        told?(outcome)
    }

    /// Ends without a result; nothing to do when there was one.
    package func cancel() {
        finished = nil
        leave()
        Descriptor.close(descriptor)
        descriptor = -1
    }

    private func leave() {
        reactor.timers.cancel(timer)
        reactor.deregister(registration)
        registration = .none
    }
}
