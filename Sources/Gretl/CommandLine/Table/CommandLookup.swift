// Finding commands in the table: by one word or two, by topic, and what to say when there is none.
//
// The parser and the help command use it. A name of two words begins with its topic (`daemon
// start`); a topic is no command of its own.

extension CommandTable {
    /// The command that `words` begin with, and how many of them are its name.
    static func command(
        startingWith words: some Collection<String>
    ) -> (command: CommandSpec, count: Int)? {
        // Two words name more exactly than one.
        for count in [2, 1] where words.count >= count {
            let name = words.prefix(count).joined(separator: " ")
            if let command = command(named: name) { return (command, count) }
        }
        return nil
    }

    /// The commands of a topic, such as `daemon`; empty when there is none of that name.
    static func commands(ofTopic topic: String) -> [CommandSpec] {
        commands.filter { $0.name.hasPrefix(topic + " ") }
    }

    /// Says that no command starts with `words`, which are one at least, and what is near.
    static func unknown(_ words: some Collection<String>) -> CommandFailure {
        let word = words.first ?? ""
        let topic = commands(ofTopic: word).map { String($0.name.dropFirst(word.count + 1)) }
        guard !topic.isEmpty else {
            if command(named: word) != nil {
                let all = words.joined(separator: " ")
                return .usage("there is no command '\(all)'", hint: "see: gr help")
            }
            let names =
                commands.map(\.name)
                + commands.filter { $0.name.contains(" ") }.map {
                    String($0.name.prefix { $0 != " " })
                }
            return .usage(
                "there is no command '\(word)'",
                hint: Suggestion.hint(for: word, among: names) ?? "see: gr help")
        }
        let list = "it is one of: \(topic.joined(separator: ", "))"
        guard let second = words.dropFirst().first, !second.hasPrefix("-") else {
            return .usage("gr \(word) needs a command", hint: list)
        }
        return .usage(
            "there is no command '\(word) \(second)'",
            hint: Suggestion.hint(for: second, among: topic) ?? list)
    }
}
