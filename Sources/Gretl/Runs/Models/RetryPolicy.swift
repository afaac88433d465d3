// When an attempt is repeated, and after which wait. Pure: time and chance are given to it.

import NetCore

/// The rules of repeating a request to a model.
package struct RetryPolicy: Sendable {
    package var attemptsMost = 4
    /// No attempt begins later than this after the first.
    package var total = Duration.seconds(300)
    /// The first wait; each further one is twice as long.
    package var firstWait = Duration.seconds(1)
    /// Waits are up to so much shorter or longer, so that many clients do not come at once.
    package static let spread = 0.25

    package init() {}

    enum Decision: Equatable {
        case wait(Duration)
        /// With what people should know beside the failure.
        case giveUp(String?)
    }

    /// What follows on the failure of attempt `attempt` (1 is the first), `elapsed` after the
    /// first began; `chance` is a number of 0..<1.
    func after(
        _ failure: AttemptFailure, attempt: Int, elapsed: Duration, chance: Double
    ) -> Decision {
        guard failure.mayPass else { return .giveUp(nil) }
        guard attempt < attemptsMost else { return .giveUp("given up after \(attempt) attempts") }
        let factor = 1 + (chance * 2 - 1) * RetryPolicy.spread
        let usual = Double(firstWait.inMilliseconds << (attempt - 1)) * factor
        let asked = failure.retryAfter ?? .zero
        let wait = max(asked, .milliseconds(Int(usual.rounded(.up))))
        guard elapsed + wait <= total else {
            return .giveUp(
                asked > .zero
                    ? "it asks for a pause of \(RetryPolicy.seconds(asked)) s"
                    : "given up after \(RetryPolicy.seconds(elapsed)) s")
        }
        return .wait(wait)
    }

    /// Seconds for people: "1.3", "40".
    static func seconds(_ duration: Duration) -> String {
        let tenths = (duration.inMilliseconds + 50) / 100
        return tenths >= 100 || tenths % 10 == 0
            ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
