// Why one attempt to get an answer failed, and whether another may succeed. Classified here for
// both wires, so that the rules of retrying stand in one place.

import NetCore

/// The end of an attempt without an answer.
enum AttemptFailure: Error, Equatable {
    /// No answer came, or it broke off.
    case transfer(TransferError)
    /// A status that says no, with what the server says of it.
    case status(Int, said: String, retryAfter: Duration?)
    /// An error in the middle of a stream, by the status it would have had.
    case inStream(status: Int, said: String)
    /// The stream ended in order, before its answer did.
    case truncated
    /// What came is not in the wire's form.
    case nonsense(String)
    /// Something that is no API answered.
    case wrongKind(String)
    /// The model itself declined.
    case declined(String)
    case cancelled

    /// Whether the same request may have an answer later: as in docs/api.md.
    var mayPass: Bool {
        switch self {
        case .transfer(let error):
            switch error {
            case .connect, .nameLookup, .timeout, .broken, .busy: true
            case .unavailable, .invalidRequest, .tls, .tooLarge, .cancelled: false
            }
        case .status(let status, _, let retryAfter):
            // Without a time it can be a spending limit, which does not pass.
            status == 429 ? retryAfter != nil : AttemptFailure.isPassing(status)
        case .inStream(let status, _): status != 429 && AttemptFailure.isPassing(status)
        case .truncated, .nonsense: true
        case .wrongKind, .declined, .cancelled: false
        }
    }

    private static func isPassing(_ status: Int) -> Bool {
        status == 408 || status == 409 || (500...599).contains(status)
    }

    /// How long the server asks to be left alone.
    var retryAfter: Duration? {
        if case .status(_, _, let retryAfter) = self { retryAfter } else { nil }
    }

    /// A clause for people: "it answered 529, \"Overloaded\"".
    var text: String {
        switch self {
        case .transfer(let error): error.text
        case .status(let status, let said, _):
            said.isEmpty ? "it answered \(status)" : "it answered \(status), \"\(said)\""
        case .inStream(let status, let said):
            "its answer broke off with an error (\(status)\(said.isEmpty ? "" : ", \"\(said)\""))"
        case .truncated: "its answer ended before it was complete"
        case .nonsense(let why): "its answer makes no sense: \(why)"
        case .wrongKind(let why): "what answered is no model server: \(why)"
        case .declined(let why): why
        case .cancelled: "given up"
        }
    }
}
