// What the commands about workloads take: k8s workloads, sleep, wake and autosleep. Read through
// CommandTable; the functions behind them are in WorkloadCommands.

extension CommandTable {
    static let workloadCommands = [workloads, sleepWorkload, wakeWorkload, autosleep]

    private static let workload = ArgumentSpec(
        name: "WORKLOAD", summary: "its name, NAMESPACE/NAME, or its id")

    static let workloads = CommandSpec(
        name: "k8s workloads", summary: "List Deployments and StatefulSets of all clusters",
        options: [
            OptionSpec(name: "cluster", value: "CLUSTER", summary: "only those of a cluster"),
            OptionSpec(
                name: "namespace", short: "n", value: "NAME", summary: "only those of a namespace"),
            OptionSpec(name: "asleep", summary: "only those without replicas"),
        ],
        examples: [
            Example(line: "gr k8s workloads -n agents", summary: "of one namespace"),
            Example(line: "gr k8s workloads --asleep", summary: "what sleeps"),
        ],
        run: WorkloadCommands.list)

    static let sleepWorkload = CommandSpec(
        name: "k8s sleep", summary: "Scale a workload to 0 and keep what it had",
        details: """
            What belongs to the cluster itself, and a StatefulSet whose volumes a scale-down \
            deletes, is refused without --force.
            """,
        arguments: [workload],
        options: [OptionSpec(name: "force", summary: "although it does harm")],
        examples: [Example(line: "gr k8s sleep agents/web", summary: "until it is woken")],
        run: WorkloadCommands.sleep)

    static let wakeWorkload = CommandSpec(
        name: "k8s wake", summary: "Scale a workload back to what it had",
        details: "Waits until its pods are ready. To one that nobody put to sleep it brings 1.",
        arguments: [workload],
        options: [
            OptionSpec(name: "no-wait", summary: "return at once"),
            OptionSpec(
                name: "timeout", value: "TIME", summary: "how long to wait; default: 2m"),
        ],
        examples: [Example(line: "gr k8s wake agents/web", summary: "and wait for its pods")],
        run: WorkloadCommands.wake)

    static let autosleep = CommandSpec(
        name: "k8s autosleep", summary: "Show or change when a workload is put to sleep by itself",
        details: """
            Only traffic through a tether keeps a workload awake: where a Service leads to it, \
            'on' is refused without --force. --plan lists what would sleep when, and why not.
            """,
        arguments: [
            ArgumentSpec(
                name: "WORKLOAD", summary: "its name, NAMESPACE/NAME, or its id", isOptional: true),
            ArgumentSpec(name: "on|off", summary: "default: show", isOptional: true),
        ],
        options: [
            OptionSpec(name: "idle", value: "MINUTES", summary: "without traffic; default: 30"),
            OptionSpec(name: "force", summary: "although a Service leads to it"),
            OptionSpec(name: "plan", summary: "what would sleep, of all workloads"),
        ],
        examples: [
            Example(line: "gr k8s autosleep agents/web on --idle 30", summary: "switch it on"),
            Example(line: "gr k8s autosleep --plan", summary: "what would sleep when"),
        ],
        run: WorkloadCommands.autosleep)
}
