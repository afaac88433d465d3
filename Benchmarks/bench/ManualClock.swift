// A clock that moves only when a benchmark says so: an answer's date is rendered as often as the
// benchmark wants, not as often as a slow machine (or callgrind) crosses a second.

import NetCore
import Synchronization

/// Monotonic and wall time under the benchmark's control.
final class ManualClock: TimeSource {
    private let elapsed = Atomic<Int64>(1_000_000_000)
    /// 2026-01-01T00:00:00Z.
    private static let epoch: Int64 = 1_767_225_600_000_000_000

    func now() -> Instant { Instant(nanoseconds: elapsed.load(ordering: .relaxed)) }

    func wallNanoseconds() -> Int64 { ManualClock.epoch + elapsed.load(ordering: .relaxed) }

    /// Moves both clocks forward.
    func advance(by duration: Duration) {
        elapsed.wrappingAdd(duration.inNanoseconds, ordering: .relaxed)
    }
}
