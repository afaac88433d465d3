// The manual pages, made from the command table, so that no option can be missing or stale. `gr
// man` prints them and `make install` puts them where man looks.

/// The pages there are.
enum ManualPage: String, CaseIterable, Sendable {
    case gr
    case file = "gr.toml"

    /// Of the last change to the words that are written here.
    static let date = "2026-11-25"

    /// The page in the man(7) language.
    var text: String {
        switch self {
        case .gr: CommandManual.text
        case .file: FileManual.text
        }
    }
}

/// gr(1).
enum CommandManual {
    static var text: String {
        var page = Roff(
            title: "GR", section: 1, date: ManualPage.date, source: "gr \(Version.text)")
        page.section("NAME")
        page.plain("gr - name, start and watch the services of this machine")
        page.section("SYNOPSIS")
        page.synopsis("gr", "COMMAND [arguments] [options]")
        page.section("DESCRIPTION")
        page.plain(
            "One daemon on loopback knows which service listens on which port and how to start it. "
                + "Scripts and people ask it by name instead of remembering numbers. gr is its "
                + "client, and with 'gr serve' the daemon itself. Programs, their logs and exit "
                + "codes survive a restart, an upgrade or a crash of the daemon.")
        page.section("COMMANDS")
        for command in CommandTable.commands { write(command, to: &page) }
        page.section("COMMON OPTIONS")
        for option in CommandTable.globalOptions { page.item(option.usage, option.summary + ".") }
        page.section("EXIT STATUS")
        for code in ExitCode.allCases { page.item("\(code.rawValue)", code.meaning + ".") }
        page.section("ENVIRONMENT")
        for (name, meaning) in environment { page.item(name, meaning) }
        page.section("FILES")
        for (name, meaning) in files { page.item(name, meaning) }
        page.section("EXAMPLES")
        page.plain("Register a service, start it, and call it by name:")
        page.example([
            "gr add web --port 3000 -- npm run dev", "gr start web", "curl $(gr url web)/",
        ])
        page.section("SEE ALSO")
        page.seeAlso([("gr.toml", 5)])
        return page.text
    }

    private static func write(_ command: CommandSpec, to page: inout Roff) {
        page.subsection(command.usage)
        page.plain(command.summary + ".")
        if !command.details.isEmpty { page.paragraph(command.details) }
        for argument in command.arguments {
            page.item(argument.usage, argument.summary + ".")
        }
        for option in command.options {
            let repeats = option.repeats ? "; may be repeated" : ""
            page.item(option.usage, option.summary + repeats + ".")
        }
        guard !command.examples.isEmpty else { return }
        page.paragraph(command.examples.count > 1 ? "Examples:" : "Example:")
        for example in command.examples { page.item(example.line, example.summary + ".") }
    }

    private static let environment = [
        ("GR_HOME", "The daemon's folder, unless --home names another one; default ~/.gr."),
        ("GRETL_DAEMON", "Where the daemon is, as http://127.0.0.1:11611, unless --address says."),
        ("GR_AUTH_TOKEN", "The token, when config.toml sets one; default is the one in there."),
        (
            "GR_TOKEN",
            "The token for clusters, where config.toml sets none; default is the daemon's own."
        ),
        ("GR_NO_AUTOSTART", "When set, no command starts a daemon that does not run."),
        ("NO_COLOR", "When set, no colours; --color counts more."),
        ("CLICOLOR_FORCE", "When set and not 0, colours in pipes too."),
    ]

    private static let files = [
        ("~/.gr/config.toml", "Where the daemon listens, its token and its limits."),
        ("~/.gr/state.db", "What is registered."),
        ("~/.gr/address", "Where the daemon listens."),
        ("~/.gr/daemon.sock", "The socket that gr tries first."),
        ("~/.gr/daemon.log", "What a daemon in the background says."),
        ("~/.gr/logs/NAME.log", "What a service wrote; older files end in .1 to .4."),
    ]
}

/// gr man: shows a manual page on a terminal, and prints it elsewhere.
enum ManualCommand {
    /// Whether man has shown the page: only on a terminal, and not in the tests of this process.
    private static func isShown(_ page: ManualPage, _ context: CommandContext) -> Bool {
        guard context.io.outputIsTerminal, context.io.launchDaemon != nil else { return false }
        let status = ProgramLaunch.run(
            ["man", "-l", "-"], environment: context.environment, reading: Array(page.text.utf8))
        return status == 0
    }

    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let word = context.invocation.arguments.first ?? ManualPage.gr.rawValue
        let pages = ManualPage.allCases.map(\.rawValue)
        guard let page = ManualPage(rawValue: word) else {
            throw .usage(
                "there is no manual page '\(word)'",
                hint: Suggestion.hint(for: word, among: pages)
                    ?? "it is one of: \(pages.joined(separator: ", "))")
        }
        if context.isJSON {
            var json = JSONText(capacity: 32 * 1_024)
            json.beginObject()
            json.field("page", page.rawValue)
            json.field("text", page.text)
            json.endObject()
            context.printJSON(json.bytes)
        } else if !isShown(page, context) {
            context.io.writeOutput(Array(page.text.utf8))
        }
        return .success
    }
}
