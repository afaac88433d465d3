// Who runs a cluster, when nobody said: by the version its API server calls itself, its host and
// the plugin that makes its tokens, which name the product; else by the provider ids of its nodes,
// which name the cloud below; else by its context. Never guessed: else it is "unknown".

import NetCore

/// Finds the provider of a cluster.
package enum ClusterProvider {
    /// What a kubeconfig shows of it.
    package struct Signs: Sendable {
        package var server = ""
        /// The program of the exec plugin, without its folder.
        package var plugin = ""
        package var context = ""

        package init() {}
    }

    /// By the scheme of a node's spec.providerID.
    private static let schemes = [
        "aws": "aws", "gce": "gce", "azure": "azure", "kind": "kind", "k3s": "k3s",
        "digitalocean": "digitalocean", "openstack": "openstack", "vsphere": "vsphere",
        "linode": "linode", "hcloud": "hetzner", "scaleway": "scaleway", "ibm": "ibm",
        "oci": "oracle", "vultr": "vultr",
    ]

    /// By what the version holds.
    private static let versions = [
        ("-eks-", "eks"), ("-gke.", "gke"), ("+k3s", "k3s"), ("+rke2", "rke2"),
    ]
    private static let hosts = [
        (".eks.amazonaws.com", "eks"), (".azmk8s.io", "aks"), (".k8s.ondigitalocean.com", "doks"),
    ]
    private static let plugins = [
        "aws": "eks", "aws-iam-authenticator": "eks", "gke-gcloud-auth-plugin": "gke",
        "kubelogin": "aks", "doctl": "doks",
    ]
    private static let contexts = [
        ("kind-", "kind"), ("gke_", "gke"), ("minikube", "minikube"), ("k3d-", "k3d"),
        ("arn:aws:eks:", "eks"), ("docker-desktop", "docker-desktop"),
    ]

    /// By the nodes: the one that most of them name, since single ones mislead.
    package static func byNodes(_ providerIDs: [String]) -> String? {
        var counts: [String: Int] = [:]
        for id in providerIDs {
            guard let colon = id.firstIndex(of: ":"),
                let name = schemes[String(id[..<colon]).lowercased()]
            else { continue }
            counts[name, default: 0] += 1
        }
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }

    package static func byVersion(_ gitVersion: String) -> String? {
        versions.first { gitVersion.contains($0.0) }?.1
    }

    package static func byServer(_ signs: Signs) -> String? {
        let host = (try? URLPlace(signs.server))?.host.lowercased() ?? ""
        return hosts.first { host.hasSuffix($0.0) }?.1 ?? plugins[signs.plugin]
    }

    package static func byContext(_ signs: Signs) -> String? {
        contexts.first { signs.context.hasPrefix($0.0) }?.1
    }

    /// Asks the cluster as far as it tells.
    @ReactorActor
    static func find(
        _ client: KubernetesClient, version: String?, _ signs: Signs
    ) async -> String {
        if let name = version.flatMap(byVersion) ?? byServer(signs) { return name }
        let nodes = try? await client.items("/api/v1/nodes?limit=100")
        let ids = (nodes ?? []).compactMap { $0["spec", "providerID"]?.text }
        return byNodes(ids) ?? byContext(signs) ?? "unknown"
    }
}
