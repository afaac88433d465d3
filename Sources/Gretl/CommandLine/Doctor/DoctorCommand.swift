// gr doctor: looks at everything a daemon and its services rest on, and says what is wrong and what
// to do about it. Changes nothing, starts nothing, and works without a daemon.

enum DoctorCommand {
    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let findings = look(context)
        let isBroken = findings.contains { $0.state == .broken }
        if context.isJSON {
            context.printJSON(json(findings, isBroken))
        } else {
            write(findings, context)
        }
        return isBroken ? .failure : .success
    }

    private static func look(_ context: CommandContext) -> [Finding] {
        var findings = MachineChecks.kernel() + MachineChecks.programs()
        let home = DaemonAddress.home(
            option: context.invocation.value("home"), environment: context.environment)?.path
        var settings: Configuration?
        var isUsable = true
        if let home {
            let folder = HomeChecks.folder(home)
            isUsable = !folder.contains { $0.state == .broken }
            findings += folder
            if isUsable {
                let configuration = HomeChecks.configuration(home)
                findings += configuration.findings
                settings = configuration.settings
                findings += MachineChecks.disk(HomeInspection.space(home), home)
            }
        }
        let newest = home.flatMap { home in
            [home, "\(home)/logs"].compactMap { HomeInspection.newestChange(in: $0) }.max()
        }
        findings += MachineChecks.clock(now: context.io.wallSeconds(), newest: newest)
        let daemon = DaemonChecks.run(
            context, home: isUsable ? home : nil, settings: settings)
        let isRunning = home.map { isUsable && isThere(daemon, $0) } ?? false
        if let home, isUsable, !isRunning, let foreign = HomeChecks.foreignSocket(home) {
            // Whatever else is said of the daemon is because of it.
            findings.append(foreign)
        } else {
            findings += daemon.findings
        }
        if let home, isUsable {
            if !isRunning { findings += HomeChecks.database(home) }
            findings += HomeChecks.address(home, isRunning: isRunning)
            findings += HomeChecks.leftovers(home, isRunning: isRunning)
        }
        if let client = daemon.client {
            findings += ServiceChecks.run(client, home: isUsable ? home : nil)
        }
        return findings
    }

    /// Whether a daemon of the folder runs, answering or not.
    private static func isThere(
        _ daemon: (findings: [Finding], client: DaemonClient?), _ home: String
    ) -> Bool {
        daemon.client != nil || DaemonLock.holder(path: "\(home)/\(HomeFolder.lockName)") != nil
    }

    // MARK: Output

    private static func write(_ findings: [Finding], _ context: CommandContext) {
        let style = context.style
        let shown = context.isQuiet ? findings.filter { $0.state != .good } : findings
        let width = shown.map { DisplayText.width($0.mark(style).text) }.max() ?? 0
        for finding in shown {
            let mark = finding.mark(style)
            let padded = DisplayText.padded(mark.text, to: width)
            let message = DisplayText.escaped("\(finding.check): \(finding.message)")
            context.print("\(style.paint(padded, mark.ink)) \(message)")
            guard let hint = finding.hint else { continue }
            let indent = String(repeating: " ", count: width + 1)
            context.print(style.paint("\(indent)\(DisplayText.escaped(hint))", .dim))
        }
        let broken = findings.count { $0.state == .broken }
        let notices = findings.count { $0.state == .notice }
        guard !context.isQuiet else { return }
        context.print(
            broken + notices == 0
                ? "nothing is wrong"
                : "\(broken) broken, \(HomeChecks.counted(notices, "notice"))")
    }

    private static func json(_ findings: [Finding], _ isBroken: Bool) -> [UInt8] {
        var json = JSONText(capacity: 4_096)
        json.beginObject()
        json.field("ok", !isBroken)
        json.key("findings")
        json.beginArray()
        for finding in findings {
            json.beginObject()
            json.field("check", finding.check)
            json.field("state", finding.state.rawValue)
            json.field("message", finding.message)
            json.field("hint", finding.hint)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }
}
