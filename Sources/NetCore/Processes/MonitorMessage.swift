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

    /// code, signal, requested, forced, ended at.
    init?(fields: ArraySlice<String>) {
        let fields = Array(fields)
        guard fields.count >= 5, let endedAt = Int64(fields[4]) else { return nil }
        code = Int32(fields[0])
        signal = Int32(fields[1]).flatMap { $0 == 0 ? nil : $0 }
        guard code != nil || signal != nil else { return nil }
        requested = fields[2] == "1"
        forced = fields[3] == "1"
        self.endedAt = endedAt
    }
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
    case spawned(ProgramIdentity)
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
        var fields = bytes.dropFirst().split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // Each field is ended by NUL: what follows the last one is no field.
        fields.removeLast()
        switch type {
        case MONITOR_HELLO:
            guard let greeting = MonitorMessage.greeting(fields) else { return nil }
            self = .greeting(greeting)
        case MONITOR_SPAWNED:
            guard let program = MonitorMessage.program(fields[...]) else { return nil }
            self = .spawned(program)
        case MONITOR_FAILED:
            guard fields.count >= 2, let code = Int32(fields[1]) else { return nil }
            self = .failed(step: fields[0], code: code)
        case MONITOR_EXITED:
            if let exit = ProgramExit(fields: fields[...]) {
                self = .exited(exit)
            } else if fields.count >= 5, fields[0].isEmpty, let endedAt = Int64(fields[4]) {
                self = .exitedUnknown(
                    requested: fields[2] == "1", forced: fields[3] == "1", endedAt: endedAt)
            } else {
                return nil
            }
        case MONITOR_EMPTY: self = .empty
        case MONITOR_HELD:
            guard let port = fields.first.flatMap({ UInt16($0) }) else { return nil }
            self = .held(port: port)
        case MONITOR_CONNECTION: self = .connection
        case MONITOR_PONG: self = .pong
        default: return nil
        }
    }

    private static func program(_ fields: ArraySlice<String>) -> ProgramIdentity? {
        let fields = Array(fields)
        guard fields.count >= 3, let pid = Int32(fields[0]), pid > 1,
            let startTime = UInt64(fields[1]), let startedAt = Int64(fields[2])
        else { return nil }
        return ProgramIdentity(pid: pid, startTime: startTime, startedAt: startedAt)
    }

    private static func greeting(_ fields: [String]) -> MonitorGreeting? {
        guard fields.count >= 10, let monitorPid = Int32(fields[3]),
            let state = MonitorGreeting.State(rawValue: fields[4])
        else { return nil }
        // An older monitor says less, and sends the program's two descriptors if any.
        let more = fields.dropFirst(15) + Array(repeating: "", count: 5)
        let added = Array(more.prefix(5))
        return MonitorGreeting(
            id: fields[1], name: fields[2], monitorPid: monitorPid, state: state,
            program: program(fields[5...]), isReady: fields[8] == "1",
            isStopping: fields[9] == "1", exit: ProgramExit(fields: fields.dropFirst(10)),
            version: Int32(fields[0]) ?? 1,
            heldPort: UInt16(added[0]).flatMap { $0 == 0 ? nil : $0 }, isArmed: added[1] == "1",
            isAdopted: added[2] == "1", hasTerminal: added[3] == "1",
            letters: fields.count > 19 ? added[4] : "po")
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
