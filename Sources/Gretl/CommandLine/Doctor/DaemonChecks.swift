// gr doctor about the daemon: whether one runs, answers, and is of this version, and who has its
// port when none does.

/// Checks of the daemon, which may be gone, stuck or somebody else's.
enum DaemonChecks {
    /// What was found, and the client when the daemon answers.
    static func run(
        _ context: CommandContext, home: String?, settings: Configuration?
    ) -> (findings: [Finding], client: DaemonClient?) {
        let holder = home.flatMap { DaemonLock.holder(path: "\($0)/\(HomeFolder.lockName)") }
        do throws(CommandFailure) {
            let client = try context.client()
            let body = try client.call("GET", "/health", within: .seconds(3))
            let health = try client.decode(HealthAnswer.self, body)
            return (answering(client, health, holder), client)
        } catch {
            return (silent(error, holder, settings), nil)
        }
    }

    private static func answering(
        _ client: DaemonClient, _ health: HealthAnswer, _ holder: Int32?
    ) -> [Finding] {
        let version = health.version ?? "of an unknown version"
        let pid = holder.map { ", pid \($0)" } ?? ""
        var findings: [Finding] = [
            .good("daemon", "gr \(version) answers at \(client.address.url)\(pid)")
        ]
        let again = "start it anew, services go on: \(client.place.restart)"
        if health.version != Version.text {
            findings.append(
                .notice(
                    "versions", "the daemon has version \(version), this gr \(Version.text)",
                    hint: again))
        } else if let holder, MonitorProcesses.isReplaced(holder) {
            findings.append(
                .notice(
                    "versions", "the daemon was started from a program that was replaced since",
                    hint: again))
        } else {
            findings.append(.good("versions", "gr and the daemon are the same, \(Version.text)"))
        }
        return findings
    }

    private static func silent(
        _ failure: CommandFailure, _ holder: Int32?, _ settings: Configuration?
    ) -> [Finding] {
        guard failure.exit == .unreachable else {
            return [
                .broken("daemon", failure.message, hint: failure.hint ?? "see: gr help doctor")
            ]
        }
        if let holder, !DaemonLock.isDaemon(holder) {
            return [
                .broken(
                    "daemon", "pid \(holder) has the daemon's lock and is no gr daemon",
                    hint: "see what it is: ps -fp \(holder); without its lock one can start")
            ]
        }
        if let holder {
            return [
                .broken(
                    "daemon", "it runs (pid \(holder)) and does not answer: \(failure.message)",
                    hint: "is it stopped? kill -CONT \(holder); else end it, services go on: "
                        + "kill -9 \(holder)")
            ]
        }
        var findings: [Finding] = [
            .notice("daemon", "no daemon runs", hint: "start it: gr daemon start")
        ]
        let ports = settings.map { [$0.port, $0.sdkPort] } ?? [Configuration().port]
        for port in ports where port != 0 {
            guard let words = ListenerScan.holder(of: port) else { continue }
            findings.append(
                .broken(
                    "daemon", "its port \(port) is held by \(words)",
                    hint: "end that, or choose another 'port' in config.toml"))
        }
        return findings
    }
}
