// The bounds of runs: what a request may ask for, and what is kept and shown.

/// Bounds of runs.
package enum RunLimits {
    package static let iterationsUsual = 20
    package static let iterationsMost = 1_000
    package static let tokensMost = 1_000_000_000
    package static let dollarsMost = 1_000_000.0
    package static let secondsMost = 30 * 86_400
    /// Runs that wait for their turn.
    static let queuedMost = 256
    /// Runs of one list.
    static let listedMost = 1_000
    static let listedUsual = 200
    /// Events of one answer.
    static let eventsMost = 1_000
    /// Tool calls of one answer that are run; the others are refused.
    static let callsMost = 64
    /// Calls that run side by side.
    static let batchMost = 16
    /// Characters of a text in an event.
    static let textMost = 2_000
    static let argumentMost = 8_000
    /// Bytes of an event's payload; what is longer loses its parts without bound.
    static let payloadBytes = 60_000
    /// Reasons of unmet checks that are kept.
    static let failuresMost = 10
    /// Characters of a reason.
    static let reasonMost = 2_000
    /// Messages of a conversation that a model gets.
    static let messagesMost = 60
    static let modelNameMost = 200
    static let messageMost = 10_000
}
