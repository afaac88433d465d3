// What the commands about ports take: who, ports, kill, adopt. Read through CommandTable; the
// functions behind them are in PortCommands.

extension CommandTable {
    static let portCommands = [who, ports, kill, adopt]

    private static let onePort = ArgumentSpec(name: "PORT", summary: "a port, as 3000 or :3000")
    private static let onePID = OptionSpec(
        name: "pid", value: "PID", summary: "this process, when several hold the port")

    static let who = CommandSpec(
        name: "who", summary: "Show who listens on a port", arguments: [onePort],
        examples: [
            Example(line: "gr who 3000", summary: "process, user and service"),
            Example(line: "gr who -q 3000", summary: "only the pid"),
        ],
        run: PortCommands.who)

    static let ports = CommandSpec(
        name: "ports", summary: "List who listens on this machine",
        details: "Of other users' processes only the user is known.",
        examples: [Example(line: "gr ports", summary: "all ports, services or not")],
        run: PortCommands.list)

    static let kill = CommandSpec(
        name: "kill", summary: "End whoever listens on a port",
        details: """
            Shows who it is and asks. A service is stopped instead. Other users' processes and \
            those that manage others are never touched.
            """,
        arguments: [ArgumentSpec(name: ":PORT", summary: "the port, as :3000 or 3000")],
        options: [
            OptionSpec(name: "yes", short: "y", summary: "do not ask"), onePID, grace,
        ],
        examples: [
            Example(line: "gr kill :3000", summary: "show who has it, ask, end it"),
            Example(line: "gr kill :3000 --yes", summary: "for a script"),
        ],
        run: PortCommands.kill)

    static let adopt = CommandSpec(
        name: "adopt", summary: "Make the process on a port a service, as it runs",
        details: """
            Taken is the listener and what is only there for it, such as npm above node. After \
            its next start the daemon runs it itself; until then its output is not in the log.
            """,
        arguments: [onePort],
        options: [
            OptionSpec(name: "as", value: "NAME", summary: "the name of the service; needed"),
            OptionSpec(name: "group", value: "@GROUP", summary: "the group it belongs to"),
            OptionSpec(
                name: "cmd", value: "CMD", summary: "what starts it later; default: as it runs"),
            OptionSpec(
                name: "cwd", value: "DIR", summary: "where CMD runs; default: where it runs now"),
            onePID,
        ],
        examples: [Example(line: "gr adopt 3000 --as web", summary: "take over a dev server")],
        run: PortCommands.adopt)
}
