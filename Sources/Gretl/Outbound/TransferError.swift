// Why a request to another machine got no whole answer, in words that tell a person what to look
// at. Never holds a credential: the library's own texts name hosts, ports and certificates only.

/// What went wrong with a transfer.
package enum TransferError: Error, Equatable, Sendable {
    /// The part of a transfer that took too long.
    package enum Phase: String, Sendable {
        case connect, idle, total
    }

    /// The library is not there.
    case unavailable(String)
    case invalidRequest(String)
    case nameLookup(String)
    case connect(String)
    case tls(String)
    case timeout(Phase)
    /// Head or body have more bytes than were allowed.
    case tooLarge
    /// It ended before its end.
    case broken(String)
    /// Too many transfers wait already.
    case busy
    case cancelled

    /// A sentence for people.
    package var text: String {
        switch self {
        case .unavailable(let why): why
        case .invalidRequest(let why): "the request cannot be made: \(why)"
        case .nameLookup(let why): "its name cannot be found: \(why)"
        case .connect(let why): "it cannot be connected to: \(why)"
        case .tls(let why): "TLS failed: \(why)"
        case .timeout(.connect): "it did not accept the connection in time"
        case .timeout(.idle): "it sent nothing for too long"
        case .timeout(.total): "it took too long"
        case .tooLarge: "its answer is too large"
        case .broken(let why): "the connection broke: \(why)"
        case .busy: "too many requests wait already"
        case .cancelled: "it was given up"
        }
    }
}
