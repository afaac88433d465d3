// Waiting in an async function: for what has to be looked at again and again because nothing
// tells of it. A timer of the reactor and a continuation; no thread waits.

/// Ends one pause.
@ReactorActor
private final class Pause: TimerHandler {
    private var continuation: CheckedContinuation<Void, Never>?

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }

    func timerFired(_ tag: UInt32) {
        continuation?.resume()
        continuation = nil
    }
}

extension Reactor {
    /// Returns after `duration`.
    package func pause(_ duration: Duration) async {
        await withCheckedContinuation { continuation in
            _ = timers.schedule(at: now + duration, Pause(continuation))
        }
    }
}
