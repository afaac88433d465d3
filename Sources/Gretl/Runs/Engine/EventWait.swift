// A client that asked for the next event of a run and has nothing to get yet.

import NetCore

/// Waits until it is told, or for a time.
@ReactorActor
final class EventWait: TimerHandler {
    private let reactor: Reactor
    private let most: Duration
    private var timer = TimerHandle.none
    private var continuation: CheckedContinuation<Void, Never>?
    private var isOver = false

    init(on reactor: Reactor, most: Duration) {
        self.reactor = reactor
        self.most = most
    }

    func run() async {
        guard !isOver else { return }
        timer = reactor.timers.schedule(at: reactor.now + most, self)
        await withCheckedContinuation { continuation = $0 }
        reactor.timers.cancel(timer)
    }

    func end() {
        isOver = true
        continuation?.resume()
        continuation = nil
    }

    func timerFired(_ tag: UInt32) { end() }
}
