// Deadlines in a queue of 1,000: schedule one in the middle, cancel another, fire the earliest.

import NetCore

@ReactorActor
let timerQueueBenchmarks = [
    Benchmark(name: "timer-queue", iteration: "2 schedules, a cancel, a firing; 1,000 waiting") {
        TimerQueueBench()
    }
]

private final class TimerQueueBench: Subject, TimerHandler {
    private var timers = TimerQueue()
    private var now = Instant(nanoseconds: 0)
    private var seed: UInt64 = 42
    private var fired: UInt64 = 0

    init() {
        for _ in 0..<1_000 { _ = timers.schedule(at: now + nextDelay(), self) }
    }

    /// 1 ns to 2^20 ns, the same sequence in every run.
    private func nextDelay() -> Duration {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return .nanoseconds(Int64(seed >> 44) + 1)
    }

    func timerFired(_ tag: UInt32) { fired = fold(fired, Int(tag)) }

    func run(_ iterations: Int) -> UInt64 {
        fired = 0
        for index in 0..<iterations {
            _ = timers.schedule(at: now + nextDelay(), self, tag: UInt32(truncatingIfNeeded: index))
            let cancelled = timers.schedule(at: now + nextDelay(), self)
            timers.cancel(cancelled)
            now = timers.nextDeadline ?? now
            if let due = timers.takeDue(now) { due.handler.timerFired(due.tag) }
        }
        precondition(timers.count == 1_000, "one in, one out")
        return fired
    }
}
