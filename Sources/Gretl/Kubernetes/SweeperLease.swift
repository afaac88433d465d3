// The Lease that says which daemon sweeps a cluster (coordination.k8s.io/v1). It only saves work:
// every patch is guarded by itself, so that without the right to it, or with two holders, nothing
// goes wrong. Whether a holder is gone is judged by our own clock and by what we saw of it change,
// never by comparing clocks.

import NetCore

/// The Lease of one sweep.
@ReactorActor
final class SweeperLease {
    private let client: KubernetesClient
    private let target: String
    private let collection: String
    private let namespace: String
    private let holder: String
    /// The version that was written last; nil: it is not ours, or there is none.
    private var version: String?
    /// Without the right to Leases it is swept all the same.
    private var isMissing = false
    private var renewedAt = Instant(nanoseconds: 0)

    private static let name = "gretl-sweeper"
    private static let seconds: Int64 = 15
    private static let renewPause = Duration.seconds(2)
    /// Looks at a Lease of somebody else, until it counts as left.
    private static let looks: Int64 = 16

    init(_ client: KubernetesClient, namespace: String, holder: String) {
        self.client = client
        self.namespace = namespace
        self.holder = holder
        collection =
            "/apis/coordination.k8s.io/v1/namespaces/\(ClusterPath.escape(namespace))/leases"
        target = "\(collection)/\(SweeperLease.name)"
    }

    /// Whether the cluster is ours to sweep. Waits as long as a Lease lasts for one that is left.
    func acquire(on reactor: Reactor, pace: Workloads.Pace) async -> Bool {
        var seen: String?
        var unchanged: Int64 = 0
        for _ in 0...SweeperLease.looks {
            do throws(ClusterFailure) {
                guard let found = try await read() else {
                    try await write("POST", collection, version: nil, reactor)
                    return true
                }
                unchanged = seen == found.version ? unchanged + 1 : 0
                seen = found.version
                let isFree = found.holder.isEmpty || found.holder == holder
                if isFree || unchanged >= SweeperLease.seconds {
                    try await write("PUT", target, version: found.version, reactor)
                    return true
                }
            } catch {
                // Else another was quicker, or the server is in trouble: not now.
                isMissing = error.isForbidden || error.isNotFound
                return isMissing
            }
            await reactor.pause(pace.stretch(.seconds(1)))
        }
        return false
    }

    /// Holds it for longer; whether it is still ours.
    func renew(on reactor: Reactor) async -> Bool {
        guard !isMissing else { return true }
        guard reactor.now - renewedAt >= SweeperLease.renewPause else { return true }
        do throws(ClusterFailure) {
            try await write("PUT", target, version: version, reactor)
            return true
        } catch { return false }
    }

    /// Leaves it to others at once.
    func release() async {
        guard !isMissing, let version else { return }
        self.version = nil
        _ = try? await client.write("PUT", target, body(version: version, holder: "", now: 0))
    }

    // MARK: The object

    private func read() async throws(ClusterFailure) -> (holder: String, version: String)? {
        do throws(ClusterFailure) {
            let lease = try await client.object(target)
            return (
                lease["spec", "holderIdentity"]?.text ?? "",
                lease["metadata", "resourceVersion"]?.text ?? ""
            )
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    private func write(
        _ method: String, _ target: String, version: String?, _ reactor: Reactor
    ) async throws(ClusterFailure) {
        let body = body(
            version: version, holder: holder, now: reactor.wallNanoseconds() / 1_000_000)
        let lease = try await client.write(method, target, body)
        self.version = lease["metadata", "resourceVersion"]?.text
        renewedAt = reactor.now
    }

    private func body(version: String?, holder: String, now: Int64) -> JSONText {
        var json = JSONText()
        json.beginObject()
        json.field("apiVersion", "coordination.k8s.io/v1")
        json.field("kind", "Lease")
        json.key("metadata")
        json.beginObject()
        json.field("name", SweeperLease.name)
        json.field("namespace", namespace)
        if let version { json.field("resourceVersion", version) }
        json.endObject()
        json.key("spec")
        json.beginObject()
        json.field("holderIdentity", holder)
        json.field("leaseDurationSeconds", SweeperLease.seconds)
        // Exactly six digits, or the server answers 422.
        if now > 0 { json.field("renewTime", Timestamp.microText(milliseconds: now)) }
        json.endObject()
        json.endObject()
        return json
    }
}
