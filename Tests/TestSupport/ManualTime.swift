// A clock that moves only when a test says so. A reactor with it is stepped by `turn`: deadlines
// pass when `advance` has passed them, however long the test takes.

package import NetCore
import Synchronization

/// Monotonic and wall time under the test's control.
package final class ManualTime: TimeSource {
    private let elapsed = Mutex<Int64>(1_000_000_000)
    private let step = Mutex<Int64>(0)
    /// 2026-01-01T00:00:00Z.
    private static let epoch: Int64 = 1_767_225_600_000_000_000

    package init() {}

    package func now() -> Instant {
        let step = step.withLock { $0 }
        return elapsed.withLock {
            $0 += step
            return Instant(nanoseconds: $0)
        }
    }

    /// From now on every look at the clock takes `duration`: what is done between two is slow.
    package func pass(_ duration: Duration) { step.withLock { $0 = duration.inNanoseconds } }

    package func wallNanoseconds() -> Int64 { ManualTime.epoch + elapsed.withLock { $0 } }

    /// Moves both clocks forward.
    package func advance(by duration: Duration) {
        elapsed.withLock { $0 += duration.inNanoseconds }
    }
}
