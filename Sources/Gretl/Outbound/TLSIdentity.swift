// Whom a TLS connection trusts and who it says it is, as PEM text in memory: a credential that was
// posted must not go through a file. Given to HTTPSClient and to TLSStream.

/// Trust and identity of connections to one server.
package struct TLSIdentity: Sendable, Equatable {
    /// Certificates of the authorities to trust, PEM; nil means those of the system.
    package var authorities: String?
    /// The name the server's certificate must hold, and the one asked for (SNI); nil: the one that
    /// is dialled.
    package var serverName: String?
    /// Our certificate and what leads to its authority, PEM.
    package var certificate: String?
    /// Its private key, PEM.
    package var key: Secret?
    /// The server's certificate is not looked at: only where the owner of the machine said so.
    package var isUnverified = false

    package init() {}
}
