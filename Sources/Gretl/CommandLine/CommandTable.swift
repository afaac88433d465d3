// The one table of commands: names, arguments, options, examples and the function behind each.
//
// The parser, the help texts and the suggestions read it, and so will completions and the man page:
// a command or option that is not here does not exist. It must hold no behaviour of its own.

/// Something a command takes after its name, without a dash.
struct ArgumentSpec: Sendable {
    /// As shown in usage lines, in capitals.
    let name: String
    let summary: String
    var isOptional = false
    var repeats = false

    /// As in a usage line: `NAME`, `NAME...`, `[NAME]`.
    var usage: String {
        let word = repeats ? name + "..." : name
        return isOptional ? "[\(word)]" : word
    }
}

/// Something a command takes with a dash.
struct OptionSpec: Sendable {
    /// Without the two dashes.
    let name: String
    /// One letter, without the dash.
    var short: Character?
    /// The word for the value in usage lines; nil for a flag.
    var value: String?
    let summary: String
    var repeats = false
    /// The only values allowed; empty when any is.
    var choices: [String] = []

    /// As in a help text: `-q, --quiet`, `--port PORT`.
    var usage: String {
        let long = value.map { "--\(name) \($0)" } ?? "--\(name)"
        return short.map { "-\($0), \(long)" } ?? long
    }
}

/// A command line to copy, and what it does.
struct Example: Sendable {
    let line: String
    let summary: String
}

/// One command.
struct CommandSpec: Sendable {
    let name: String
    /// One line, without a full stop.
    let summary: String
    /// What the one line leaves out; may be empty.
    var details = ""
    var arguments: [ArgumentSpec] = []
    var options: [OptionSpec] = []
    var examples: [Example] = []
    /// Whether words behind `--` are a command of the user's.
    var takesCommand = false
    /// Whether the daemon reads the words itself.
    var isForwarded = false
    let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode

    /// `gr add NAME [options]`
    var usage: String {
        var words = ["gr", name] + arguments.map(\.usage)
        if !options.isEmpty { words.append("[options]") }
        if takesCommand { words.append("[-- CMD ARGS...]") }
        return words.joined(separator: " ")
    }
}

/// All commands.
enum CommandTable {
    /// In the order of the overview.
    static let commands: [CommandSpec] = [
        serve, add, rm, ls, start, stop, restart, status, url, health, version, help,
    ]

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
            summary: "where the daemon is; default $GRETL_DAEMON or DIR/address"),
        OptionSpec(name: "help", short: "h", summary: "show this help"),
    ]

    private static let oneName = ArgumentSpec(name: "NAME", summary: "the service")
    private static let names = ArgumentSpec(
        name: "NAME", summary: "one or more services", repeats: true)

    private static let grace = OptionSpec(
        name: "grace", short: "g", value: "TIME",
        summary: "time between SIGTERM and SIGKILL; default 5s")

    private static let serve = CommandSpec(
        name: "serve", summary: "Run the daemon in the foreground",
        details: """
            Services keep running when the daemon ends, and the next start takes them back.
            """,
        options: [
            OptionSpec(
                name: "listen", value: "ADDR:PORT",
                summary: "listen there; default 127.0.0.1:11611 and [::1]:11611", repeats: true)
        ],
        examples: [
            Example(line: "gr serve", summary: "with the folder ~/.gr"),
            Example(
                line: "gr serve --home /tmp/gr --listen 127.0.0.1:4000",
                summary: "a second daemon, apart from the first"),
        ],
        isForwarded: true, run: { (_) throws(CommandFailure) in .success })

    private static let add = CommandSpec(
        name: "add", summary: "Register a service, or change one",
        details: """
            What is not given stays as it is when the service exists. Words behind -- become the \
            command; without a command the service is one that somebody else runs.
            """,
        arguments: [oneName],
        options: [
            OptionSpec(name: "port", short: "p", value: "PORT", summary: "the port it listens on"),
            OptionSpec(name: "no-port", summary: "a worker that listens nowhere"),
            OptionSpec(name: "cmd", value: "CMD", summary: "shell command that runs it"),
            OptionSpec(
                name: "cwd", value: "DIR", summary: "where CMD runs; default: the directory here"),
            OptionSpec(name: "group", value: "@GROUP", summary: "the group it belongs to"),
            OptionSpec(name: "ready", value: "URL", summary: "ready once this URL answers 2xx"),
            OptionSpec(
                name: "env", short: "e", value: "K=V", summary: "a variable for CMD",
                repeats: true),
            OptionSpec(
                name: "restart", value: "POLICY",
                summary: "never, on-failure, always (kept, not acted on yet)",
                choices: ["never", "on-failure", "always"]),
            OptionSpec(
                name: "depends-on", value: "NAME",
                summary: "a service it needs (kept, not acted on yet)",
                repeats: true),
        ],
        examples: [
            Example(line: "gr add web --port 3000 -- npm run dev", summary: "run by the daemon"),
            Example(line: "gr add db --port 5432 --group @data", summary: "run by somebody else"),
            Example(line: "gr add mailer --no-port --cmd 'make work'", summary: "a worker"),
        ],
        takesCommand: true, run: ServiceCommands.add)

    private static let rm = CommandSpec(
        name: "rm", summary: "Stop services and forget them", arguments: [names],
        options: [grace],
        examples: [Example(line: "gr rm web", summary: "stop web and forget it")],
        run: ServiceCommands.remove)

    private static let ls = CommandSpec(
        name: "ls", summary: "List services",
        arguments: [
            ArgumentSpec(name: "@GROUP", summary: "only this group", isOptional: true)
        ],
        options: [
            OptionSpec(
                name: "status", short: "s", value: "S",
                summary: "only services that are S",
                choices: ["stopped", "starting", "running", "stopping", "failed"])
        ],
        examples: [
            Example(line: "gr ls @jobs", summary: "the services of one group"),
            Example(line: "gr ls -q --status failed", summary: "names of what failed"),
        ],
        run: QueryCommands.list)

    private static let start = CommandSpec(
        name: "start", summary: "Start services and wait until they are ready",
        arguments: [names],
        options: [
            OptionSpec(
                name: "timeout", short: "t", value: "TIME",
                summary: "how long each may take: 500ms, 30s, 2m; default 30s")
        ],
        examples: [Example(line: "gr start db web", summary: "db first, then web")],
        run: ServiceCommands.start)

    private static let stop = CommandSpec(
        name: "stop", summary: "Stop services",
        arguments: [names],
        options: [grace],
        examples: [Example(line: "gr stop web --grace 20s", summary: "give it 20 seconds")],
        run: ServiceCommands.stop)

    private static let restart = CommandSpec(
        name: "restart", summary: "Stop services and start them again",
        arguments: [names], options: stop.options + start.options,
        examples: [Example(line: "gr restart web", summary: "stop, then start and wait")],
        run: ServiceCommands.restart)

    private static let status = CommandSpec(
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

    private static let url = CommandSpec(
        name: "url", summary: "Print the URL of a service",
        details: "Prints it whether the service runs or not.",
        arguments: [oneName],
        examples: [Example(line: "curl $(gr url web)/health", summary: "call a service by name")],
        run: QueryCommands.url)

    private static let health = CommandSpec(
        name: "health", summary: "Ask whether the daemon answers",
        examples: [Example(line: "gr health -q || gr serve", summary: "start it if it does not")],
        run: QueryCommands.health)

    private static let version = CommandSpec(
        name: "version", summary: "Show the versions of gr and of the daemon",
        examples: [Example(line: "gr version -q", summary: "only the number")],
        run: QueryCommands.version)

    static let help = CommandSpec(
        name: "help", summary: "Show help for a command",
        arguments: [
            ArgumentSpec(
                name: "COMMAND", summary: "the command; all when left out",
                isOptional: true)
        ],
        examples: [Example(line: "gr help add", summary: "the same as gr add --help")],
        run: HelpCommand.run)
}
