// What a program is started with, as values: the daemon's policy on one side, the fields of
// monitor_protocol.h on the other. Made by the supervisor, sent by MonitorLink.

/// What a program is started with.
package struct ProgramStart: Sendable {
    package var shell: String
    package var command: String
    package var directory: String
    package var logPath: String
    /// Octal, as in `022`.
    package var umask: String
    /// NAME=VALUE; nothing else is passed on.
    package var environment: [String]

    package init(
        shell: String, command: String, directory: String, logPath: String, umask: String,
        environment: [String]
    ) {
        self.shell = shell
        self.command = command
        self.directory = directory
        self.logPath = logPath
        self.umask = umask
        self.environment = environment
    }
}

/// Rows and columns of a terminal.
package struct TerminalSize: Equatable, Sendable {
    package var rows: UInt16
    package var columns: UInt16

    package init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }

    /// What a program gets that asked for a terminal without saying how large.
    package static let usual = TerminalSize(rows: 24, columns: 80)
}

/// How a monitor treats its program; what is nil is left to the monitor.
package struct ProgramOptions: Equatable, Sendable {
    /// The program gets a terminal of this size; nil: a pipe.
    package var terminal: TerminalSize?
    /// The log is rotated at this size, its time index included.
    package var logBytes: Int?
    /// How many files the log may consist of.
    package var logFiles: Int?
    /// What a stop sends instead of TERM.
    package var stopSignal: Int32?

    package init(
        terminal: TerminalSize? = nil, logBytes: Int? = nil, logFiles: Int? = nil,
        stopSignal: Int32? = nil
    ) {
        self.terminal = terminal
        self.logBytes = logBytes
        self.logFiles = logFiles
        self.stopSignal = stopSignal
    }

    /// key=value fields of OPTIONS.
    var fields: [String] {
        var fields = ["tty=\(terminal == nil ? 0 : 1)"]
        if let terminal { fields += ["rows=\(terminal.rows)", "cols=\(terminal.columns)"] }
        if let logBytes { fields.append("log_bytes=\(max(0, logBytes))") }
        if let logFiles { fields.append("log_files=\(max(0, logFiles))") }
        // A monitor that starts program after program must forget the one before.
        fields.append("stop_signal=\(max(0, stopSignal ?? 0))")
        return fields
    }
}

/// A running program whose monitor is gone, as a new one takes it over.
package struct ProgramAdoption: Sendable {
    package var program: ProgramIdentity
    package var logPath: String
    package var isReady: Bool
    package var options: ProgramOptions

    package init(
        program: ProgramIdentity, logPath: String, isReady: Bool,
        options: ProgramOptions = ProgramOptions()
    ) {
        self.program = program
        self.logPath = logPath
        self.isReady = isReady
        self.options = options
    }
}

/// The descriptors the daemon holds of a program, so that it outlives its monitor: nobody else has
/// a read end of its output then. Owned by a link, handed from link to link.
struct ProgramDescriptors {
    /// A pidfd.
    var program: Int32 = -1
    /// The read end of its output.
    var output: Int32 = -1
    /// The listening sockets of the held port.
    var listeners: [Int32] = []

    /// In the order and with the letters of monitor_protocol.h.
    var all: (letters: String, descriptors: [Int32]) {
        var letters = ""
        var descriptors: [Int32] = []
        if program >= 0 {
            letters += "p"
            descriptors.append(program)
        }
        if output >= 0 {
            letters += "o"
            descriptors.append(output)
        }
        letters += String(repeating: "l", count: listeners.count)
        return (letters, descriptors + listeners)
    }

    /// Keeps `descriptors` by their letters and closes what has none, and what they replace.
    mutating func take(_ descriptors: [Int32], letters: String) {
        var letters = letters.makeIterator()
        var isFirstListener = true
        for descriptor in descriptors {
            switch letters.next() {
            case "p":
                Descriptor.close(program)
                program = descriptor
            case "o":
                Descriptor.close(output)
                output = descriptor
            case "l":
                if isFirstListener { closeListeners() }
                isFirstListener = false
                listeners.append(descriptor)
            default: Descriptor.close(descriptor)
            }
        }
    }

    /// The program is gone; the held port is not.
    mutating func closeProgram() {
        Descriptor.close(program)
        Descriptor.close(output)
        program = -1
        output = -1
    }

    mutating func closeListeners() {
        for listener in listeners { Descriptor.close(listener) }
        listeners = []
    }
}
