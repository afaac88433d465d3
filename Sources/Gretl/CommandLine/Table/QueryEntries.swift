// What the commands that only ask about services take: ls, status, url, group
// ls. Read through CommandTable;
// the functions behind them are in QueryCommands and
// GroupCommands.

extension CommandTable {
    static let queryCommands = [ls, status, url, groupList]

    static let ls = CommandSpec(
        name: "ls", summary: "List services",
        arguments: [
            ArgumentSpec(name: "@GROUP", summary: "only this group", isOptional: true)
        ],
        options: [
            OptionSpec(
                name: "status", short: "s", value: "S",
                summary: "only services that are S",
                choices: [
                    "stopped", "starting", "running", "stopping", "backoff", "armed", "failed",
                ])
        ],
        examples: [
            Example(line: "gr ls @jobs", summary: "the services of one group"),
            Example(line: "gr ls -q --status failed", summary: "names of what failed"),
        ],
        run: QueryCommands.list)

    static let status = CommandSpec(
        name: "status", summary: "Show one service, or the daemon",
        arguments: [
            ArgumentSpec(
                name: "NAME", summary: "the service; without it, the daemon and counts",
                isOptional: true)
        ],
        examples: [
            Example(line: "gr status web", summary: "everything about web"),
            Example(line: "gr status", summary: "the daemon and how many services run"),
        ],
        run: QueryCommands.status)

    static let url = CommandSpec(
        name: "url", summary: "Print the URL of a service",
        details: "Prints it whether the service runs or not.",
        arguments: [oneName],
        examples: [Example(line: "curl $(gr url web)/health", summary: "call a service by name")],
        run: QueryCommands.url)

    static let groupList = CommandSpec(
        name: "group ls", summary: "List groups",
        examples: [Example(line: "gr group ls -q", summary: "only their names")],
        run: GroupCommands.list)
}
