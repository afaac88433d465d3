// How a client command ends: the exit codes, and the failure that carries one.
//
// Scripts read the codes, people the message and the hint, programs the envelope. A code keeps its
// meaning for good; a new reason gets a new number or the plain 1.

/// The exit codes. A signal ends the process itself, which shells report as 128 + its number.
package enum ExitCode: Int32, Sendable, CaseIterable {
    case success = 0
    case failure = 1
    case usage = 2
    /// The daemon does not answer.
    case unreachable = 3
    /// No service, group, cluster, workload, tether or run of that name.
    case unknownService = 4
    /// A port, a name or a state stands in the way (HTTP 409).
    case conflict = 5
    case notReady = 6
    /// The token is missing or wrong, or a rule forbids the request (HTTP 401, 403).
    case notAllowed = 7
    /// Some of several names failed.
    case partialFailure = 8
    /// gr exec: the command is there and cannot be run.
    case commandNotRunnable = 126
    /// gr exec: there is no such command.
    case commandNotFound = 127

    /// The exit code of an API error.
    init(status: Int, code: String) {
        self =
            switch (status, code) {
            case (_, "ready_timeout"): .notReady
            case (_, "unknown_service"), (_, "unknown_group"), (_, "unknown_cluster"),
                (_, "unknown_workload"), (_, "unknown_tether"), (_, "unknown_run"):
                .unknownService
            case (401, _), (403, _): .notAllowed
            case (409, _): .conflict
            default: .failure
            }
    }

    /// The exit code of several operations, each ended by one of `codes`.
    init(combining codes: [ExitCode]) {
        guard let first = codes.first else {
            self = .success
            return
        }
        if codes.allSatisfy({ $0 == first }) {
            self = first
        } else {
            self = codes.contains(.success) ? .partialFailure : .failure
        }
    }
}

/// Why a command failed, in the form of the API's error answers.
package struct CommandFailure: Error {
    var exit: ExitCode
    var code: String
    var message: String
    var hint: String?
    /// More about it, between message and hint.
    var lines: [String] = []
    /// The API's answer, when the failure is one.
    var body: [UInt8]?

    static func usage(_ message: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(exit: .usage, code: "usage", message: message, hint: hint)
    }

    /// The envelope: the API's own, or one of the same shape.
    var envelope: [UInt8] {
        if let body { return body }
        var json = JSONText()
        json.beginObject()
        write(into: &json)
        json.endObject()
        return json.bytes
    }

    /// The most lines that an error shows.
    private static let linesMost = 100

    /// Has `all` stand between message and hint, or as many as can be read and how many more.
    mutating func list(_ all: [String]) {
        lines = Array(all.prefix(Self.linesMost))
        let rest = all.count - lines.count
        if rest > 0 { lines.append("and \(rest) more") }
    }

    /// Has the API's envelope say what this failure does by now.
    mutating func renewBody() {
        body = nil
        body = envelope
    }

    /// Makes the envelope one with the field `details`, an object.
    mutating func setDetails(_ fields: (inout JSONText) -> Void) {
        var json = JSONText(capacity: 1_024)
        json.beginObject()
        write(into: &json)
        json.key("details")
        json.beginObject()
        fields(&json)
        json.endObject()
        json.endObject()
        body = json.bytes
    }

    private func write(into json: inout JSONText) {
        json.field("code", code)
        json.field("message", message)
        json.field("hint", hint)
    }
}
