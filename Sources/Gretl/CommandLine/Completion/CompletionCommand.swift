// gr completion: prints the script for a shell.

enum CompletionCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let word = context.invocation.arguments.first ?? ""
        let shells = CompletionShell.allCases.map(\.rawValue)
        guard let shell = CompletionShell(rawValue: word) else {
            throw .usage(
                "there is no completion for '\(word)'",
                hint: Suggestion.hint(for: word, among: shells)
                    ?? "it is one of: \(shells.joined(separator: ", "))")
        }
        if context.isJSON {
            var json = JSONText(capacity: 32 * 1_024)
            json.beginObject()
            json.field("shell", shell.rawValue)
            json.field("script", shell.script)
            json.endObject()
            context.printJSON(json.bytes)
        } else {
            context.io.writeOutput(Array(shell.script.utf8))
        }
        return .success
    }
}
