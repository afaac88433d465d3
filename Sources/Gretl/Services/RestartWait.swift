// What lies between the end of a program and its next start: a pause, or the wait until nobody
// listens on its port. Owned by the Service; never calls back after `end`.

import NetCore

/// A pause, or a bounded wait for a port.
@ReactorActor
final class RestartWait: TimerHandler {
    private let reactor: Reactor
    private var timer = TimerHandle.none
    private let isTaken: () -> Bool
    private var done: ((_ isFree: Bool) -> Void)?
    private let deadline: Instant

    /// How long somebody may go on holding the port.
    private static let patience = Duration.seconds(2)
    private static let lookEvery = Duration.milliseconds(50)

    /// Calls `done` after `pause`.
    init(_ pause: Duration, on reactor: Reactor, done: @escaping () -> Void) {
        self.reactor = reactor
        self.done = { _ in done() }
        isTaken = { false }
        deadline = .distantFuture
        timer = reactor.timers.schedule(at: reactor.now + pause, self)
    }

    /// Looks at a port that is taken now until it is not, or for 2 s.
    init(
        forPort isTaken: @escaping () -> Bool, on reactor: Reactor,
        done: @escaping (_ isFree: Bool) -> Void
    ) {
        self.reactor = reactor
        self.isTaken = isTaken
        self.done = done
        deadline = reactor.now + RestartWait.patience
        timer = reactor.timers.schedule(at: reactor.now + RestartWait.lookEvery, self)
    }

    func timerFired(_ tag: UInt32) {
        guard let done else { return }
        let isFree = !isTaken()
        guard isFree || reactor.now >= deadline else {
            timer = reactor.timers.schedule(at: reactor.now + RestartWait.lookEvery, self)
            return
        }
        self.done = nil
        done(isFree)
    }

    /// Ends it without a call.
    func end() {
        done = nil
        reactor.timers.cancel(timer)
    }
}
