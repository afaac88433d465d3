// What the commands take that are about gr itself and its surroundings: doctor, completion, man.
// Read through CommandTable.

extension CommandTable {
    static let shellCommands = [doctor, completion, man]

    static let doctor = CommandSpec(
        name: "doctor", summary: "Find out what is wrong, and what to do about it",
        details: """
            Looks at the kernel, the programs, the home folder, the disk, the clock, the daemon, \
            the ports of services and their monitors. It changes nothing, starts nothing and \
            needs no daemon. Ends with 1 when something does not work.
            """,
        examples: [
            Example(line: "gr doctor", summary: "everything"),
            Example(line: "gr doctor -q", summary: "only what is not as it should be"),
        ],
        startsDaemon: false, run: DoctorCommand.run)

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
        name: "man", summary: "Show a manual page",
        details: "By man on a terminal, in the language of man pages elsewhere.",
        arguments: [
            ArgumentSpec(name: "PAGE", summary: "gr or gr.toml; default gr", isOptional: true)
        ],
        examples: [
            Example(line: "gr man gr.toml", summary: "what the file of a repository can say")
        ],
        run: ManualCommand.run)
}
