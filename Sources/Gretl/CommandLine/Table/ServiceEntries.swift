// What the commands that change services take: add, rm, start, stop, restart. Read through
// CommandTable; the functions behind them are in ServiceCommands.

extension CommandTable {
    static let serviceCommands = [add, rm, start, stop, restart]

    static let add = CommandSpec(
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
                summary: "start it again: never, on-failure (default), always",
                choices: ["never", "on-failure", "always"]),
            OptionSpec(
                name: "depends-on", value: "NAME", summary: "a service that is started before it",
                repeats: true),
            OptionSpec(
                name: "restart-with", value: "NAME",
                summary: "of those, one whose restart restarts it too", repeats: true),
            OptionSpec(
                name: "start", value: "MODE",
                summary: "manual (default), or on-demand: by the first connection",
                choices: ["manual", "on-demand"]),
            OptionSpec(name: "listen", summary: "keep the port open over restarts (LISTEN_FDS)"),
            OptionSpec(name: "no-listen", summary: "CMD opens the port itself"),
            OptionSpec(name: "autostart", summary: "start it after a boot"),
            OptionSpec(name: "no-autostart", summary: "leave it stopped after a boot"),
            OptionSpec(name: "tty", summary: "give CMD a terminal; see gr attach"),
            OptionSpec(name: "no-tty", summary: "without a terminal"),
            OptionSpec(
                name: "stop-signal", value: "SIGNAL",
                summary: "what a stop sends first: INT, QUIT, ...; default TERM"),
            OptionSpec(
                name: "log-file", value: "FILE",
                summary: "where its output goes, below its directory"),
            OptionSpec(
                name: "unset", value: "OPTION", summary: "forget what an option had set",
                repeats: true, choices: AddCommand.clearable.keys.sorted()),
        ],
        examples: [
            Example(line: "gr add web --port 3000 -- npm run dev", summary: "run by the daemon"),
            Example(line: "gr add db --port 5432 --group @data", summary: "run by somebody else"),
            Example(line: "gr add mailer --no-port --cmd 'make work'", summary: "a worker"),
            Example(line: "gr add web --unset group", summary: "take it out of its group"),
        ],
        takesCommand: true, run: AddCommand.run)

    static let rm = CommandSpec(
        name: "rm", summary: "Stop services and forget them", arguments: [names],
        options: [
            grace, OptionSpec(name: "purge", summary: "remove its logs too"),
        ],
        examples: [Example(line: "gr rm web", summary: "stop web and forget it")],
        run: ServiceCommands.remove)

    static let targets = ArgumentSpec(
        name: "NAME", summary: "services, and groups as @GROUP", repeats: true)

    static let start = CommandSpec(
        name: "start", summary: "Start services and wait until they are ready",
        details: """
            What a service depends on is started first. What fails in a group does not stop the \
            others; the exit code is 8 when some came up and some did not.
            """,
        arguments: [targets],
        options: [
            timeout,
            OptionSpec(name: "no-deps", summary: "leave out what they depend on"),
            OptionSpec(name: "plan", summary: "say what would be done, and do nothing"),
        ],
        examples: [
            Example(line: "gr start db web", summary: "db first, then web"),
            Example(line: "gr start @jobs", summary: "a group, in the order of its dependencies"),
        ],
        run: ServiceCommands.start)

    private static let timeout = OptionSpec(
        name: "timeout", short: "t", value: "TIME",
        summary: "how long each may take: 500ms, 30s, 2m; default 30s")

    static let stop = CommandSpec(
        name: "stop", summary: "Stop services",
        arguments: [targets],
        options: [grace],
        examples: [
            Example(line: "gr stop web --grace 20s", summary: "give it 20 seconds"),
            Example(line: "gr stop @jobs", summary: "a group, in reverse order"),
        ],
        run: ServiceCommands.stop)

    static let restart = CommandSpec(
        name: "restart", summary: "Stop services and start them again",
        arguments: [targets],
        options: [
            grace, timeout, OptionSpec(name: "no-deps", summary: "leave out what they depend on"),
        ],
        examples: [Example(line: "gr restart web", summary: "stop, then start and wait")],
        run: ServiceCommands.restart)
}
