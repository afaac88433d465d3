// gr open: a service in the browser. Which one is said by $BROWSER, or by the desktop (xdg-open);
// where there is neither, the URL is printed.

enum OpenCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let (url, body) = try QueryCommands.resolved(context)
        if context.isJSON { context.printJSON(body) }
        for browser in browsers(context.environment) {
            var words = browser.split(separator: " ").map { $0 == "%s" ? url : String($0) }
            if !words.contains(url) { words.append(url) }
            if ProgramLaunch.run(words, environment: context.environment) == 0 { return .success }
        }
        if let last = browsers(context.environment).last {
            context.warn("no browser came up, the last one tried was: \(last)")
        }
        if !context.isJSON { context.print(DisplayText.escaped(url)) }
        return .success
    }

    /// Those to try, in order: commands, with %s for the URL.
    private static func browsers(_ environment: [String: String]) -> [String] {
        func isSet(_ name: String) -> Bool { !(environment[name] ?? "").isEmpty }
        if isSet("BROWSER") {
            return (environment["BROWSER"] ?? "").split(separator: ":").prefix(8).map(String.init)
        }
        // Without a display xdg-open would look for browsers on the terminal.
        return isSet("DISPLAY") || isSet("WAYLAND_DISPLAY") ? ["xdg-open"] : []
    }
}
