// `gr` from its words to its exit code: the entry of the client and of the tests.
//
// main.swift calls `run` with the process's own words, environment and streams. It never exits
// itself and catches every failure, so a command is a function that tests can call a thousand
// times.

/// The command line of gr.
package enum CommandLine {
    /// Runs one command; `arguments` are the words behind the program's name. The result is the
    /// exit code of the process.
    package static func run(
        _ arguments: [String], environment: [String: String], io: CommandIO
    ) -> Int32 {
        var parser = ArgumentParser(arguments)
        let invocation: Invocation
        do {
            invocation = try parser.parse()
        } catch {
            // The words could not be read, so the two options that matter are looked for as such.
            let words = arguments.prefix { $0 != "--" }
            let style = OutputStyle(
                choice: words.contains("--no-color") ? "never" : nil,
                isTerminal: io.errorsAreTerminal, environment: environment)
            CommandContext.report(
                error, isJSON: words.contains("--json"), io: io, style: style)
            return error.exit.rawValue
        }
        let context = CommandContext(invocation: invocation, environment: environment, io: io)
        if invocation.command.isForwarded, !invocation.has("help") {
            // --home may stand before the command; the daemon reads the rest itself.
            let home = invocation.values("home").flatMap { ["--home", $0] }
            return io.serve(home + invocation.arguments)
        }
        do {
            var code = ExitCode.success
            if invocation.has("help") {
                io.writeOutput(Array(HelpText.command(invocation.command, context.style).utf8))
            } else {
                code = try invocation.command.run(context)
            }
            try io.checkOutput()
            return code.rawValue
        } catch {
            context.report(error)
            return error.exit.rawValue
        }
    }

    /// The whole life of the process `gr`, but for its exit. `serve` runs the daemon.
    package static func main(serve: @escaping @Sendable ([String]) -> Int32) -> Int32 {
        Terminal.prepareStreams()
        let io = CommandIO.standard(serve: serve)
        let environment = Terminal.environment()
        let words = Terminal.arguments()
        if let index = words.firstIndex(of: nil) {
            let style = OutputStyle(
                choice: nil, isTerminal: io.errorsAreTerminal, environment: environment)
            CommandContext.report(
                .usage(
                    "word \(index + 1) of the command line is not UTF-8",
                    hint: "names and paths that gr takes are UTF-8 text"),
                isJSON: words.contains("--json"), io: io, style: style)
            return ExitCode.usage.rawValue
        }
        return run(words.compactMap { $0 }, environment: environment, io: io)
    }
}
