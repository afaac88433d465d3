// What the commands that change services take: add, rm, start, stop, restart. Read through
// CommandTable; the functions behind them are in ServiceCommands.

extension CommandTable {
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

    static let rm = CommandSpec(
        name: "rm", summary: "Stop services and forget them", arguments: [names],
        options: [grace],
        examples: [Example(line: "gr rm web", summary: "stop web and forget it")],
        run: ServiceCommands.remove)

    static let start = CommandSpec(
        name: "start", summary: "Start services and wait until they are ready",
        arguments: [names],
        options: [
            OptionSpec(
                name: "timeout", short: "t", value: "TIME",
                summary: "how long each may take: 500ms, 30s, 2m; default 30s")
        ],
        examples: [Example(line: "gr start db web", summary: "db first, then web")],
        run: ServiceCommands.start)

    static let stop = CommandSpec(
        name: "stop", summary: "Stop services",
        arguments: [names],
        options: [grace],
        examples: [Example(line: "gr stop web --grace 20s", summary: "give it 20 seconds")],
        run: ServiceCommands.stop)

    static let restart = CommandSpec(
        name: "restart", summary: "Stop services and start them again",
        arguments: [names], options: stop.options + start.options,
        examples: [Example(line: "gr restart web", summary: "stop, then start and wait")],
        run: ServiceCommands.restart)
}
