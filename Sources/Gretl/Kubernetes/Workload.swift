// One Deployment or StatefulSet as far as we keep it: ten thousand of them must fit into 5 MB, so
// there is nothing here that the API, the sweeper or a tether does not need. Changed by Workloads
// only.

package import NetCore

/// A workload of a cluster.
@ReactorActor
package final class Workload {
    package enum Kind: String, Sendable {
        case deployment = "Deployment", statefulSet = "StatefulSet"
    }

    /// The same for the same object of the same cluster, whenever it is seen.
    package nonisolated let id: String
    package nonisolated let cluster: Cluster
    package nonisolated let uid: String
    package nonisolated let namespace: String
    package nonisolated let name: String
    package nonisolated let kind: Kind
    /// `spec.replicas`.
    package internal(set) var replicas = 1
    /// `status.readyReplicas`.
    package internal(set) var readyReplicas = 0
    /// What a wake brings back; nil: never put to sleep by us.
    package internal(set) var desiredReplicas: Int?
    package internal(set) var isAutoSleepEnabled = false
    package internal(set) var idleMinutes = Workload.defaultIdleMinutes
    /// Milliseconds since 1970; nil: none since we know it.
    package internal(set) var lastActivity: Int64?
    /// Opaque; guards every change.
    package internal(set) var resourceVersion = ""

    package nonisolated static let defaultIdleMinutes = 30

    init(
        id: String, cluster: Cluster, uid: String, namespace: String, name: String, kind: Kind
    ) {
        self.id = id
        self.cluster = cluster
        self.uid = uid
        self.namespace = namespace
        self.name = name
        self.kind = kind
    }

    package var isAsleep: Bool { replicas == 0 }
}
