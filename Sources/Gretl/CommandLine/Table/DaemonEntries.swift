// What the commands about the daemon and about gr itself take: serve, health, version, help. Read
// through CommandTable.

extension CommandTable {
    static let daemonCommands = [serve, daemonStatus, health, version, help]

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

    static let daemonStatus = CommandSpec(
        name: "daemon status", summary: "Ask whether the daemon runs",
        examples: [
            Example(line: "gr daemon status || gr serve", summary: "run it here if it does not")
        ],
        startsDaemon: false, run: QueryCommands.health)

    static let health = CommandSpec(
        name: "health", summary: "Ask whether the daemon answers",
        examples: [Example(line: "gr health -q || gr serve", summary: "start it if it does not")],
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
