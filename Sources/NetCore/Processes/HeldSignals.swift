// Signals that a client command takes in its own time, while it waits for other things by poll(2):
// gr attach must set the terminal back before it ends. For a process without a reactor, and before
// it begins other threads, which hold them back too; the daemon has SignalSource.

internal import CEpoll
import Glibc

/// Signals held back, readable as a descriptor.
package final class HeldSignals {
    /// Those that end a process that does not say otherwise.
    package static let ending = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
    /// Nobody reads the output any more.
    package static let brokenPipe = SIGPIPE
    /// The terminal got another size.
    package static let resize = SIGWINCH
    /// The process goes on behind a stop.
    package static let resume = SIGCONT

    /// For poll(2); -1 when there is none, and the signals do what they always do.
    package let descriptor: Int32
    private let signals: [Int32]

    package init(_ signals: [Int32]) {
        self.signals = signals
        // The kernel reads the array; a count of a few.
        descriptor = unsafe cepoll_signalfd(signals, Int32(clamping: signals.count))
        if descriptor >= 0 {
            _ = unsafe cepoll_signal_block(signals, Int32(clamping: signals.count))
        }
    }

    deinit { Descriptor.close(descriptor) }

    /// From here on they do in this thread what they always do, one that waits at once.
    package func release() {
        guard descriptor >= 0 else { return }
        var set = sigset_t()
        // The set is a value of this call.
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// The next one; nil when there is none.
    package func next() -> Int32? {
        let number = cepoll_signalfd_read(descriptor)
        return number > 0 ? number : nil
    }
}
