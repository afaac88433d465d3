// What the commands take that print something about gr for other programs: completion, man. Read
// through CommandTable.

extension CommandTable {
    static let shellCommands = [completion, man]

    static let completion = CommandSpec(
        name: "completion", summary: "Print the completion script for a shell",
        details: "Names of services and groups are asked of the daemon while you type.",
        arguments: [ArgumentSpec(name: "SHELL", summary: "bash, zsh or fish")],
        examples: [
            Example(line: "source <(gr completion bash)", summary: "in ~/.bashrc"),
            Example(line: "source <(gr completion zsh)", summary: "in ~/.zshrc, behind compinit"),
            Example(line: "gr completion fish | source", summary: "in config.fish"),
        ],
        run: CompletionCommand.run)

    static let man = CommandSpec(
        name: "man", summary: "Print a manual page",
        arguments: [ArgumentSpec(name: "PAGE", summary: "default gr", isOptional: true)],
        examples: [Example(line: "gr man | man -l -", summary: "read it without installing")],
        run: ManualCommand.run)
}
