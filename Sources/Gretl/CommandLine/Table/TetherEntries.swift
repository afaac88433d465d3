// What the commands about tethers take: tether, tethers, untether. Read through CommandTable; the
// functions behind them are in TetherCommands.

extension CommandTable {
    static let tetherCommands = [tether, tethers, untether]

    static let tether = CommandSpec(
        name: "k8s tether", summary: "Open a local port that leads to a workload",
        details: """
            Prints the address. A tether that leads there already is opened again on its port. \
            Each connection gets a ready pod; the first one to a workload that sleeps wakes it. \
            Tethers outlive the daemon.
            """,
        arguments: [
            ArgumentSpec(
                name: "WORKLOAD", summary: "its name, NAMESPACE/NAME, or its id"),
            ArgumentSpec(name: "PORT", summary: "the port that its pods listen on"),
        ],
        options: [OptionSpec(name: "label", value: "TEXT", summary: "words of your own for it")],
        examples: [
            Example(line: "gr k8s tether agents/web 8000", summary: "http://127.0.0.1:21042")
        ],
        run: TetherCommands.tether)

    static let tethers = CommandSpec(
        name: "k8s tethers", summary: "List local ports that lead to workloads",
        examples: [Example(line: "gr k8s tethers", summary: "with connections and bytes")],
        run: TetherCommands.list)

    static let untether = CommandSpec(
        name: "k8s untether", summary: "Close a local port that leads to a workload",
        details: "Open connections are reset. The tether stays, and can be opened again.",
        arguments: [ArgumentSpec(name: "TETHER", summary: "its local port, as :21042, or its id")],
        options: [OptionSpec(name: "rm", summary: "forget the tether, too")],
        examples: [
            Example(line: "gr k8s untether :21042", summary: "close it"),
            Example(line: "gr k8s untether :21042 --rm", summary: "and forget it"),
        ],
        run: TetherCommands.untether)
}
