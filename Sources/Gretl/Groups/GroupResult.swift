// What became of each service of a group's start or stop: the entries of `results`. A start that
// failed carries them in the details of its error.

/// What became of one service.
package struct GroupResult: Equatable, Sendable {
    package enum Outcome: String, Sendable {
        /// It was started and is up.
        case started
        /// It was up already.
        case running
        case failed
        /// Not started, because something it depends on did not come up.
        case skipped
        /// Not started, because the start was taken back.
        case cancelled
        /// It does not run any more, or did not.
        case stopped
        /// Somebody else runs it; it was left alone.
        case external
    }

    package var name: String
    package var outcome: Outcome
    /// As in an error.
    package var code: String?
    package var message: String?
    package var pid: Int32?

    package init(
        _ name: String, _ outcome: Outcome, code: String? = nil, message: String? = nil,
        pid: Int32? = nil
    ) {
        self.name = name
        self.outcome = outcome
        self.code = code
        self.message = message
        self.pid = pid
    }

    /// It is not up though it should be.
    package var isFailure: Bool {
        switch outcome {
        case .failed, .skipped, .cancelled: true
        case .started, .running, .stopped, .external: false
        }
    }

    /// Writes `results` into an object.
    package static func write(_ results: [GroupResult], into json: inout JSONText) {
        json.key("results")
        json.beginArray()
        for result in results {
            json.beginObject()
            json.field("name", result.name)
            json.field("outcome", result.outcome.rawValue)
            if let code = result.code { json.field("code", code) }
            if let message = result.message { json.field("message", message) }
            if let pid = result.pid { json.field("pid", pid) }
            json.endObject()
        }
        json.endArray()
    }
}
