// What the commands about the program of a service take: wait, attach, exec, env, open. Read
// through CommandTable; the functions behind them have files of their own.

extension CommandTable {
    static let programCommands = [wait, attach, exec, env, open]

    static let wait = CommandSpec(
        name: "wait", summary: "Wait until services are ready, or stopped",
        details: """
            It starts and stops nothing. What ends while it is waited for is not waited for any \
            longer; the exit code is 6, as it is when the time is over.
            """,
        arguments: [
            ArgumentSpec(
                name: "NAME", summary: "services, and groups as @GROUP", repeats: true)
        ],
        options: [
            OptionSpec(
                name: "for", value: "STATE", summary: "ready (default) or stopped",
                choices: ["ready", "stopped"]),
            OptionSpec(
                name: "timeout", short: "t", value: "TIME",
                summary: "for all of them together: 500ms, 30s, 2m; default 30s"),
        ],
        examples: [
            Example(line: "gr wait db web && npm test", summary: "once both are ready"),
            Example(line: "gr wait web --for stopped -t 2m", summary: "until it has ended"),
        ],
        run: WaitCommand.run)

    static let attach = CommandSpec(
        name: "attach", summary: "Type into the terminal of a service",
        details: """
            For a service with tty (gr add NAME --tty). Its output comes as it is. The program \
            goes on when you detach.
            """,
        arguments: [oneName],
        options: [
            OptionSpec(
                name: "detach-keys", value: "KEYS",
                summary: "default \(AttachCommand.defaultKeys); such as ctrl-p,ctrl-q")
        ],
        examples: [Example(line: "gr attach repl", summary: "ctrl-] leaves it running")],
        run: AttachCommand.run)

    static let exec = CommandSpec(
        name: "exec", summary: "Run a command in the environment of a service",
        details: """
            With its variables, in its directory, in place of gr: streams and exit code are the \
            command's. The values are read from the daemon's folder; the API never tells them.
            """,
        arguments: [oneName],
        options: [
            OptionSpec(name: "here", summary: "in the directory here, not in the service's")
        ],
        examples: [
            Example(line: "gr exec api -- npm run migrate", summary: "with api's variables"),
            Example(line: "gr exec api -- sh -c 'echo $PORT'", summary: "through a shell"),
        ],
        takesCommand: true, startsDaemon: false, run: EnvironmentCommands.exec)

    static let env = CommandSpec(
        name: "env", summary: "Show the variables of a service, with their values",
        details: "Those that it does not share with your shell, quoted for one.",
        arguments: [oneName],
        options: [OptionSpec(name: "all", short: "a", summary: "those that it shares, too")],
        examples: [
            Example(line: "gr env api", summary: "NAME=VALUE lines"),
            Example(line: "gr env -q api", summary: "only the names"),
        ],
        startsDaemon: false, run: EnvironmentCommands.list)

    static let open = CommandSpec(
        name: "open", summary: "Open a service in the browser",
        details: "By $BROWSER, or xdg-open; prints the URL where there is neither.",
        arguments: [oneName],
        examples: [Example(line: "gr open web", summary: "the same as xdg-open $(gr url web)")],
        run: OpenCommand.run)
}
