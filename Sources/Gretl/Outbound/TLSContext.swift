// A TLSIdentity as OpenSSL wants it: certificates and key parsed once, for any number of streams to
// one server, which share what makes a later handshake short. Made off the reactor: it loads the
// library and may read the authorities of the system. An error never holds a word of a key.

internal import COpenSSL
package import NetCore

/// Why there is no TLS, or no longer any.
package enum TLSFailure: Error, Equatable, Sendable {
    /// The library is not there; the text says what to install.
    case unavailable(String)
    case badAuthorities
    case badCertificate
    /// Not PEM, or encrypted with a password.
    case badKey
    /// The key is that of another certificate.
    case keyOfAnother
    /// Memory, or a name that no certificate can hold.
    case notMade
    /// What OpenSSL says: whom it does not trust, or that the peer speaks no TLS.
    case failed(String)
    case timedOut

    /// A sentence for people.
    package var text: String {
        switch self {
        case .unavailable(let why): why
        case .badAuthorities: "the authorities to trust are not certificates in PEM"
        case .badCertificate: "the client certificate is not one in PEM"
        case .badKey: "the client key is not one in PEM, or is encrypted with a password"
        case .keyOfAnother: "the client key does not belong to the client certificate"
        case .notMade: "TLS cannot be set up for this name"
        case .failed(let why): "TLS failed: \(why)"
        case .timedOut: "the TLS handshake took too long"
        }
    }
}

/// Trust and identity, parsed.
///
/// `@unchecked`: made on one thread and handed over whole; streams use it on the reactor's only.
@safe  // owns the pointer from init to deinit; the library copies what it is given
package final class TLSContext: @unchecked Sendable {
    /// Which end of a connection we are.
    package enum Role: Sendable, Equatable {
        case client
        /// With authorities in its identity it asks for a certificate they signed, and refuses who
        /// has none if it is required.
        case server(requiresCertificate: Bool)
    }

    let pointer: OpaquePointer
    /// Whom the peer has to be; nil: the name that was dialled.
    package let serverName: String?
    let verifiesName: Bool

    /// Parses; blocks for milliseconds.
    package init(_ identity: TLSIdentity, role: Role = .client) throws(TLSFailure) {
        if let reason = unsafe copenssl_load() {
            throw .unavailable(unsafe String(cString: reason))
        }
        guard let made = unsafe copenssl_context_new(role == .client ? 0 : 1) else {
            throw .notMade
        }
        unsafe pointer = made
        serverName = identity.serverName
        verifiesName = role == .client && !identity.isUnverified
        if let authorities = identity.authorities {
            let bytes = Array(authorities.utf8)
            guard unsafe copenssl_trust(pointer, bytes, bytes.count) > 0 else {
                throw .badAuthorities
            }
        } else if verifiesName {
            guard unsafe copenssl_trust_system(pointer) != 0 else { throw .badAuthorities }
        }
        unsafe copenssl_verify(pointer, TLSContext.verification(identity, role))
        guard let certificate = identity.certificate else { return }
        let chain = Array(certificate.utf8)
        let key = Array((identity.key?.reveal() ?? "").utf8)
        switch unsafe copenssl_identify(pointer, chain, chain.count, key, key.count) {
        case COPENSSL_IDENTITY_FINE: return
        case COPENSSL_IDENTITY_CERTIFICATE: throw .badCertificate
        case COPENSSL_IDENTITY_KEY: throw .badKey
        default: throw .keyOfAnother
        }
    }

    deinit { unsafe copenssl_context_free(pointer) }

    private static func verification(_ identity: TLSIdentity, _ role: Role) -> Int32 {
        switch role {
        case .client: identity.isUnverified ? 0 : 2
        case .server(let isRequired): identity.authorities == nil ? 0 : isRequired ? 2 : 1
        }
    }
}

/// The contexts of the identities in use.
@ReactorActor
package final class TLSContexts {
    private let background: BackgroundThread
    private var known: [(identity: TLSIdentity, context: TLSContext)] = []

    /// More are made anew each time.
    private static let most = 64

    package init(background: BackgroundThread) { self.background = background }

    package func context(_ identity: TLSIdentity) async throws(TLSFailure) -> TLSContext {
        if let found = known.first(where: { $0.identity == identity }) { return found.context }
        let made: Result<TLSContext, TLSFailure>
        do throws(BackgroundThread.Refusal) {
            made = try await background.perform {
                Result { () throws(TLSFailure) in try TLSContext(identity) }
            }
        } catch { throw .failed("too much work is waiting") }
        let context = try made.get()
        // Another may have made it meanwhile; tokens that rotate are no part of an identity.
        if known.count >= TLSContexts.most { known.removeFirst() }
        known.append((identity, context))
        return context
    }
}
