// Signals as events: SIGCHLD, SIGTERM, SIGINT, SIGHUP arrive on a signalfd. They are handled last
// in a turn, after the descriptors, so that a child's output and messages are seen before its end.
// Must be made before any other thread starts, so that all threads inherit the blocked mask.

internal import CEpoll
import Glibc

/// The blocked signals of the process, delivered in the reactor's turn.
@ReactorActor
package final class SignalSource: EventHandler {
    private let descriptor: Int32
    private let handler: (Int32) -> Void
    private var pending = false

    /// Blocks `signals` and calls `handler` with the number of each that arrives. Signals coalesce:
    /// one SIGCHLD can stand for many children.
    package init(
        _ signals: [Int32], on reactor: Reactor, handler: @escaping (Int32) -> Void
    ) throws(SystemError) {
        self.handler = handler
        let count = Int32(signals.count)
        let blocked = unsafe signals.withUnsafeBufferPointer {
            unsafe cepoll_signal_block($0.baseAddress, count)
        }
        guard blocked == 0 else { throw SystemError("block signals", blocked) }
        descriptor = unsafe signals.withUnsafeBufferPointer {
            unsafe cepoll_signalfd($0.baseAddress, count)
        }
        guard descriptor >= 0 else { throw SystemError("signalfd", descriptor) }
        _ = try reactor.register(descriptor, .readable, self)
        reactor.signals = self
    }

    /// Called by the loop among the other descriptors: only remembered.
    package func ready(_ mask: EventMask) { pending = true }

    /// Called by the loop after the descriptors of the turn.
    func deliverPending() {
        guard pending else { return }
        pending = false
        // Standard signals do not queue: 64 reads are more than all of them.
        for _ in 0..<64 {
            let number = cepoll_signalfd_read(descriptor)
            guard number > 0 else { return }
            handler(number)
        }
    }
}
