// The words a command line is made of: a command with its arguments, options and examples. The
// command table is built from these; the parser, the help texts and what else is generated read
// them. They must hold no behaviour but the function behind a command.

/// Something a command takes after its name, without a dash.
struct ArgumentSpec: Sendable {
    /// As shown in usage lines, in capitals.
    let name: String
    let summary: String
    var isOptional = false
    var repeats = false
    /// It names what is in the gr.toml here, registered or not.
    var isFromFile = false

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
    /// An empty value stands for an unset variable, and would mean another daemon, folder or file.
    var namesPlace: Bool { ["home", "address", "cwd", "file", "log-file"].contains(name) }

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
    /// One word, or two of which the first is a topic: `daemon start`.
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
    /// Whether a daemon that does not run is started for it.
    var startsDaemon = true
    let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode

    /// `gr add NAME [options]`
    var usage: String {
        var words = ["gr", name] + arguments.map(\.usage)
        if !options.isEmpty { words.append("[options]") }
        if takesCommand { words.append("[-- CMD ARGS...]") }
        return words.joined(separator: " ")
    }
}
