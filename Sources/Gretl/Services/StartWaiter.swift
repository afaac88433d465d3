// Somebody who waits for a start. Owned by the Service until it is answered; never resumed twice.

import NetCore

/// Somebody who waits for a start, for a limited time.
@ReactorActor
final class StartWaiter: TimerHandler {
    /// What the wait ended with.
    enum Outcome: Sendable {
        case answered(ServiceMachine.StartAnswer)
        case timedOut
        /// Not ready in time, and stopped because the client wanted that.
        case stoppedLate
        /// The daemon ends; the program goes on.
        case daemonEnds
    }

    private let reactor: Reactor
    private var continuation: CheckedContinuation<Outcome, Never>?
    private var timer = TimerHandle.none

    init(
        _ continuation: CheckedContinuation<Outcome, Never>, timeout: Duration,
        on reactor: Reactor
    ) {
        self.continuation = continuation
        self.reactor = reactor
        timer = reactor.timers.schedule(at: reactor.now + timeout, self)
    }

    /// Only the spawn is waited for.
    var endsAtSpawn = false
    var isOver: Bool { continuation == nil }

    func finish(_ outcome: Outcome) {
        reactor.timers.cancel(timer)
        continuation?.resume(returning: outcome)
        continuation = nil
    }

    func timerFired(_ tag: UInt32) { finish(.timedOut) }
}
