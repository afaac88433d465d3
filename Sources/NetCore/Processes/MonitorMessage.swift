// The messages between the daemon and gr-monitor, as values: Sources/CEpoll/include/
// monitor_protocol.h is the definition. A monitor can be older than this daemon, and its messages
// are read as untrusted: a malformed one is dropped.

internal import CEpoll

/// How a program ended, as its monitor saw it.
package struct ProgramExit: Hashable, Sendable {
    /// Nil when a signal killed it.
    package var code: Int32?
    package var signal: Int32?
    /// A stop had been asked for.
    package var requested: Bool
    /// KILL was needed.
    package var forced: Bool
    /// Milliseconds since 1970.
    package var endedAt: Int64

    package init(code: Int32?, signal: Int32?, requested: Bool, forced: Bool, endedAt: Int64) {
        self.code = code
        self.signal = signal
        self.requested = requested
        self.forced = forced
        self.endedAt = endedAt
    }

    /// The exit code as shells and the contract count it: 128 + n for signal n.
    package var exitCode: Int32 { code ?? 128 + (signal ?? 0) }
}

/// A running program as its monitor names it.
package struct ProgramIdentity: Equatable, Sendable {
    package var pid: Int32
    /// Field 22 of /proc/PID/stat: with the pid, an identity.
    package var startTime: UInt64
    /// Milliseconds since 1970.
    package var startedAt: Int64

    package init(pid: Int32, startTime: UInt64, startedAt: Int64) {
        self.pid = pid
        self.startTime = startTime
        self.startedAt = startedAt
    }
}

/// Where the output of a program begins in its log.
package struct OutputStart: Equatable, Sendable {
    /// Of the file that was the newest then; it may have been rotated since.
    package var inode: UInt64
    package var offset: Int64

    package init(inode: UInt64, offset: Int64) {
        self.inode = inode
        self.offset = offset
    }
}

/// What a monitor says of itself when the daemon connects.
package struct MonitorGreeting: Equatable, Sendable {
    package enum State: String, Sendable { case new, running, exited, empty }
    package var id: String
    package var name: String
    package var monitorPid: Int32
    package var state: State
    package var program: ProgramIdentity?
    package var isReady: Bool
    package var isStopping: Bool
    package var exit: ProgramExit?
    /// Version of its protocol.
    package var version: Int32
    /// The port it holds.
    package var heldPort: UInt16?
    /// It will say when somebody waits at the held port.
    package var isArmed: Bool
    /// It took the program over from another monitor.
    package var isAdopted: Bool
    package var hasTerminal: Bool
    /// Of the descriptors that came along.
    var letters: String
}

/// A message from a monitor.
package enum MonitorMessage: Equatable, Sendable {
    case greeting(MonitorGreeting)
    /// An older monitor does not say where the output begins.
    case spawned(ProgramIdentity, output: OutputStart?)
    /// The step that failed and its errno.
    case failed(step: String, code: Int32)
    case exited(ProgramExit)
    /// A program that was taken over has ended, and nobody can say how.
    case exitedUnknown(requested: Bool, forced: Bool, endedAt: Int64)
    /// Nothing lives below the monitor any more.
    case empty
    /// The monitor listens on the port.
    case held(port: UInt16)
    /// Somebody waits at the held port; said once for each `arm`.
    case connection
    /// It lives; of interest to the link alone.
    case pong

    /// Nil for what this daemon does not understand.
    init?(_ bytes: [UInt8]) {
        guard let type = bytes.first else { return nil }
        var fields = MonitorFields(bytes)
        let message: MonitorMessage? =
            switch type {
            case MONITOR_HELLO: MonitorGreeting(&fields).map(MonitorMessage.greeting)
            case MONITOR_SPAWNED: MonitorMessage.spawned(&fields)
            case MONITOR_FAILED: MonitorMessage.failed(&fields)
            case MONITOR_EXITED: MonitorMessage.exited(&fields)
            case MONITOR_EMPTY: .empty
            case MONITOR_HELD: fields.number(UInt16.self).map(MonitorMessage.held)
            case MONITOR_CONNECTION: .connection
            case MONITOR_PONG: .pong
            default: nil
            }
        guard let message else { return nil }
        self = message
    }

    private static func spawned(_ fields: inout MonitorFields) -> MonitorMessage? {
        guard let program = ProgramIdentity(&fields) else { return nil }
        return .spawned(program, output: OutputStart(&fields))
    }

    private static func failed(_ fields: inout MonitorFields) -> MonitorMessage? {
        guard let step = fields.text(), let code = fields.number(Int32.self) else { return nil }
        return .failed(step: step, code: code)
    }

    private static func exited(_ fields: inout MonitorFields) -> MonitorMessage? {
        guard let end = MonitorFields.End(&fields) else { return nil }
        if let exit = end.exit { return .exited(exit) }
        // A code that is there and is no number is no end that nobody saw.
        guard !end.hasCode else { return nil }
        return .exitedUnknown(
            requested: end.requested, forced: end.forced, endedAt: end.endedAt)
    }

    /// A message to a monitor: its type and its fields, each ended by NUL.
    static func encode(_ type: UInt8, _ fields: [String]) -> [UInt8] {
        var bytes = [type]
        for field in fields {
            bytes += field.utf8
            bytes.append(0)
        }
        return bytes
    }
}

extension ProgramIdentity {
    /// pid, start time, started at.
    fileprivate init?(_ fields: inout MonitorFields) {
        let pid = fields.number(Int32.self)
        let startTime = fields.number(UInt64.self)
        let startedAt = fields.number(Int64.self)
        guard let pid, pid > 1, let startTime, let startedAt else { return nil }
        self.init(pid: pid, startTime: startTime, startedAt: startedAt)
    }
}

extension OutputStart {
    /// inode, offset.
    fileprivate init?(_ fields: inout MonitorFields) {
        guard let inode = fields.number(UInt64.self), inode > 0,
            let offset = fields.number(Int64.self), offset >= 0
        else { return nil }
        self.init(inode: inode, offset: offset)
    }
}

extension MonitorGreeting {
    fileprivate init?(_ fields: inout MonitorFields) {
        version = fields.number(Int32.self) ?? 1
        guard let id = fields.text(), let name = fields.text(),
            let monitorPid = fields.number(Int32.self),
            let state = fields.text().flatMap(State.init(rawValue:))
        else { return nil }
        self.id = id
        self.name = name
        self.monitorPid = monitorPid
        self.state = state
        program = ProgramIdentity(&fields)
        isReady = fields.flag()
        guard let isStopping = fields.flagIfPresent() else { return nil }
        self.isStopping = isStopping
        exit = MonitorFields.End(&fields)?.exit
        // An older monitor says less, and sends the program's two descriptors if any.
        heldPort = fields.number(UInt16.self).flatMap { $0 == 0 ? nil : $0 }
        isArmed = fields.flag()
        isAdopted = fields.flag()
        hasTerminal = fields.flag()
        letters = fields.text() ?? "po"
    }
}
