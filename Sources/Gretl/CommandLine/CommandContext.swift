// What a command function works with: its words, its output, and the daemon.
//
// CommandLine.run makes one; every command gets it as its only argument. Text that comes from
// elsewhere is escaped here or by the caller before it is written.

/// One run of one command.
struct CommandContext: Sendable {
    let invocation: Invocation
    let environment: [String: String]
    let io: CommandIO
    /// Style of standard output.
    let style: OutputStyle
    let isJSON: Bool
    let isQuiet: Bool

    init(invocation: Invocation, environment: [String: String], io: CommandIO) {
        self.invocation = invocation
        self.environment = environment
        self.io = io
        isJSON = invocation.has("json")
        isQuiet = invocation.has("quiet")
        style = OutputStyle(
            choice: Self.color(invocation), isTerminal: io.outputIsTerminal,
            environment: environment)
    }

    /// The choice of --color or --no-color.
    static func color(_ invocation: Invocation) -> String? {
        invocation.has("no-color") ? "never" : invocation.value("color")
    }

    /// Finds the daemon. Nothing is sent yet.
    func client() throws(CommandFailure) -> DaemonClient {
        let place = try daemonPlace()
        var client = DaemonClient(
            place: place, token: clientToken(home: place.home, environment: environment),
            clusterToken: clusterToken(of: place))
        if invocation.command.startsDaemon, place.isHome, let home = place.home,
            let launch = io.launchDaemon, (environment["GR_NO_AUTOSTART"] ?? "").isEmpty
        {
            client.start = { () throws(CommandFailure) in
                let pid = try launch(home.path, [], environment)
                if let pid, io.errorsAreTerminal { warn("started the daemon, pid \(pid)") }
            }
        }
        let notice = VersionNotice(of: place) { self.warn($0) }
        if !isQuiet { client.noteServer = notice.note }
        return client
    }

    /// What a daemon on this machine keeps in its home folder must not leave the machine.
    private func clusterToken(of place: DaemonPlace) -> String? {
        let isHere = !place.isAddressed || place.shown.isLoopback
        return ClusterToken.forClient(homePath: isHere ? place.home?.path : nil, environment)
    }

    /// The same without starting a daemon: for a stream that has ended, because the daemon may
    /// have been stopped on purpose. It may listen elsewhere by now.
    func returningClient() throws(CommandFailure) -> DaemonClient {
        var client = try client()
        client.start = nil
        return client
    }

    /// Where the daemon is by the options and the environment.
    func daemonPlace() throws(CommandFailure) -> DaemonPlace {
        try DaemonPlace(
            option: invocation.value("address"),
            home: DaemonAddress.home(option: invocation.value("home"), environment: environment),
            environment: environment)
    }

    // MARK: Output

    /// A line for people: nothing of it under --json or --quiet.
    func say(_ line: String) {
        if !isJSON, !isQuiet { print(line) }
    }

    /// A line that is the command's result.
    func print(_ line: String) { io.writeOutput(Array((line + "\n").utf8)) }

    /// A body of the API, for --json.
    func printJSON(_ body: some Sequence<UInt8>) { io.writeOutput(JSONLine.compact(body)) }

    /// A remark beside the result.
    func warn(_ text: String) {
        if !isJSON { io.writeErrors(Array("gr: \(DisplayText.escaped(text))\n".utf8)) }
    }

    /// The failure of one of many, which looks like that of a command.
    func complain(_ text: String) { writeErrors("gr:", .bad, text) }

    /// The next step, behind failures.
    func advise(_ text: String) { writeErrors("hint:", .strong, text) }

    private func writeErrors(_ mark: String, _ ink: Ink, _ text: String) {
        if isJSON { return }
        let line = "\(errorStyle.paint(mark, ink)) \(DisplayText.escaped(text))\n"
        io.writeErrors(Array(line.utf8))
    }

    /// Style of standard error.
    private var errorStyle: OutputStyle {
        OutputStyle(
            choice: Self.color(invocation), isTerminal: io.errorsAreTerminal,
            environment: environment)
    }

    /// Asks a person, on standard error; only a yes is one.
    func ask(_ question: String) -> Bool {
        let answer = io.readLine(Array("\(DisplayText.escaped(question)) [y/N] ".utf8)) ?? ""
        let word = answer.split(separator: " ").first ?? ""
        return ["y", "yes"].contains(word.lowercased())
    }

    /// Reports a failure: the envelope on standard output under --json, else words on standard
    /// error.
    func report(_ failure: CommandFailure) {
        Self.report(failure, isJSON: isJSON, io: io, style: errorStyle)
    }

    static func report(
        _ failure: CommandFailure, isJSON: Bool, io: CommandIO, style: OutputStyle
    ) {
        if isJSON {
            io.writeOutput(JSONLine.compact(failure.envelope))
            return
        }
        var text = style.paint("gr:", .bad) + " \(shown(failure.message))\n"
        for line in failure.lines { text += "  \(DisplayText.escaped(line))\n" }
        if let hint = failure.hint, !hint.isEmpty {
            text += style.paint("hint:", .strong) + " \(shown(hint))\n"
        }
        io.writeErrors(Array(text.utf8))
    }

    /// A message may repeat a word of any length.
    private static func shown(_ text: String) -> String {
        let most = 1_000
        let isCut = text.utf8.count > most
        return DisplayText.escaped(isCut ? String(text.prefix(most)) : text) + (isCut ? "…" : "")
    }

    /// Does `operation` for each name given and reports each failure as it comes. When the daemon
    /// is gone the rest is not tried.
    func forEachName(
        _ operation: (String) throws(CommandFailure) -> Void
    ) -> ExitCode {
        forEachWord { (name) throws(CommandFailure) in
            try operation(name)
            return .success
        }
    }

    /// The same for what has an exit code of its own, as a group has.
    func forEachWord(
        _ operation: (String) throws(CommandFailure) -> ExitCode
    ) -> ExitCode {
        var codes: [ExitCode] = []
        for word in invocation.arguments {
            do {
                codes.append(try operation(word))
            } catch {
                report(error)
                codes.append(error.exit)
                if error.exit == .unreachable { break }
            }
        }
        return ExitCode(combining: codes)
    }
}
