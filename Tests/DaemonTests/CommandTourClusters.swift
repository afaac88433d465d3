// The part of the tour that is about Kubernetes: without any cluster, since a golden text needs
// none that answers. What the commands do with one is in CommandClusterTests.

extension CommandTour {
    static let clusters = [
        CommandPart(
            "k8s clusters", .init("gr k8s clusters"), .init("gr k8s clusters -q"),
            .init("gr k8s clusters --json"), .init("gr k8s clusters add", 2),
            .init("gr k8s clusters add --in-cluster", 1),
            .init("gr k8s clusters add a --kubeconfig missing.yaml", 1),
            .init("gr k8s clusters add --context a --in-cluster", 2),
            .init("gr k8s clusters --context a", 2), .init("gr k8s clusters rm", 2),
            .init("gr k8s clusters rm nobody", 4), .init("gr k8s clusters ad", 2)),
        CommandPart(
            "k8s sync", .init("gr k8s sync"), .init("gr k8s sync nobody", 4),
            .init("gr k8s sync --json")),
        CommandPart(
            "k8s workloads", .init("gr k8s workloads"), .init("gr k8s workloads --json"),
            .init("gr k8s workloads --cluster nobody", 4)),
        CommandPart(
            "k8s sleep", .init("gr k8s sleep", 2), .init("gr k8s sleep nobody", 4),
            .init("gr k8s sleep nobody --json", 4)),
        CommandPart(
            "k8s wake", .init("gr k8s wake", 2), .init("gr k8s wake nobody --json", 4)),
        CommandPart(
            "k8s autosleep", .init("gr k8s autosleep", 2), .init("gr k8s autosleep --plan"),
            .init("gr k8s autosleep --plan --json"),
            .init("gr k8s autosleep nobody on", 4), .init("gr k8s autosleep a --plan", 2)),
        CommandPart(
            "k8s tether", .init("gr k8s tether", 2), .init("gr k8s tether nobody 80 --json", 4),
            .init("gr k8s tether nobody x", 2)),
        CommandPart("k8s tethers", .init("gr k8s tethers"), .init("gr k8s tethers --json")),
        CommandPart(
            "k8s untether", .init("gr k8s untether", 2), .init("gr k8s untether :1 --json", 4)),
    ]
}
