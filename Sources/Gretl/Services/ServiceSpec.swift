// What a user registered: the wish, without any state. Written by POST /v1/services, kept by
// ServiceStore, read by the supervisor. Values here passed ServicePatch.

import NetCore

/// When an ended program is started again.
package enum RestartPolicy: String, Sendable, CaseIterable {
    case never
    case onFailure = "on-failure"
    case always
}

/// What a start of a service does.
package enum StartMode: String, Sendable, CaseIterable {
    /// It starts the program.
    case manual
    /// A monitor listens; the first connection starts the program.
    case onDemand = "on-demand"
}

/// A registered service.
package struct ServiceSpec: Sendable, Equatable {
    package var name: String
    /// Nil for a worker that listens nowhere.
    package var port: Int?
    /// `$SHELL -c` command; nil for an external service that somebody else runs.
    package var command: String?
    /// Absolute directory of the command; nil: the owner's home.
    package var directory: String?
    /// Starts with `@`.
    package var group: String?
    /// URL that answers 2xx when the service is ready.
    package var ready: String?
    package var environment: [String: String] = [:]
    package var dependsOn: [String] = []
    /// Those of them with whose restart it is restarted too.
    package var restartWith: [String] = []
    package var restart = RestartPolicy.onFailure
    /// The program gets a terminal.
    package var tty = false
    /// A monitor listens on the port, over all restarts, and hands the socket on.
    package var listen = false
    package var startMode = StartMode.manual
    /// Started when the daemon comes up for the first time after a boot.
    package var autostart = false
    /// What a stop sends first, nil for SIGTERM.
    package var stopSignal: String?
    /// Where its output goes; nil: a file of the daemon's.
    package var logFile: String?
    /// The folder of the gr.toml it came from, which its name belongs to; nil when it was
    /// registered by hand.
    package var root: String?

    package init(name: String) { self.name = name }

    /// What clients call; nil for a worker.
    package var url: String? { port.map { "http://localhost:\($0)" } }

    /// Where its log may be, wherever links lead: a gr.toml speaks for its own folder only.
    var logFolder: String? { root ?? directory }

    /// The port a monitor is to listen on for it.
    package var heldPort: Int? { listen || startMode == .onDemand ? port : nil }

    /// The fields, as the API calls them, in which this differs from an older spec.
    func changes(from old: ServiceSpec) -> [String] {
        let fields: [(String, Bool)] = [
            ("port", port == old.port), ("cmd", command == old.command),
            ("cwd", directory == old.directory), ("group", group == old.group),
            ("ready", ready == old.ready), ("env", environment == old.environment),
            ("dependsOn", dependsOn == old.dependsOn), ("restart", restart == old.restart),
            ("restartWith", restartWith == old.restartWith),
            ("start", startMode == old.startMode), ("listen", listen == old.listen),
            ("autostart", autostart == old.autostart), ("tty", tty == old.tty),
            ("stopSignal", stopSignal == old.stopSignal), ("logFile", logFile == old.logFile),
            ("root", root == old.root),
        ]
        return fields.filter { !$0.1 }.map(\.0)
    }

    /// What its next start goes by.
    var plan: ServiceMachine.Plan {
        ServiceMachine.Plan(
            restart: restart, isOnDemand: startMode == .onDemand, heldPort: heldPort)
    }

    /// How its monitor treats the program.
    var options: ProgramOptions {
        ProgramOptions(
            terminal: tty ? .usual : nil, logBytes: LogLimits.logFileBytes,
            logFiles: LogLimits.rotatedFiles + 1,
            stopSignal: stopSignal.flatMap(SignalName.number))
    }
}
