// Help: the overview and the page of each command, made from the command table alone, so that no
// option can be missing or stale.

enum HelpText {
    private static let indent = "  "

    /// What `gr` and `gr help` print.
    static func overview(_ style: OutputStyle) -> String {
        var text = "gr names, starts and watches the services of this machine.\n\n"
        text += heading("Usage", style) + "\(indent)gr COMMAND [arguments] [options]\n\n"
        text += heading("Commands", style)
        text += pairs(CommandTable.commands.map { ($0.name, $0.summary) }, style)
        text += "\n" + heading("Common options", style)
        text += pairs(CommandTable.globalOptions.map { ($0.usage, $0.summary) }, style)
        text += "\n" + heading("Exit codes", style)
        text += pairs(ExitCode.allCases.map { ("\($0.rawValue)", $0.meaning) }, style)
        return text + "\nMore about a command: gr help COMMAND\n"
    }

    /// What `gr help NAME` and `gr NAME --help` print.
    static func command(_ command: CommandSpec, _ style: OutputStyle) -> String {
        var text = "\(command.summary).\n"
        if !command.details.isEmpty { text += "\(wrapped(command.details))\n" }
        text += "\n" + heading("Usage", style) + "\(indent)\(command.usage)\n"
        if !command.arguments.isEmpty {
            text += "\n" + heading("Arguments", style)
            text += pairs(command.arguments.map { ($0.usage, $0.summary) }, style)
        }
        if !command.options.isEmpty {
            text += "\n" + heading("Options", style)
            text += pairs(
                command.options.map { option in
                    (option.usage, option.summary + (option.repeats ? "; may be repeated" : ""))
                }, style)
        }
        // The daemon takes its home folder and nothing else of what the client commands take.
        let common = CommandTable.globalOptions.filter {
            !command.isForwarded || $0.name == "home" || $0.name == "help"
        }
        text += "\n" + heading("Common options", style)
        text += pairs(common.map { ($0.usage, $0.summary) }, style)
        if !command.examples.isEmpty {
            text += "\n" + heading("Examples", style)
            text += pairs(command.examples.map { ($0.line, $0.summary) }, style)
        }
        return text
    }

    /// What `gr help TOPIC` prints.
    static func topic(
        _ topic: String, _ commands: [CommandSpec], _ style: OutputStyle
    ) -> String {
        heading("Commands of \(topic)", style)
            + pairs(commands.map { ($0.name, $0.summary) }, style)
            + "\nMore about a command: gr help \(topic) COMMAND\n"
    }

    /// What `gr help gr.toml` prints.
    static func file(_ style: OutputStyle) -> String {
        let lines = [
            "[service.db]", "port = 5432", "", "[service.web]", "port = 3000",
            "cmd = \"npm run dev\"", "depends_on = [\"db\"]",
        ]
        return "The services of a repository in one file, which gr up starts.\n\n"
            + heading("A gr.toml", style)
            + lines.map { $0.isEmpty ? "\n" : "\(indent)\($0)\n" }.joined()
            + "\nAll its keys: gr man gr.toml. Is yours right: gr config check\n"
    }

    private static func heading(_ word: String, _ style: OutputStyle) -> String {
        style.paint(word, .strong) + "\n"
    }

    /// Two columns; a left side that is too long has its line for itself.
    private static func pairs(_ pairs: [(String, String)], _ style: OutputStyle) -> String {
        let width = pairs.map { DisplayText.width($0.0) }.filter { $0 <= 44 }.max() ?? 0
        return pairs.map { left, right in
            DisplayText.width(left) <= width
                ? "\(indent)\(DisplayText.padded(left, to: width))  \(right)\n"
                : "\(indent)\(left)\n\(indent)\(DisplayText.padded("", to: width))  \(right)\n"
        }.joined()
    }

    /// Lines of at most 80 columns.
    private static func wrapped(_ text: String) -> String {
        var lines = [""]
        for word in text.split(separator: " ") {
            if !lines[lines.count - 1].isEmpty, lines[lines.count - 1].count + word.count >= 80 {
                lines.append("")
            }
            lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
        }
        return lines.joined(separator: "\n")
    }
}

extension ExitCode {
    /// As the overview says it.
    var meaning: String {
        switch self {
        case .success: "done"
        case .failure: "failed"
        case .usage: "the command line cannot be understood"
        case .unreachable: "the daemon does not answer"
        case .unknownService: "no service of that name"
        case .conflict: "a port, a name or a state stands in the way"
        case .notReady: "not ready in time"
        case .notAllowed: "the token is missing or wrong, or a rule forbids it"
        case .partialFailure: "some of several names failed"
        case .commandNotRunnable: "gr exec: the command cannot be run"
        case .commandNotFound: "gr exec: there is no such command"
        }
    }
}

enum HelpCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let words = context.invocation.arguments
        guard let first = words.first else {
            if context.isJSON {
                context.printJSON(table(CommandTable.commands))
            } else if context.isQuiet {
                for command in CommandTable.commands { context.print(command.name) }
            } else {
                context.io.writeOutput(Array(HelpText.overview(context.style).utf8))
            }
            return .success
        }
        if words == [ManualPage.file.rawValue], !context.isJSON {
            context.io.writeOutput(Array(HelpText.file(context.style).utf8))
            return .success
        }
        let topic = words.count == 1 ? CommandTable.commands(ofTopic: first) : []
        let named = CommandTable.command(startingWith: words)
            .flatMap { $0.count == words.count ? $0.command : nil }
        guard named != nil || !topic.isEmpty else { throw CommandTable.unknown(words) }
        if context.isJSON {
            context.printJSON(table((named.map { [$0] } ?? []) + topic))
        } else if context.isQuiet {
            for line in named.map({ [$0.usage] }) ?? topic.map(\.name) { context.print(line) }
        } else {
            let text =
                named.map { HelpText.command($0, context.style) }
                ?? HelpText.topic(first, topic, context.style)
            context.io.writeOutput(Array(text.utf8))
        }
        return .success
    }

    /// The table itself, for programs that offer commands.
    private static func table(_ commands: [CommandSpec]) -> [UInt8] {
        var json = JSONText(capacity: 4_096)
        json.beginObject()
        json.key("commands")
        json.beginArray()
        for command in commands {
            json.beginObject()
            json.field("name", command.name)
            json.field("summary", command.summary)
            json.field("usage", command.usage)
            json.key("options")
            json.beginArray()
            for option in command.options + CommandTable.globalOptions {
                json.beginObject()
                json.field("name", option.name)
                json.field("short", option.short.map { String($0) })
                json.field("value", option.value)
                json.field("summary", option.summary)
                json.field("repeats", option.repeats)
                json.field("choices", option.choices)
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }
}
