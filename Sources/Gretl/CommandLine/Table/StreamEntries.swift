// What the commands that read streams take: logs, events. Read through CommandTable; the functions
// behind them are in Streams.

extension CommandTable {
    static let streamCommands = [logs, events]

    static let follow = OptionSpec(
        name: "follow", short: "f", summary: "go on until interrupted")
    static let jsonLines = OptionSpec(
        name: "jsonl", summary: "print one JSON object on each line")

    static let logs = CommandSpec(
        name: "logs", summary: "Show what services wrote",
        details: """
            Colours pass, every other control byte is spelled out. With -f it survives restarts \
            of the services and of the daemon, and ends when interrupted.
            """,
        arguments: [
            ArgumentSpec(
                name: "NAME", summary: "services, and groups as @GROUP; all without it",
                isOptional: true, repeats: true)
        ],
        options: [
            follow,
            OptionSpec(
                name: "lines", short: "n", value: "N",
                summary: "the newest N lines; default 100, at most 10000"),
            OptionSpec(
                name: "since", value: "WHEN",
                summary: "only lines of the last 90s, 10m, 2h30m, 1d, or since an RFC 3339 time"),
            OptionSpec(
                name: "grep", value: "TEXT", summary: "only lines with this text, no pattern"),
            OptionSpec(name: "ignore-case", short: "i", summary: "with --grep: a is A"),
            OptionSpec(name: "times", short: "t", summary: "show when each line was written"),
            jsonLines,
        ],
        examples: [
            Example(line: "gr logs web", summary: "the newest 100 lines"),
            Example(line: "gr logs -f @site", summary: "follow a group, each name in its colour"),
            Example(line: "gr logs --since 10m --grep error", summary: "of all services"),
        ],
        run: LogCommand.run)

    static let events = CommandSpec(
        name: "events", summary: "Show what happened to services",
        details: """
            The daemon keeps the last 1024 events. With -f the stream goes on, also over a restart \
            of the daemon, without losing one; where that cannot be, it says so.
            """,
        arguments: [
            ArgumentSpec(
                name: "NAME", summary: "only about these services and @groups", isOptional: true,
                repeats: true)
        ],
        options: [
            follow,
            OptionSpec(
                name: "lines", short: "n", value: "N", summary: "the newest N; default 100"),
            OptionSpec(
                name: "since", value: "ID", summary: "all behind the event with this number"),
            OptionSpec(
                name: "type", value: "TYPE",
                summary: "only these: service.crashed, group.*, ...", repeats: true),
            OptionSpec(name: "stats", summary: "with -f: CPU and memory every 2 s, too"),
            jsonLines,
        ],
        examples: [
            Example(line: "gr events -f", summary: "what happened, then what happens"),
            Example(line: "gr events --type service.crashed web", summary: "when web crashed"),
            Example(line: "gr events -f -n 0 --jsonl", summary: "only new ones, for a program"),
        ],
        run: EventCommand.run)
}
