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
    private nonisolated let packedUID: ObjectUID
    package nonisolated let namespace: String
    package nonisolated let name: String
    package nonisolated let kind: Kind
    /// `spec.replicas`.
    package internal(set) var replicas: Int32 = 1
    /// `status.readyReplicas`.
    package internal(set) var readyReplicas: Int32 = 0
    /// Our witness of what a wake brings back, and of the settings.
    package internal(set) var kept = KeptWorkload()
    /// Milliseconds since 1970; nil: none since we know it.
    package internal(set) var lastActivity: Int64?
    /// When it is first known that it may idle, if nothing else says: milliseconds since 1970.
    var seenAt: Int64 = 0
    /// Opaque; guards every change.
    package internal(set) var resourceVersion = ""
    /// Who else scales it, when somebody woke what we put to sleep; nil: nobody does.
    package internal(set) var managedBy: String?
    /// The number of the list it was last seen in.
    var round: UInt32 = 0

    init(
        id: String, cluster: Cluster, uid: String, namespace: String, name: String, kind: Kind
    ) {
        self.id = id
        self.cluster = cluster
        packedUID = ObjectUID(uid)
        self.namespace = namespace
        self.name = name
        self.kind = kind
    }

    /// The object's own name for itself; another object of its name has another one.
    package nonisolated var uid: String { packedUID.text }

    package var isAsleep: Bool { replicas == 0 }

    /// What it has, or what a wake brings back: 1 when nobody knows.
    package var desiredReplicas: Int { isAsleep ? kept.desired ?? 1 : Int(replicas) }

    package var settings: AutoSleepSettings { kept.settings ?? AutoSleepSettings() }

    /// Where it is at the API server.
    package nonisolated var target: String {
        ClusterPath.object(kind, namespace: namespace, name: name)
    }

    /// `namespace/name`, for people.
    package nonisolated var title: String { "\(namespace)/\(name)" }
}
