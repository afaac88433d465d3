// Which workload this daemon runs in, when it runs in a cluster: that one is never put to sleep,
// since asleep it could wake nothing. By the name of our pod, which its controller made from the
// workload's name, so that nobody has to be asked; KubernetesHalf hands it to Workloads.

/// The pod of this process.
package struct OwnPod: Sendable, Equatable {
    package let name: String
    /// Nil: that of the service account.
    package let namespace: String?

    /// `POD_NAME` and `POD_NAMESPACE` as the downward API sets them (deploy/gretl.yaml), else the
    /// host name, which a pod has its name for unless its spec says otherwise. Nil outside a
    /// cluster.
    package init?(_ environment: [String: String]) {
        guard environment["KUBERNETES_SERVICE_HOST"]?.isEmpty == false,
            let name = environment["POD_NAME"] ?? environment["HOSTNAME"], !name.isEmpty
        else { return nil }
        self.name = name
        namespace = environment["POD_NAMESPACE"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether a workload of the cluster we run in, whose service accounts' namespace is
    /// `ownNamespace`, made the pod: `NAME-HASH-SUFFIX` of a Deployment's ReplicaSet,
    /// `NAME-ORDINAL` of a StatefulSet.
    package func isMade(
        by kind: Workload.Kind, _ workload: String, in namespace: String, ownNamespace: String
    ) -> Bool {
        guard namespace == self.namespace ?? ownNamespace else { return false }
        // A long generated name is cut before its suffix, and the hash or more is lost: rather
        // spare one more of that beginning than end ourselves.
        if kind == .deployment, name.utf8.count == OwnPod.cutLength {
            let beginning = String(name.dropLast(5))
            if beginning.hasPrefix("\(workload)-") || workload.hasPrefix(beginning) { return true }
        }
        let endings = kind == .deployment ? 2 : 1
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count > endings else { return false }
        if kind == .statefulSet, UInt32(parts[parts.count - 1]) == nil { return false }
        return parts.dropLast(endings).joined(separator: "-") == workload
    }

    /// 58 bytes of what was asked for and 5 that are random (apiserver, names/generate.go).
    private static let cutLength = 63
}
