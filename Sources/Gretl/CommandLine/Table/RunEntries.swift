// What the commands about agent runs take: run, and runs ls, show, logs, resume, abort and rm. Read
// through CommandTable; the functions behind them are in RunCommand and RunsCommands.

extension CommandTable {
    static let runCommands = [run, listRuns, showRun, runLogs, resumeRun, abortRun, removeRun]

    private static let oneRun = ArgumentSpec(
        name: "RUN", summary: "its id, or the beginning of it")
    private static let runs = ArgumentSpec(
        name: "RUN", summary: "ids, or beginnings of them", repeats: true)

    static let run = CommandSpec(
        name: "run", summary: "Have an agent work until a goal is met",
        details: """
            The goal is checked after each answer of the model: pytest, make-test, cargo-test, \
            go-test, npm-test or shell-goal; without one the folder says. The agent's programs run \
            in a sandbox that writes only the folder and has no network. The exit code is 0 when \
            the goal is met.
            """,
        arguments: [
            ArgumentSpec(name: "GOAL", summary: "what to reach; default: auto", isOptional: true)
        ],
        options: [
            OptionSpec(name: "cwd", value: "DIR", summary: "the project; default: this folder"),
            OptionSpec(
                name: "model", short: "m", value: "MODEL",
                summary: "such as claude-sonnet-4-6, gpt-5, ollama/qwen3"),
            OptionSpec(
                name: "max-iterations", short: "n", value: "N",
                summary: "answers of the model; default 20"),
            OptionSpec(name: "max-tokens", value: "N", summary: "stop at so many tokens"),
            OptionSpec(name: "max-cost", value: "USD", summary: "stop at so many US dollars"),
            OptionSpec(name: "max-time", value: "TIME", summary: "stop after 90s, 10m or 2h"),
            OptionSpec(name: "ask", summary: "ask before each further iteration"),
            OptionSpec(name: "network", summary: "let its programs use the network"),
            OptionSpec(name: "no-sandbox", summary: "let its programs do what you may do"),
            OptionSpec(name: "resume-on-start", summary: "go on after a restart of the daemon"),
            OptionSpec(name: "detach", short: "d", summary: "print the run's id and return"),
            jsonLines,
        ],
        examples: [
            Example(line: "gr run pytest", summary: "make the tests here pass"),
            Example(
                line: "gr run pytest --max-cost 0.50 --ask", summary: "with a budget and a say"),
            Example(line: "gr run -d make-test --cwd ~/src/app", summary: "in the background"),
        ],
        run: RunCommand.run)

    static let listRuns = CommandSpec(
        name: "runs ls", summary: "List the runs, newest first",
        options: [
            OptionSpec(
                name: "status", value: "STATUS", summary: "only these",
                choices: RunStatus.allCases.map(\.rawValue)),
            OptionSpec(name: "lines", short: "n", value: "N", summary: "the newest N"),
        ],
        examples: [Example(line: "gr runs ls --status running", summary: "what works now")],
        run: RunsCommands.list)

    static let showRun = CommandSpec(
        name: "runs show", summary: "Show one run: how far it is, what it used, why it ended",
        arguments: [oneRun],
        examples: [Example(line: "gr runs show 550e8400", summary: "one run")],
        run: RunsCommands.show)

    static let runLogs = CommandSpec(
        name: "runs logs", summary: "Show what happened in a run",
        details: "With -f it goes on until the run ends, also over a restart of the daemon.",
        arguments: [oneRun],
        options: [
            follow,
            OptionSpec(
                name: "since", value: "SEQ", summary: "all behind the event with this number"),
            jsonLines,
        ],
        examples: [Example(line: "gr runs logs -f 550e8400", summary: "from the beginning on")],
        run: RunsCommands.logs)

    static let resumeRun = CommandSpec(
        name: "runs resume", summary: "Answer a run that waits for a decision",
        arguments: [
            oneRun,
            ArgumentSpec(
                name: "approve|abort", summary: "go on or end; default: approve", isOptional: true),
        ],
        options: [
            OptionSpec(name: "message", value: "TEXT", summary: "something for the model to hear")
        ],
        examples: [
            Example(
                line: "gr runs resume 550e8400 --message 'leave conftest.py alone'",
                summary: "go on with a word")
        ],
        run: RunsCommands.resume)

    static let abortRun = CommandSpec(
        name: "runs abort", summary: "End runs and everything they started", arguments: [runs],
        examples: [Example(line: "gr runs abort 550e8400", summary: "end it")],
        run: RunsCommands.abort)

    static let removeRun = CommandSpec(
        name: "runs rm", summary: "Forget finished runs and their events", arguments: [runs],
        examples: [Example(line: "gr runs rm 550e8400", summary: "forget it")],
        run: RunsCommands.remove)
}
