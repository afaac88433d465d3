// What the fake API server knows: kinds, their places in the API, and what discovery says of them.

/// A kind of object.
struct ObjectKind: Sendable {
    let group: String
    let version: String
    let resource: String
    let kind: String
    var isNamespaced = true
    var hasScale = false

    var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
    /// As messages name it: `deployments.apps`.
    var qualified: String { group.isEmpty ? resource : "\(resource).\(group)" }

    static let all = [
        ObjectKind(
            group: "", version: "v1", resource: "namespaces", kind: "Namespace", isNamespaced: false
        ),
        ObjectKind(group: "", version: "v1", resource: "nodes", kind: "Node", isNamespaced: false),
        ObjectKind(group: "", version: "v1", resource: "pods", kind: "Pod"),
        ObjectKind(group: "", version: "v1", resource: "services", kind: "Service"),
        ObjectKind(group: "", version: "v1", resource: "configmaps", kind: "ConfigMap"),
        ObjectKind(group: "", version: "v1", resource: "serviceaccounts", kind: "ServiceAccount"),
        ObjectKind(
            group: "", version: "v1", resource: "persistentvolumeclaims",
            kind: "PersistentVolumeClaim"),
        ObjectKind(
            group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterroles",
            kind: "ClusterRole", isNamespaced: false),
        ObjectKind(
            group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterrolebindings",
            kind: "ClusterRoleBinding", isNamespaced: false),
        ObjectKind(
            group: "rbac.authorization.k8s.io", version: "v1", resource: "roles", kind: "Role"),
        ObjectKind(
            group: "rbac.authorization.k8s.io", version: "v1", resource: "rolebindings",
            kind: "RoleBinding"),
        ObjectKind(
            group: "apps", version: "v1", resource: "deployments", kind: "Deployment",
            hasScale: true),
        ObjectKind(
            group: "apps", version: "v1", resource: "statefulsets", kind: "StatefulSet",
            hasScale: true),
        ObjectKind(group: "apps", version: "v1", resource: "replicasets", kind: "ReplicaSet"),
        ObjectKind(group: "coordination.k8s.io", version: "v1", resource: "leases", kind: "Lease"),
        ObjectKind(
            group: "networking.k8s.io", version: "v1", resource: "ingresses", kind: "Ingress"),
        ObjectKind(
            group: "autoscaling", version: "v2", resource: "horizontalpodautoscalers",
            kind: "HorizontalPodAutoscaler"),
    ]

    static func find(_ group: String, _ version: String, _ resource: String) -> ObjectKind? {
        all.first { $0.group == group && $0.version == version && $0.resource == resource }
    }

    static func named(_ resource: String) -> ObjectKind? { all.first { $0.resource == resource } }
}

/// What a client that knows nothing asks first.
enum Discovery {
    static func answer(_ path: String) -> JSON? {
        switch path {
        case "/api": ["kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []]
        case "/apis":
            [
                "kind": "APIGroupList", "apiVersion": "v1",
                "groups": .array(groups.filter { !$0.isEmpty }.map(group)),
            ]
        case "/version":
            [
                "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "0",
                "platform": "linux/amd64",
                "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.26",
                "compiler": "gc",
            ]
        default: resources(path)
        }
    }

    private static var groups: [String] {
        var seen: [String] = []
        for kind in ObjectKind.all where !seen.contains(kind.group) { seen.append(kind.group) }
        return seen
    }

    private static func group(_ name: String) -> JSON {
        let version = ObjectKind.all.first { $0.group == name }?.version ?? "v1"
        let entry: JSON = ["groupVersion": JSON("\(name)/\(version)"), "version": JSON(version)]
        return ["name": JSON(name), "versions": [entry], "preferredVersion": entry]
    }

    private static func resources(_ path: String) -> JSON? {
        let kinds = ObjectKind.all.filter {
            path == ($0.group.isEmpty ? "/api/v1" : "/apis/\($0.apiVersion)")
        }
        guard let first = kinds.first else { return nil }
        var list: [JSON] = []
        for kind in kinds {
            list.append([
                "name": JSON(kind.resource), "singularName": JSON(kind.kind.lowercased()),
                "namespaced": .bool(kind.isNamespaced), "kind": JSON(kind.kind),
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            ])
            if kind.hasScale {
                list.append([
                    "name": JSON("\(kind.resource)/scale"), "singularName": "", "namespaced": true,
                    "group": "autoscaling", "version": "v1", "kind": "Scale",
                    "verbs": ["get", "patch", "update"],
                ])
            }
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": JSON(first.apiVersion),
            "resources": .array(list),
        ]
    }
}
