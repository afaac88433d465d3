// Time as the core sees it: a monotonic instant, read once a turn, from a clock that tests replace.
// Wall time appears only in output (Date header, startedAt, logs) and is read through the same
// clock.

internal import CEpoll

/// A point of monotonic time, in nanoseconds of an arbitrary origin.
package struct Instant: Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Later than every deadline.
    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `duration` later, held at `distantFuture`.
    package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.inNanoseconds)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    package static func - (left: Instant, right: Instant) -> Duration {
        .nanoseconds(left.nanoseconds &- right.nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds, held at the ends of Int64.
    package var inNanoseconds: Int64 {
        let parts = components
        let (seconds, overflow) = parts.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return parts.seconds < 0 ? .min : .max }
        let (sum, overflow2) = seconds.addingReportingOverflow(parts.attoseconds / 1_000_000_000)
        return overflow2 ? (parts.seconds < 0 ? .min : .max) : sum
    }

    /// Whole milliseconds, rounded down.
    package var inMilliseconds: Int64 { inNanoseconds / 1_000_000 }
}

/// Where instants come from.
package protocol TimeSource: AnyObject, Sendable {
    /// Monotonic time now.
    func now() -> Instant
    /// Nanoseconds since 1970, for output only.
    func wallNanoseconds() -> Int64
}

/// The machine's clocks.
package final class SystemTime: TimeSource {
    package static let shared = SystemTime()
    private init() {}
    package func now() -> Instant { Instant(nanoseconds: cepoll_monotonic()) }
    package func wallNanoseconds() -> Int64 { cepoll_realtime() }
}
