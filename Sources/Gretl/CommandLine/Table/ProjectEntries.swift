// What the commands about a gr.toml take: config. Read through CommandTable.

extension CommandTable {
    static let projectCommands = [configCheck]

    private static let file = OptionSpec(
        name: "file", short: "f", value: "FILE",
        summary: "the gr.toml; default: here, above, or in your home folder")
    private static let prefix = OptionSpec(
        name: "prefix", value: "TEXT", summary: "stands before all names, in place of the file's")

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
