// A wait between two attempts that the word to stop ends at once.

import NetCore

/// One wait.
@ReactorActor
final class CancellableWait: TimerHandler {
    private var continuation: CheckedContinuation<Bool, Never>?

    /// False when it was ended early.
    static func run(
        _ duration: Duration, on reactor: Reactor, until cancellation: Cancellation
    ) async -> Bool {
        let wait = CancellableWait()
        var token: Cancellation.Token?
        var timer = TimerHandle.none
        let result = await withCheckedContinuation { continuation in
            wait.continuation = continuation
            timer = reactor.timers.schedule(at: reactor.now + duration, wait)
            token = cancellation.onCancel { wait.end(false) }
        }
        reactor.timers.cancel(timer)
        if let token { cancellation.remove(token) }
        return result
    }

    func timerFired(_ tag: UInt32) { end(true) }

    private func end(_ result: Bool) {
        continuation?.resume(returning: result)
        continuation = nil
    }
}
