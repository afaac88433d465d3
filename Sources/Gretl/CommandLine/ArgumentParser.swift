// Reads the words behind `gr` by the command table: which command, its arguments and options.
//
// CommandLine.run calls it once. It knows nothing of any single command; a word it cannot place is
// a usage error with the nearest word it knows.

/// A command with everything that was given to it.
struct Invocation: Sendable {
    var command: CommandSpec
    /// Words without a dash, in order.
    var arguments: [String] = []
    /// Words behind `--`, when the command takes a command; nil without `--`.
    var userCommand: [String]?
    /// Values by option name; flags hold one empty text.
    private(set) var options: [String: [String]] = [:]

    init(command: CommandSpec) {
        self.command = command
    }

    func has(_ name: String) -> Bool { options[name] != nil }

    /// The last value given.
    func value(_ name: String) -> String? { options[name]?.last }

    func values(_ name: String) -> [String] { options[name] ?? [] }

    mutating func set(_ name: String, to value: String) {
        options[name, default: []].append(value)
    }
}

/// The reader of one command line.
struct ArgumentParser {
    private var words: ArraySlice<String>
    private var pending: [(name: String, value: String)] = []

    /// `words` without the program's own name.
    init(_ words: [String]) {
        self.words = words[...]
    }

    /// The most words looked at; the kernel allows more, nobody types them.
    static let wordsMost = 4_096

    /// Reads everything. Without a command it is `help`.
    mutating func parse() throws(CommandFailure) -> Invocation {
        guard words.count <= Self.wordsMost else { throw .usage("too many words") }
        while let word = words.first, word.hasPrefix("-"), word != "-" {
            if word == "--version" {
                words.removeFirst()
                words.insert("version", at: words.startIndex)
                break
            }
            words.removeFirst()
            pending.append(
                contentsOf: try option(word, among: CommandTable.globalOptions, of: nil))
        }
        guard !words.isEmpty else {
            // `gr --help` asks for the overview, not for the page about help.
            pending.removeAll { $0.name == "help" }
            return try finished(CommandTable.help)
        }
        guard let (command, count) = CommandTable.command(startingWith: words) else {
            if let topic = words.first, !CommandTable.commands(ofTopic: topic).isEmpty,
                let second = words.dropFirst().first, ["--help", "-h"].contains(second)
            {
                // The words are those of `gr help TOPIC` in another order.
                words = [topic]
                return try finished(CommandTable.help)
            }
            throw CommandTable.unknown(words)
        }
        words.removeFirst(count)
        return try finished(command)
    }

    private mutating func finished(_ command: CommandSpec) throws(CommandFailure) -> Invocation {
        var invocation = Invocation(command: command)
        for (name, value) in pending { invocation.set(name, to: value) }
        if command.isForwarded {
            invocation.arguments = Array(words)
            if words.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" })
            {
                invocation.set("help", to: "")
            }
            return invocation
        }
        let known = command.options + CommandTable.globalOptions
        while let word = words.popFirst() {
            if word == "--" {
                if command.takesCommand {
                    invocation.userCommand = Array(words)
                } else {
                    invocation.arguments.append(contentsOf: words)
                }
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                invocation.arguments.append(word)
                continue
            }
            for (name, value) in try option(word, among: known, of: command) {
                invocation.set(name, to: value)
            }
        }
        if !invocation.has("help") { try check(invocation) }
        return invocation
    }

    // MARK: One option

    /// The options that one word (and its value) gives: several for `-qs running`.
    private mutating func option(
        _ word: String, among known: [OptionSpec], of command: CommandSpec?
    ) throws(CommandFailure) -> [(name: String, value: String)] {
        if word.hasPrefix("--") { return [try longOption(word, among: known, of: command)] }
        var found: [(name: String, value: String)] = []
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            guard let spec = known.first(where: { $0.short == letter }) else {
                throw unknown("-\(letter)", among: known, of: command)
            }
            guard spec.value != nil else {
                found.append((spec.name, ""))
                continue
            }
            // The value is the rest of the word, or the next word.
            let attached = letters.isEmpty ? nil : String(letters)
            found.append((spec.name, try value(of: spec, attached: attached, shown: "-\(letter)")))
            break
        }
        return found
    }

    private mutating func longOption(
        _ word: String, among known: [OptionSpec], of command: CommandSpec?
    ) throws(CommandFailure) -> (name: String, value: String) {
        let equals = word.firstIndex(of: "=")
        let name = word[..<(equals ?? word.endIndex)].dropFirst(2)
        guard let spec = known.first(where: { $0.name == name }) else {
            throw unknown("--\(name)", among: known, of: command)
        }
        let attached = equals.map { String(word[word.index(after: $0)...]) }
        guard spec.value != nil else {
            if attached != nil { throw .usage("--\(name) takes no value") }
            return (spec.name, "")
        }
        return (spec.name, try value(of: spec, attached: attached, shown: "--\(name)"))
    }

    private mutating func value(
        of spec: OptionSpec, attached: String?, shown: String
    ) throws(CommandFailure) -> String {
        guard let value = attached ?? words.popFirst() else {
            throw .usage("\(shown) needs a value: \(spec.usage)")
        }
        guard !value.isEmpty || !spec.namesPlace else {
            throw .usage("\(shown) needs a value that is not empty: \(spec.usage)")
        }
        guard spec.choices.isEmpty || spec.choices.contains(value) else {
            throw .usage(
                "\(shown) cannot be '\(value)'",
                hint: Suggestion.hint(for: value, among: spec.choices)
                    ?? "it is one of: \(spec.choices.joined(separator: ", "))")
        }
        return value
    }

    private func unknown(
        _ shown: String, among known: [OptionSpec], of command: CommandSpec?
    ) -> CommandFailure {
        let typed = String(shown.drop { $0 == "-" })
        let nearest = Suggestion.nearest(to: typed, among: known.map(\.name))
        let place = command.map { " of gr \($0.name)" } ?? ""
        let help = command.map { "see: gr help \($0.name)" } ?? "see: gr help"
        return .usage(
            "there is no option '\(shown)'\(place)",
            hint: nearest.map { "did you mean '--\($0)'?" } ?? help)
    }

    // MARK: Checks

    private func check(_ invocation: Invocation) throws(CommandFailure) {
        let command = invocation.command
        let least = command.arguments.count { !$0.isOptional }
        let isOpen = command.arguments.contains(where: \.repeats)
        let help = "see: gr help \(command.name)"
        if invocation.arguments.count < least {
            let missing = command.arguments[invocation.arguments.count].name
            throw .usage("gr \(command.name) needs \(missing)", hint: "usage: \(command.usage)")
        }
        if !isOpen, invocation.arguments.count > command.arguments.count {
            let extra = invocation.arguments[command.arguments.count]
            let advice = command.takesCommand ? "a command goes behind --" : help
            throw .usage("gr \(command.name) does not take '\(extra)'", hint: advice)
        }
        if invocation.arguments.contains("") {
            throw .usage("a name cannot be empty", hint: help)
        }
        for option in command.options where !option.repeats {
            if invocation.values(option.name).count > 1 {
                throw .usage("--\(option.name) is given more than once", hint: help)
            }
        }
    }
}
