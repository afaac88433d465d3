// Where a command writes and what it knows of its surroundings.
//
// The standard one is the process's streams; tests give their own and read what was written. A
// command must reach nothing outside but through this and DaemonClient.

internal import NetCore

/// Output and surroundings of one command.
package struct CommandIO: Sendable {
    /// Takes text for standard output.
    package var writeOutput: @Sendable ([UInt8]) -> Void
    /// Takes text for standard error.
    package var writeErrors: @Sendable ([UInt8]) -> Void
    /// Why standard output takes nothing any more; nil while it does.
    package var outputFailure: @Sendable () -> String? = { nil }
    /// Writes a question to standard error and gives the line that somebody types; nil at the end
    /// of the input.
    package var readLine: @Sendable (_ question: [UInt8]) -> String? = { _ in nil }
    package var inputIsTerminal = false
    package var outputIsTerminal = false
    package var errorsAreTerminal = false
    /// Columns of the terminal, when it says.
    package var columns: Int?
    /// The working directory, absolute; nil when it is gone, or not UTF-8.
    package var directory: String?
    package var isDirectoryNoText = false
    /// Seconds since 1970.
    package var wallSeconds: @Sendable () -> Int64
    /// Starts the daemon of a home folder in the background, with words for `serve`, and returns
    /// once it answers: its pid, or nil when it ran already. Nil where nothing may be started.
    package var launchDaemon: Launch?
    /// Runs the daemon with the words behind `serve`, until it ends.
    package var serve: @Sendable ([String]) -> Int32

    /// Home folder, words for `serve`, environment of the caller.
    package typealias Launch =
        @Sendable (String, [String], [String: String]) throws(CommandFailure) -> Int32?

    package init(
        writeOutput: @escaping @Sendable ([UInt8]) -> Void,
        writeErrors: @escaping @Sendable ([UInt8]) -> Void,
        wallSeconds: @escaping @Sendable () -> Int64,
        serve: @escaping @Sendable ([String]) -> Int32
    ) {
        self.writeOutput = writeOutput
        self.writeErrors = writeErrors
        self.wallSeconds = wallSeconds
        self.serve = serve
    }

    /// Ends a command that nobody can read any more.
    func checkOutput() throws(CommandFailure) {
        guard let reason = outputFailure() else { return }
        throw CommandFailure(
            exit: .failure, code: "output_failed", message: "cannot write the output: \(reason)",
            hint: "what is missing was not written")
    }

    /// The streams of this process.
    package static func standard(serve: @escaping @Sendable ([String]) -> Int32) -> CommandIO {
        let failed = Lock<Int32>(0)
        var io = CommandIO(
            writeOutput: { bytes in
                // After a failure nothing more is tried: half of a line is worse than none.
                guard failed.withLock({ $0 }) == 0 else { return }
                let code = Terminal.write(bytes, to: Terminal.output)
                if code != 0 { failed.withLock { $0 = code } }
            },
            writeErrors: { Terminal.write($0, to: Terminal.errors) },
            wallSeconds: { Terminal.wallSeconds() }, serve: serve)
        io.outputFailure = {
            let code = failed.withLock { $0 }
            return code == 0 ? nil : SystemError.text(code)
        }
        io.readLine = { Terminal.readLine(behind: $0) }
        io.inputIsTerminal = Terminal.isTerminal(Terminal.input)
        io.outputIsTerminal = Terminal.isTerminal(Terminal.output)
        io.errorsAreTerminal = Terminal.isTerminal(Terminal.errors)
        io.columns = io.outputIsTerminal ? Terminal.columns(Terminal.output) : nil
        io.launchDaemon = { (home, words, environment) throws(CommandFailure) in
            try DaemonStart.run(home: home, words: words, environment: environment)
        }
        io.directory = Terminal.currentDirectory()
        io.isDirectoryNoText = Terminal.isDirectoryNoText()
        return io
    }
}
