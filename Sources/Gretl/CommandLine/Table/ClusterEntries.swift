// What the commands about clusters take: k8s clusters (with add and rm behind it) and k8s sync.
// Read through CommandTable; the functions behind them are in ClusterCommands.

extension CommandTable {
    static let clusterCommands = [clusters, syncClusters]

    static let clusters = CommandSpec(
        name: "k8s clusters", summary: "List clusters; add or rm one",
        details: """
            Without a word the registered clusters are listed. 'add' registers one that can be \
            reached, and tells what its user may not do there. --kubeconfig copies what the file \
            holds; it must hold certificates and tokens, not paths. --context uses your own \
            kubeconfig where it lies, again and again, and lets the daemon run the plugin that it \
            names (EKS, GKE, AKS): only say it of a file that you trust. 'rm' forgets a cluster \
            and changes nothing in it.
            """,
        arguments: [
            ArgumentSpec(name: "add|rm", summary: "what to do; default: list", isOptional: true),
            ArgumentSpec(
                name: "CLUSTER", summary: "its name; for rm also its id", isOptional: true),
        ],
        options: [
            OptionSpec(
                name: "kubeconfig", value: "FILE", summary: "add: what to reach it with"),
            OptionSpec(
                name: "context", value: "CONTEXT",
                summary: "add: a context of --kubeconfig, else of your own kubeconfig"),
            OptionSpec(name: "in-cluster", summary: "add: the daemon runs in it, as a pod"),
            OptionSpec(
                name: "provider", value: "WORD", summary: "add: such as eks; default: what shows"),
        ],
        examples: [
            Example(line: "gr k8s clusters", summary: "what is registered"),
            Example(
                line: "gr k8s clusters add --context prod", summary: "from your own kubeconfig"),
            Example(
                line: "gr k8s clusters add dev --kubeconfig dev.yaml", summary: "from a file"),
            Example(line: "gr k8s clusters rm dev", summary: "forget it"),
        ],
        run: ClusterCommands.clusters)

    static let syncClusters = CommandSpec(
        name: "k8s sync", summary: "Look for workloads anew",
        details: "Of one cluster, or of all. Changes are followed without it, too.",
        arguments: [
            ArgumentSpec(name: "CLUSTER", summary: "its name or id; default: all", isOptional: true)
        ],
        examples: [Example(line: "gr k8s sync prod", summary: "how many there are")],
        run: ClusterCommands.sync)
}
