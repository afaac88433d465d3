// Access to a cluster that needs nothing but what is stored: a server, certificates, a token. Made
// from a kubeconfig, kept as JSON in the database (which is 0600), and the ground of other kinds of
// access, which renew parts of it.

import NetCore

/// Server, trust and identity, as values.
package struct DirectAccess: Sendable, Equatable {
    /// Without a slash at the end.
    package var server: String
    package var namespace: String
    package var identity = TLSIdentity()
    /// The whole value of the header Authorization.
    package var authorization: Secret?

    package init(server: String, namespace: String = "default") {
        self.server = server
        self.namespace = namespace
    }

    /// For the database only: it holds the credentials.
    func write(into json: inout JSONText) {
        json.field("server", server)
        json.field("namespace", namespace)
        if let text = identity.authorities { json.field("authorities", text) }
        if let text = identity.serverName { json.field("server_name", text) }
        if let text = identity.certificate { json.field("certificate", text) }
        if let key = identity.key { json.field("key", key.reveal()) }
        if let value = authorization { json.field("authorization", value.reveal()) }
    }

    /// What `write` wrote; nil when it is something else.
    init?(_ fields: [String: JSONValue]) {
        guard let server = fields["server"]?.text, let namespace = fields["namespace"]?.text else {
            return nil
        }
        self.init(server: server, namespace: namespace)
        identity.authorities = fields["authorities"]?.text
        identity.serverName = fields["server_name"]?.text
        identity.certificate = fields["certificate"]?.text
        identity.key = fields["key"]?.text.map { Secret($0) }
        authorization = fields["authorization"]?.text.map { Secret($0) }
    }
}

/// Access that never changes.
@ReactorActor
final class StoredAccess: ClusterAccess {
    private let direct: DirectAccess

    init(_ direct: DirectAccess) { self.direct = direct }

    var server: String { direct.server }
    var namespace: String { direct.namespace }

    func credentials(again: Bool) async throws(APIError) -> ClusterCredentials {
        ClusterCredentials(identity: direct.identity, authorization: direct.authorization)
    }
}
