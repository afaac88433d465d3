// One registered cluster: what the API shows of it, and how it is reached. Made by Clusters, read
// by everything that talks to the cluster. Never prints a credential.

package import NetCore

/// A Kubernetes cluster we know.
@ReactorActor
package final class Cluster {
    package nonisolated let id: String
    package nonisolated let name: String
    /// "eks", "gke", "kind"…; "unknown" when nobody said and nothing shows.
    package internal(set) var provider: String
    /// We run in it, as a pod.
    package nonisolated let isInCluster: Bool
    /// Milliseconds since 1970.
    package nonisolated let createdAt: Int64
    /// How it is reached; replaced when a credential is read anew.
    let access: any ClusterAccess

    package init(
        id: String, name: String, provider: String, isInCluster: Bool, createdAt: Int64,
        access: any ClusterAccess
    ) {
        self.id = id
        self.name = name
        self.provider = provider
        self.isInCluster = isInCluster
        self.createdAt = createdAt
        self.access = access
    }
}

/// How the API server of a cluster is reached and who we are there. An actor-bound source, since
/// tokens rotate and plugins run.
@ReactorActor
package protocol ClusterAccess: AnyObject {
    /// Such as `https://10.0.0.1:6443` or with a path, without a slash at the end.
    var server: String { get }

    /// Where things of ours are kept in the cluster: our own in it, else that of the context.
    var namespace: String { get }

    /// What the next request is sent with. `again` after a 401: what was kept is read anew.
    func credentials(again: Bool) async throws(APIError) -> ClusterCredentials
}

extension ClusterAccess {
    package var namespace: String { "default" }
}

/// What one request to an API server is sent with.
package struct ClusterCredentials: Sendable {
    package var identity: TLSIdentity
    /// The whole value of the header Authorization.
    package var authorization: Secret?

    package init(identity: TLSIdentity, authorization: Secret?) {
        self.identity = identity
        self.authorization = authorization
    }
}
