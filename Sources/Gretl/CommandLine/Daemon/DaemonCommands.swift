// gr daemon start, stop, status and logs: the daemon of a home folder as a process on this machine.
//
// An address says nothing about a process, so all but status refuse one.

enum DaemonCommands {
    // MARK: start

    static let start: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let home = try folder(context)
        guard let launch = context.io.launchDaemon else {
            throw CommandFailure(
                exit: .failure, code: "daemon_not_started", message: "nothing can be started here",
                hint: nil)
        }
        let words = context.invocation.values("listen").flatMap { ["--listen", $0] }
        let started = try launch(home.path, words, context.environment)
        let facts = try DaemonFacts(context)
        guard !context.isJSON else {
            context.printJSON(facts.json)
            return .success
        }
        let place = "pid \(facts.pid.map { "\($0)" } ?? "unknown"), at \(facts.url ?? facts.socket)"
        if started != nil {
            context.say("daemon started, \(place)")
        } else {
            context.say("the daemon runs already, \(place)")
            if !words.isEmpty { context.warn("--listen counts at its next start only") }
        }
        return .success
    }

    // MARK: stop

    static let stop: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let home = try folder(context)
        let running = servicesRunning(context)
        let outcome = DaemonEnd.run(home: home.path)
        var stopped: Int32?
        switch outcome {
        case .goesOn(let pid):
            let isAnswering = try DaemonFacts(context).isAnswering
            throw CommandFailure(
                exit: .failure, code: "daemon_goes_on",
                message: "the daemon (pid \(pid)) was told to end and "
                    + (isAnswering ? "still finishes its answers" : "does not react"),
                hint: isAnswering
                    ? "ask again: gr daemon status"
                    : "end it: kill -9 \(pid); its services go on, the next daemon takes them back"
            )
        case .isNoDaemon(let pid):
            throw CommandFailure(
                exit: .failure, code: "no_daemon",
                message: "pid \(pid) has the lock of \(shown(home.path)) and is no gr daemon: it "
                    + "was left alone",
                hint: "see what it is: ps -fp \(pid)")
        case .ended(let pid): stopped = pid
        case .wasNotRunning: break
        }
        if context.isJSON {
            var json = JSONText()
            json.beginObject()
            json.field("stopped", stopped != nil)
            json.field("pid", stopped.map { Int($0) })
            json.field("servicesRunning", stopped == nil ? nil : running)
            json.endObject()
            context.printJSON(json.bytes)
        } else if stopped == nil {
            context.say("no daemon runs with the folder \(shown(home.path))")
        } else {
            context.say("daemon stopped; \(rest(running))")
        }
        return .success
    }

    /// How many programs the daemon leaves behind; nil when it does not say.
    private static func servicesRunning(_ context: CommandContext) -> Int? {
        guard let client = try? context.client(),
            let body = try? client.call("GET", "/v1/services", within: .seconds(2)),
            let list = try? client.decode(ServiceListAnswer.self, body)
        else { return nil }
        return list.services.count { $0.pid != nil }
    }

    private static func rest(_ running: Int?) -> String {
        switch running {
        case nil: "services go on running"
        case 0?: "no service was running"
        case 1?: "1 service goes on running, the next daemon takes it back"
        case let count?: "\(count) services go on running, the next daemon takes them back"
        }
    }

    // MARK: status

    static let status: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let facts = try DaemonFacts(context)
        if context.isJSON {
            context.printJSON(facts.json)
        } else if context.isQuiet {
            context.print(facts.isAnswering ? "running" : "stopped")
        } else if !facts.isAnswering {
            throw facts.failure
        } else {
            let lines = [
                ("daemon", "running"), ("pid", facts.pid.map { "\($0)" }),
                ("version", facts.version), ("address", facts.url), ("socket", facts.socket),
                ("home", facts.home), ("log", facts.log),
            ]
            for (title, value) in lines {
                guard let value, !value.isEmpty else { continue }
                let name = context.style.paint(DisplayText.padded(title, to: 10), .dim)
                context.print(name + shown(value))
            }
        }
        return facts.isAnswering ? .success : .unreachable
    }

    // MARK: logs

    static let logs: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let home = try folder(context)
        let path = "\(home.path)/\(HomeFolder.logName)"
        let text = context.invocation.value("lines") ?? "100"
        guard let count = Int(text), (0...100_000).contains(count) else {
            throw .usage("'\(text)' is no number of lines", hint: "give one from 0 to 100000")
        }
        guard let file = GrowingFile(path) else {
            throw CommandFailure(
                exit: .failure, code: "no_log", message: "there is no log at \(path)",
                hint: "a daemon of systemd logs to: journalctl --user -u gr; "
                    + "one in the foreground to its terminal")
        }
        let isJSON = context.isJSON || context.invocation.has("jsonl")
        var pending: [UInt8] = []
        func show(_ bytes: [UInt8]) {
            pending += bytes
            guard let end = pending.lastIndex(of: 0x0A) else { return }
            var lines: [UInt8] = []
            for line in pending[..<end].split(separator: 0x0A, omittingEmptySubsequences: false) {
                lines += isJSON ? jsonLine(line) : plainLine(line)
            }
            pending.removeFirst(end + 1)
            context.io.writeOutput(lines)
        }
        show(file.lastLines(count))
        // Ends with Ctrl-C, or when nobody reads the output any more.
        while context.invocation.has("follow") {
            show(file.next(within: 250))
            try context.io.checkOutput()
        }
        if !pending.isEmpty { show([0x0A]) }
        return .success
    }

    private static func plainLine(_ line: ArraySlice<UInt8>) -> [UInt8] {
        Array((shown(String(decoding: line, as: UTF8.self)) + "\n").utf8)
    }

    private static func jsonLine(_ line: ArraySlice<UInt8>) -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.field("text", String(decoding: line, as: UTF8.self))
        json.endObject()
        return JSONLine.compact(json.bytes)
    }

    // MARK: Pieces

    /// The home folder that is meant. An address names no folder.
    static func folder(_ context: CommandContext) throws(CommandFailure) -> DaemonAddress.Home {
        let place = try context.daemonPlace()
        guard place.isHome else {
            throw .usage(
                "gr \(context.invocation.command.name) is about the daemon of a folder here, and "
                    + "an address is given",
                hint: "leave --address out, and unset GRETL_DAEMON")
        }
        guard let home = place.home else {
            throw .usage("there is no home folder: HOME is not set", hint: "give --home DIR")
        }
        return home
    }

    private static func shown(_ text: String) -> String { DisplayText.escaped(text) }
}
