// What gr doctor found: one sentence for each thing it looked at, how bad it is, and the next step.

/// One finding.
struct Finding: Sendable, Equatable {
    enum State: String, Sendable {
        /// As it should be.
        case good = "ok"
        /// Works, but somebody should know.
        case notice
        /// Does not work.
        case broken
    }

    /// What was looked at, in a word.
    let check: String
    let state: State
    let message: String
    /// The next step; nil when none is needed.
    var hint: String?

    static func good(_ check: String, _ message: String) -> Finding {
        Finding(check: check, state: .good, message: message)
    }

    static func notice(_ check: String, _ message: String, hint: String) -> Finding {
        Finding(check: check, state: .notice, message: message, hint: hint)
    }

    static func broken(_ check: String, _ message: String, hint: String) -> Finding {
        Finding(check: check, state: .broken, message: message, hint: hint)
    }

    /// Its mark, and the ink for it.
    func mark(_ style: OutputStyle) -> (text: String, ink: Ink) {
        let ink: Ink = state == .good ? .good : state == .notice ? .busy : .bad
        guard style.isDecorated, style.isUnicode else { return (state.rawValue, ink) }
        return (state == .good ? "✓" : state == .notice ? "!" : "✗", ink)
    }
}
