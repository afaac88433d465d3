// The bounds of what is read from API servers and kept of them, in one place, documented in
// docs/operations.md (a test compares).

/// Bounds of the Kubernetes half.
package enum KubernetesLimits {
    /// Workloads of one cluster.
    package static let workloadsMost = 50_000
    /// Objects asked for in one page of a list.
    package static let pageObjects = 500
    /// Pages of one list.
    package static let pagesMost = 4_096
    /// Lists under way at once, over all clusters.
    package static let listsAtOnce = 8
    /// Failures in a row after which a watch is begun with a new list.
    package static let watchFailuresMost = 5
    /// Attempts at one change that meets conflicts.
    package static let conflictsMost = 5
    /// Requests that wait for one operation on a workload.
    package static let operationWaitersMost = 256
    /// Changed workloads told of in one go; the others follow a moment later, with what they have
    /// become by then.
    package static let changesAtOnce = 32
    /// Rows stored in one go.
    package static let rowsAtOnce = 512
    /// Workloads that can wait for a mended annotation.
    package static let mendsMost = 4_096
    /// Registered clusters.
    package static let clustersMost = 256
    /// Registrations under way at once.
    package static let registrationsMost = 16
    /// How long the questions about rights may take together.
    package static let rightsSeconds = 30
    /// Longest kubeconfig.
    package static let kubeconfigBytes = 512 * 1_024
    /// Clusters, users or contexts of one kubeconfig.
    package static let kubeconfigEntries = 1_000
}
