// What programs are started with: the machine and the home folder as the supervisor sees them, and
// the start of one program built from that and its spec. Read by Supervisor when a monitor is told
// what to run. Values of variables pass through here and must not reach a log or an answer.

import NetCore

/// What the supervisor needs of the machine and the home folder.
package struct SupervisorEnvironment: Sendable {
    /// Path of gr-monitor.
    package var monitorPath: String
    /// An open descriptor of the run directory.
    package var runDirectory: Int32
    /// The log file of a service.
    package var logPath: @Sendable (_ name: String) -> String
    /// Octal umask of programs.
    package var umask: String
    package var shell: String
    /// Directory of a command without one.
    package var homeDirectory: String
    /// What every program gets of the daemon's environment.
    package var inherited: [String: String]
    /// GRETL_DAEMON.
    package var daemonURL: String
    /// The daemon's home folder.
    package var home = "/nonexistent"
    /// The pause before the first automatic start; shorter in tests.
    package var firstDelay = RestartCounter.firstDelay

    package init(
        monitorPath: String, runDirectory: Int32,
        logPath: @escaping @Sendable (String) -> String, umask: String, shell: String,
        homeDirectory: String, inherited: [String: String], daemonURL: String
    ) {
        self.monitorPath = monitorPath
        self.runDirectory = runDirectory
        self.logPath = logPath
        self.umask = umask
        self.shell = shell
        self.homeDirectory = homeDirectory
        self.inherited = inherited
        self.daemonURL = daemonURL
    }
}

extension SupervisorEnvironment {
    /// Where the output of a spec's program goes.
    package func logPath(of spec: ServiceSpec) -> String { spec.logFile ?? logPath(spec.name) }

    /// What a monitor is told to run for `spec`.
    func programStart(_ spec: ServiceSpec, incarnation: String) -> ProgramStart {
        let directory = spec.directory ?? homeDirectory
        var variables = spec.variables(
            inherited: inherited, directory: directory, daemonURL: daemonURL)
        // By this a later daemon finds the program, whatever the spec says.
        variables["GRETL_INCARNATION"] = incarnation
        return ProgramStart(
            shell: shell, command: spec.command ?? "", directory: directory,
            logPath: logPath(of: spec), umask: umask,
            environment: variables.map { "\($0.key)=\($0.value)" }.sorted())
    }
}

extension ServiceSpec {
    /// Variables that are the daemon's to set.
    static let ownVariables = ["GRETL_NAME", "GRETL_GROUP", "GRETL_DAEMON", "GRETL_INCARNATION"]

    /// What its program finds in its environment, for a start and for gr exec.
    func variables(
        inherited: [String: String], directory: String, daemonURL: String
    ) -> [String: String] {
        var variables = inherited
        variables["PORT"] = port.map { "\($0)" }
        variables["PWD"] = directory
        if tty, variables["TERM"] == nil { variables["TERM"] = "xterm-256color" }
        for (name, value) in environment { variables[name] = value }
        // ownVariables: ours, whatever the spec says.
        variables["GRETL_NAME"] = name
        variables["GRETL_GROUP"] = group ?? ""
        variables["GRETL_DAEMON"] = daemonURL
        return variables
    }
}
