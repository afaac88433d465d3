// The one table of commands, in the order of the overview. What each takes stands in the file of
// its topic beside this one.
//
// The parser, the help texts and the suggestions read it, and so will completions and the man page:
// a command or option that is not here does not exist. It must hold no behaviour of its own.

/// All commands.
enum CommandTable {
    /// In the order of the overview. A new command goes into the list of its topic.
    static let commands =
        serviceCommands + queryCommands + streamCommands + programCommands + portCommands
        + projectCommands + shellCommands + clusterCommands + workloadCommands
        + tetherCommands + runCommands + daemonCommands

    static func command(named name: String) -> CommandSpec? {
        commands.first { $0.name == name }
    }

    /// What every command takes.
    static let globalOptions: [OptionSpec] = [
        OptionSpec(name: "json", summary: "print the API's own answer, one line each"),
        OptionSpec(name: "quiet", short: "q", summary: "print only what a script needs"),
        OptionSpec(
            name: "color", value: "WHEN", summary: "always, auto or never; default auto",
            choices: ["always", "auto", "never"]),
        OptionSpec(name: "no-color", summary: "the same as --color never"),
        OptionSpec(
            name: "home", value: "DIR", summary: "the daemon's folder; default $GR_HOME or ~/.gr"),
        OptionSpec(
            name: "address", value: "URL",
            summary: "where the daemon is; default $GRETL_DAEMON, or its folder says"),
        OptionSpec(name: "help", short: "h", summary: "show this help"),
    ]

    static let oneName = ArgumentSpec(name: "NAME", summary: "the service")
    static let names = ArgumentSpec(
        name: "NAME", summary: "one or more services", repeats: true)

    static let grace = OptionSpec(
        name: "grace", short: "g", value: "TIME",
        summary: "time between SIGTERM and SIGKILL; default 5s")
}
