// What can stand where on a command line, for the completion scripts: read off the command table,
// so that no script knows a word of its own. What a word stands for (NAME, @GROUP, DIR) says what
// completes it.

/// What completes a word.
enum CompletionSource: Equatable, Sendable {
    /// Anything may stand there.
    case anything
    case words([String])
    case services
    case groups
    /// Both of them.
    case members
    /// Both, as the gr.toml here has them.
    case project
    /// Commands of gr.
    case commands
    /// Those that somebody listens on.
    case ports
    case folders
    case files
    /// What this command of gr prints with -q.
    case asked(String)

    /// By the word that usage lines show, such as `NAME` or `NAME|@GROUP`.
    init(placeholder: String, choices: [String] = []) {
        let words = placeholder.split(separator: "|").map(String.init)
        let isService = words.contains("NAME")
        let isGroup = words.contains { $0.hasPrefix("@") }
        let areWords = words.count > 1 && words.allSatisfy { $0.allSatisfy(\.isLowercase) }
        self =
            if !choices.isEmpty {
                .words(choices)
            } else if areWords {
                .words(words)
            } else if isService || isGroup {
                isService && isGroup ? .members : isService ? .services : .groups
            } else {
                switch placeholder {
                case "COMMAND": .commands
                case "DIR": .folders
                case "FILE": .files
                case "GOAL": .words(GoalKind.allCases.map(\.rawValue))
                case "RUN": .asked("runs ls")
                case "CLUSTER": .asked("k8s clusters")
                case "WORKLOAD": .asked("k8s workloads")
                case "TETHER": .asked("k8s tethers")
                case "SHELL": .words(CompletionShell.allCases.map(\.rawValue))
                case "PAGE": .words(ManualPage.allCases.map(\.rawValue))
                default: .anything
                }
            }
    }

    /// As the scripts write it: one word, or `words` or `asked` and the words.
    var code: String {
        switch self {
        case .anything: "anything"
        case .words(let words): (["words"] + words).joined(separator: " ")
        case .services: "services"
        case .groups: "groups"
        case .members: "members"
        case .project: "project"
        case .commands: "commands"
        case .ports: "ports"
        case .folders: "folders"
        case .files: "files"
        case .asked(let command): "asked \(command)"
        }
    }
}

/// The command table as the scripts need it.
enum CompletionTable {
    /// First words of commands, in the order of the overview, with what they do.
    static let firstWords: [(word: String, summary: String)] = {
        var found: [(word: String, summary: String)] = []
        for command in CommandTable.commands {
            let words = command.name.split(separator: " ").map(String.init)
            guard !found.contains(where: { $0.word == words[0] }) else { continue }
            found.append((words[0], words.count > 1 ? topicSummary(words[0]) : command.summary))
        }
        return found
    }()

    /// First words that are no commands of their own.
    static let topics: [String] = firstWords.map(\.word).filter {
        CommandTable.command(named: $0) == nil
    }

    private static func topicSummary(_ topic: String) -> String {
        secondWords(topic).map(\.word).joined(separator: ", ")
    }

    /// What can follow a topic.
    static func secondWords(_ topic: String) -> [(word: String, summary: String)] {
        CommandTable.commands(ofTopic: topic).map {
            (String($0.name.dropFirst(topic.utf8.count + 1)), $0.summary)
        }
    }

    /// The options of a command that it does not share with all.
    static func options(_ command: CommandSpec) -> [OptionSpec] {
        command.options.filter { own in
            !CommandTable.globalOptions.contains { $0.name == own.name }
        }
    }

    /// As it is typed: `--port`, `-p`.
    static func spellings(_ option: OptionSpec) -> [String] {
        ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])
    }

    static func source(_ option: OptionSpec) -> CompletionSource? {
        option.value.map { CompletionSource(placeholder: $0, choices: option.choices) }
    }

    /// A port that is an option's value is one that nobody has yet.
    static func source(_ argument: ArgumentSpec) -> CompletionSource {
        if argument.isFromFile { return .project }
        return ["PORT", ":PORT"].contains(argument.name)
            ? .ports : CompletionSource(placeholder: argument.name)
    }

    /// The commands with a command of the user's behind `--`.
    static let wrappers = CommandTable.commands.filter(\.takesCommand).map(\.name)
}

/// The shells there are scripts for.
enum CompletionShell: String, CaseIterable, Sendable {
    case bash, zsh, fish

    var script: String {
        switch self {
        case .bash: BashCompletion.script
        case .zsh: ZshCompletion.script
        case .fish: FishCompletion.script
        }
    }
}
