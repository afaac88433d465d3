// Counters of the loop: read by GET /v1/daemon/stats, by perf/ and by tests. Plain integers that
// the reactor and the streams add to; nothing here allocates or decides.

/// What a reactor has done since it was made.
package struct LoopStatistics: Sendable {
    package var turns: UInt64 = 0
    package var events: UInt64 = 0
    package var staleEvents: UInt64 = 0
    package var waits: UInt64 = 0
    package var reads: UInt64 = 0
    package var writes: UInt64 = 0
    package var interestChanges: UInt64 = 0
    package var accepted: UInt64 = 0
    package var shedConnections: UInt64 = 0
    package var requests: UInt64 = 0
    package var timersFired: UInt64 = 0
    package var jobs: UInt64 = 0
    /// Longest time between two waits.
    package var longestTurn: Duration = .zero
    /// Most CPU time one turn took, without what other processes took from it; measured on request.
    package var busiestTurn: Duration = .zero

    package init() {}
}
