// What the commands about the daemon and about gr itself take: serve, health, version, help. Read
// through CommandTable.

extension CommandTable {
    static let daemonCommands = [
        serve, daemonStart, daemonStop, daemonStatus, daemonLogs, daemonInstall, health, version,
        help,
    ]

    static let serve = CommandSpec(
        name: "serve", summary: "Run the daemon in the foreground",
        details: """
            Services keep running when the daemon ends, and the next start takes them back.
            """,
        options: [
            OptionSpec(
                name: "listen", value: "ADDR:PORT",
                summary: "listen there; default 127.0.0.1:11611 and [::1]:11611", repeats: true),
            OptionSpec(
                name: "detached", summary: "leave the session and folder of the caller"),
        ],
        examples: [
            Example(line: "gr serve", summary: "with the folder ~/.gr"),
            Example(
                line: "gr serve --home /tmp/gr --listen 127.0.0.1:4000",
                summary: "a second daemon, apart from the first"),
        ],
        isForwarded: true, run: { (_) throws(CommandFailure) in .success })

    static let daemonStart = CommandSpec(
        name: "daemon start", summary: "Start the daemon in the background",
        details: """
            Returns once it answers. A daemon that runs already is left alone. Commands that need \
            it do the same by themselves.
            """,
        options: [
            OptionSpec(
                name: "listen", value: "ADDR:PORT",
                summary: "listen there; default: what config.toml says", repeats: true)
        ],
        examples: [Example(line: "gr daemon start", summary: "with the folder ~/.gr")],
        startsDaemon: false, run: DaemonCommands.start)

    static let daemonStop = CommandSpec(
        name: "daemon stop", summary: "End the daemon; services go on running",
        details: "Answers under way are finished. The next daemon takes the services back.",
        examples: [
            Example(line: "gr daemon stop && gr daemon start", summary: "start anew")
        ],
        startsDaemon: false, run: DaemonCommands.stop)

    static let daemonStatus = CommandSpec(
        name: "daemon status", summary: "Ask whether the daemon runs, without starting it",
        examples: [
            Example(line: "gr daemon status -q", summary: "running or stopped; exit code 0 or 3")
        ],
        startsDaemon: false, run: DaemonCommands.status)

    static let daemonLogs = CommandSpec(
        name: "daemon logs", summary: "Show what the daemon in the background says",
        options: [
            follow,
            OptionSpec(
                name: "lines", short: "n", value: "N", summary: "the newest N lines; default 100"),
            jsonLines,
        ],
        examples: [Example(line: "gr daemon logs -n 20 -f", summary: "from now on")],
        startsDaemon: false, run: DaemonCommands.logs)

    static let daemonInstall = CommandSpec(
        name: "daemon install", summary: "Have systemd run the daemon in your sessions",
        details: """
            Writes a unit of your user, ends the daemon that runs and starts the unit. Services \
            go on running.
            """,
        options: [OptionSpec(name: "print", summary: "only show the unit")],
        examples: [
            Example(line: "gr daemon install --print", summary: "see what would be installed")
        ],
        startsDaemon: false, run: InstallCommand.run)

    static let health = CommandSpec(
        name: "health", summary: "Ask whether the daemon answers",
        examples: [Example(line: "gr health -q || echo down", summary: "ask without starting it")],
        startsDaemon: false, run: QueryCommands.health)

    static let version = CommandSpec(
        name: "version", summary: "Show the versions of gr and of the daemon",
        examples: [Example(line: "gr version -q", summary: "only the number")],
        startsDaemon: false, run: QueryCommands.version)

    static let help = CommandSpec(
        name: "help", summary: "Show help for a command",
        arguments: [
            ArgumentSpec(
                name: "COMMAND", summary: "the command; all when left out",
                isOptional: true, repeats: true)
        ],
        examples: [Example(line: "gr help add", summary: "the same as gr add --help")],
        run: HelpCommand.run)
}
