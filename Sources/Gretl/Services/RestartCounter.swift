// Whether an ended program is started again, and when: the restart policy as a value, without clock
// and without chance (both are passed in). Used by ServiceMachine only.

/// Counts the ends of one service's programs and decides what follows each.
package struct RestartCounter: Hashable, Sendable {
    /// What an end is judged by.
    package struct End: Hashable, Sendable {
        /// Neither wanted nor clean, or unknown.
        package var isFailure: Bool
        /// How long the program had been ready; zero when it never was.
        package var readyFor: Duration
        /// 800 to 1,200: what the pause is multiplied by, in thousandths. Drawn by the caller, so
        /// that many services that fail together do not come back together.
        package var jitter: Int

        package init(isFailure: Bool, readyFor: Duration, jitter: Int) {
            self.isFailure = isFailure
            self.readyFor = readyFor
            self.jitter = jitter
        }
    }

    /// What follows an end.
    package enum Verdict: Hashable, Sendable {
        /// The policy does not ask for another start.
        case stay
        case again(after: Duration)
        case giveUp(failures: Int)
    }

    /// So many fast failures in a row are the last ones.
    package static let failuresMost = 10
    package static let firstDelay = Duration.milliseconds(250)
    package static let longestDelay = Duration.seconds(30)
    /// A failure after this long is no fast one.
    package static let settledAfter = Duration.seconds(30)
    /// A program that ends cleanly after this long did its work; one that does so at once may be in
    /// a loop.
    package static let workedAfter = Duration.seconds(1)

    /// Doublings of the next pause; no more than lead to the longest one.
    package private(set) var tries = 0
    /// Fast failures in a row.
    package private(set) var failures = 0

    private static let triesMost = 7

    package init() {}

    /// Takes an end into account. `shortest` stands for `firstDelay` in tests with real programs.
    package mutating func ended(
        _ end: End, policy: RestartPolicy, isOnDemand: Bool,
        shortest: Duration = RestartCounter.firstDelay
    ) -> Verdict {
        let isWanted =
            switch policy {
            case .never: isOnDemand && !end.isFailure
            case .onFailure: isOnDemand || end.isFailure
            case .always: true
            }
        guard isWanted else { return .stay }
        let isSlow =
            end.readyFor
            >= (end.isFailure ? RestartCounter.settledAfter : RestartCounter.workedAfter)
        if isSlow { self = RestartCounter() }
        failures = end.isFailure && !isSlow ? failures + 1 : 0
        guard failures < RestartCounter.failuresMost else { return .giveUp(failures: failures) }
        let pause = min(RestartCounter.longestDelay, shortest * (1 << tries))
        tries = min(tries + 1, RestartCounter.triesMost)
        return .again(after: pause * min(1_200, max(800, end.jitter)) / 1_000)
    }
}
