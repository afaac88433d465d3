// What the commands about a gr.toml take: up, down, config check. Read through CommandTable.

extension CommandTable {
    static let projectCommands = [up, down, configCheck]

    private static let file = OptionSpec(
        name: "file", short: "f", value: "FILE",
        summary: "the gr.toml; default: here, above, or in your home folder")
    private static let prefix = OptionSpec(
        name: "prefix", value: "TEXT", summary: "stands before all names, in place of the file's")

    static let up = CommandSpec(
        name: "up", summary: "Start the services of the gr.toml here",
        details: """
            Registers what the file says and starts it in the order of depends_on, each service as \
            soon as what it needs is ready. What runs already is left alone. Commands you have not \
            allowed yet are shown first, and run after a yes. What a gr.toml looks like: gr help \
            gr.toml.
            """,
        arguments: [
            ArgumentSpec(
                name: "NAME|@GROUP", summary: "those of the file; all when left out",
                isOptional: true, repeats: true, isFromFile: true)
        ],
        options: [
            OptionSpec(name: "plan", summary: "tell what would be done, and do nothing"),
            OptionSpec(name: "wait", summary: "wait for services that somebody else runs, too"),
            OptionSpec(
                name: "timeout", short: "t", value: "TIME",
                summary: "how long each may take: 500ms, 30s, 2m; default 30s"),
            OptionSpec(name: "detach", short: "d", summary: "do not wait until they are ready"),
            OptionSpec(name: "no-deps", summary: "only what is named, not what it depends on"),
            OptionSpec(name: "yes", short: "y", summary: "allow the commands of the file"),
            file, prefix,
        ],
        examples: [
            Example(line: "gr up", summary: "everything in the file"),
            Example(line: "gr up web @data --plan", summary: "what that would start"),
            Example(line: "gr up --yes --wait -t 2m", summary: "in a script, with docker"),
        ],
        run: UpCommand.run)

    static let down = CommandSpec(
        name: "down", summary: "Stop the services of the gr.toml here",
        details: """
            Stops what was registered from the folder of the file, dependents first, whatever the \
            file says by now.
            """,
        arguments: [
            ArgumentSpec(
                name: "NAME|@GROUP", summary: "those from this folder; all when left out",
                isOptional: true, repeats: true)
        ],
        options: [
            grace, OptionSpec(name: "rm", summary: "forget them, too; their logs stay"), file,
            prefix,
        ],
        examples: [
            Example(line: "gr down", summary: "everything from this folder"),
            Example(line: "gr down @jobs", summary: "one group of it"),
        ],
        run: DownCommand.run)

    static let configCheck = CommandSpec(
        name: "config check", summary: "Check the gr.toml here",
        details: """
            Reads gr.toml and its env_file and says everything that is wrong with \
            them, with line and key. It runs nothing and does not ask the daemon.
            """,
        options: [file, prefix],
        examples: [
            Example(line: "gr config check", summary: "the file here or above"),
            Example(line: "gr config check -f ~/gr.toml", summary: "another one"),
        ],
        run: ConfigCommands.check)
}
