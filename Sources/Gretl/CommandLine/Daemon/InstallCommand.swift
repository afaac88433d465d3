// gr daemon install: the daemon as a unit of the user's systemd, started with the session.

internal import NetCore

enum InstallCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let home = try DaemonCommands.folder(context)
        let path = try unitPath(context)
        let unit = UserUnit(
            program: ProcessFacts.executable(),
            home: home.isChosen ? try context.absolute(home.path) : nil,
            searchPath: context.environment["PATH"])
        if context.invocation.has("print") {
            if context.isJSON {
                printJSON(unit, path, context)
            } else {
                context.io.writeOutput(Array(unit.text.utf8))
            }
            return .success
        }
        guard let control = HelperProgram.find("systemctl", environment: context.environment)
        else {
            throw CommandFailure(
                exit: .failure, code: "no_systemd",
                message: "there is no systemctl on this machine, so nothing was installed",
                hint: "gr starts the daemon by itself when a command needs it; "
                    + "gr daemon install --print shows the unit")
        }
        // Asked before anything is written: the program is often there without anybody behind it.
        try systemctl(control, ["daemon-reload"], context)
        do throws(FileError) { try UserFile.write(Array(unit.text.utf8), to: path) } catch {
            throw CommandFailure(
                exit: .failure, code: "not_installed", message: error.description, hint: nil)
        }
        try systemctl(control, ["daemon-reload"], context)
        let facts = try takePlace(of: home, control, context)
        if context.isJSON {
            printJSON(unit, path, context)
        } else {
            context.say(
                "installed \(DisplayText.escaped(path)); the daemon runs"
                    + (facts.pid.map { ", pid \($0)" } ?? ""))
            context.say("to keep it without a session: loginctl enable-linger")
        }
        return .success
    }

    /// One folder, one daemon: that of systemd takes the place of the one that runs. Nobody else
    /// starts one meanwhile.
    private static func takePlace(
        of home: DaemonAddress.Home, _ control: String, _ context: CommandContext
    ) throws(CommandFailure) -> DaemonFacts {
        let line: StartLine
        do {
            let folder = try HomeFolder.prepare(try HomeFolder.locate(option: home.path))
            line = try StartLine(folder, until: SystemTime.shared.now() + DaemonLaunch.patience)
        } catch {
            throw CommandFailure(
                exit: .failure, code: "not_installed", message: "\(error)", hint: nil)
        }
        _ = DaemonEnd.run(home: home.path)
        try systemctl(control, ["enable", "--now", UserUnit.name], context)
        let facts = try answering(context)
        withExtendedLifetime(line) {}
        return facts
    }

    private static func unitPath(_ context: CommandContext) throws(CommandFailure) -> String {
        func folder(_ name: String) -> String? {
            context.environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        let base = folder("XDG_CONFIG_HOME") ?? folder("HOME").map { "\($0)/.config" }
        guard let base else {
            throw .usage("HOME is not set, so there is no place for the unit")
        }
        return "\(base)/systemd/user/\(UserUnit.name)"
    }

    private static func systemctl(
        _ program: String, _ words: [String], _ context: CommandContext
    ) throws(CommandFailure) {
        let run = HelperProgram(program, ["--user"] + words, environment: context.environment)
        guard run?.exit != 0 else { return }
        let said = (run?.said ?? "").split(separator: "\n").first.map { ": \($0)" } ?? ""
        throw CommandFailure(
            exit: .failure, code: "systemd_failed",
            message: "'systemctl --user \(words.joined(separator: " "))' failed\(said)",
            hint: "is there a session of systemd for this user? see: loginctl user-status")
    }

    /// Waits for the daemon that systemd started.
    private static func answering(_ context: CommandContext) throws(CommandFailure) -> DaemonFacts {
        for _ in 0..<100 {
            let facts = try DaemonFacts(context)
            if facts.isAnswering { return facts }
            _ = Terminal.waitReadable([], milliseconds: 50)
        }
        throw CommandFailure(
            exit: .unreachable, code: "daemon_not_started",
            message: "systemd has started the daemon and it does not answer",
            hint: "see: journalctl --user -u \(UserUnit.name)")
    }

    private static func printJSON(_ unit: UserUnit, _ path: String, _ context: CommandContext) {
        var json = JSONText()
        json.beginObject()
        json.field("path", path)
        json.field("unit", unit.text)
        json.endObject()
        context.printJSON(json.bytes)
    }
}
