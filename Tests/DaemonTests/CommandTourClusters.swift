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
    ]
}
