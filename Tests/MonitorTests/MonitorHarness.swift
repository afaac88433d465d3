// A real gr-monitor, started as the daemon does and driven over its socket.
//
// Each test has its own: a temporary run folder, a socket pair, a pidfd. `end()` leaves nothing
// behind, neither a process nor a file, whatever the test did to it; every wait has a limit.

import CEpoll
import Glibc
import TestSupport
import Testing

/// What the monitor said: the type, its fields, the descriptors that came along.
struct MonitorMessage {
    let type: Character
    let fields: [String]
    let descriptors: [Int32]

    subscript(index: Int) -> String { index < fields.count ? fields[index] : "" }

    func closeDescriptors() {
        for descriptor in descriptors { close(descriptor) }
    }
}

/// Why a test cannot go on.
enum HarnessError: Error {
    case failed(String, Int32)
    case silent(String)
    case unexpected(MonitorMessage)
    case ended
}

final class MonitorHarness {
    let folder: String
    let id: String
    private let ownsFolder: Bool
    let pid: Int32
    let pidfd: Int32
    private(set) var control: Int32
    private var reaped = false

    var logPath: String { folder + "/log" }
    var socketPath: String { "\(folder)/\(id).sock" }
    var recordPath: String { "\(folder)/\(id).exit" }
    var log: String { TextFile.read(logPath) ?? "" }

    /// With `another` it is started as its successor: the same folder and the same id.
    init(name: String = "web", after another: MonitorHarness? = nil) throws {
        folder = try another?.folder ?? TemporaryFolder.make()
        id = another?.id ?? String(UInt64.random(in: (1 << 60)...UInt64.max), radix: 16)
        ownsFolder = another == nil
        let pair = try SocketPair()
        let run = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { for descriptor in [run, null, pair.theirs] { close(descriptor) } }
        let child = try Spawned(
            BuildProducts.monitor, ["gr-monitor", id, name], environment: ["LEAKED=1"],
            descriptors: [null, null, 2, pair.theirs, run])
        pid = child.pid
        pidfd = child.pidfd
        control = pair.ours
    }

    // ---- speaking ----------------------------------------------------------------------------

    /// The descriptors are only lent.
    func send(_ type: Character, _ fields: [String] = [], lending descriptors: [Int32] = []) {
        var bytes = Array(String(type).utf8)
        for field in fields { bytes += Array(field.utf8) + [0] }
        sendRaw(bytes, lending: descriptors)
    }

    func sendRaw(_ bytes: [UInt8], lending descriptors: [Int32] = []) {
        // Both arrays live for the call.
        _ = unsafe cepoll_send_message(
            control, bytes, bytes.count, descriptors, Int32(descriptors.count))
    }

    func run(
        _ command: String, shell: String = "/bin/sh", directory: String = "/", log: String? = nil,
        umask: String = "022", environment: [String] = ["PATH=/usr/bin:/bin"]
    ) {
        send("R", ["1", "web", shell, command, directory, log ?? logPath, umask] + environment)
    }

    /// Runs and waits for SPAWNED; returns the pid of the program.
    @discardableResult
    func start(_ command: String, environment: [String] = ["PATH=/usr/bin:/bin"]) throws -> Int32 {
        run(command, environment: environment)
        let message = try expect("P")
        message.closeDescriptors()
        return Int32(message[0]) ?? 0
    }

    // ---- hearing -----------------------------------------------------------------------------

    func receive(within milliseconds: Int32 = 10_000) throws -> MonitorMessage {
        guard waitReadable(control, milliseconds) else { throw HarnessError.silent(log) }
        var bytes = [UInt8](repeating: 0, count: 16384)
        var descriptors = [Int32](repeating: -1, count: 4)
        var count = Int32(descriptors.count)
        // Both buffers live for the call, which takes their true sizes.
        let length = unsafe cepoll_receive_message(
            control, &bytes, bytes.count, &descriptors, &count)
        if length == 0 { throw HarnessError.ended }
        if length < 0 { throw HarnessError.failed("receive", Int32(-length)) }
        let fields = bytes[1..<length].split(separator: 0, omittingEmptySubsequences: false)
        return MonitorMessage(
            type: Character(UnicodeScalar(bytes[0])),
            fields: fields.dropLast().map { String(decoding: $0, as: UTF8.self) },
            descriptors: Array(descriptors[..<Int(count)]))
    }

    /// The next message, which must be of this type.
    @discardableResult
    func expect(_ type: Character) throws -> MonitorMessage {
        let message = try receive()
        guard message.type == type else { throw HarnessError.unexpected(message) }
        return message
    }

    /// Nothing was said for a moment.
    func isSilent(for milliseconds: Int32 = 150) -> Bool { !waitReadable(control, milliseconds) }

    // ---- connections -------------------------------------------------------------------------

    /// The daemon's side goes away.
    func hangUp() {
        if control >= 0 { close(control) }
        control = -1
    }

    /// A new daemon finds the monitor by its socket; returns the greeting.
    func reconnect() throws -> MonitorMessage {
        hangUp()
        control = try connectAgain()
        return try expect("H")
    }

    func connectAgain() throws -> Int32 {
        var address = cepoll_address()
        let parsed = unsafe cepoll_address_unix(&address, socketPath)
        guard parsed == 0 else { throw HarnessError.failed("address", -parsed) }
        var descriptor: Int32 = -1
        let result = unsafe cepoll_connect(
            &address, Int32(SOCK_SEQPACKET.rawValue), &descriptor)
        guard result == 0 else { throw HarnessError.failed("connect", -result) }
        return descriptor
    }

    func adopt(_ descriptor: Int32) {
        hangUp()
        control = descriptor
    }

    // ---- the end -----------------------------------------------------------------------------

    /// Waits for the monitor's own exit code; nil when it lives on.
    func exitCode(within milliseconds: Int32 = 10_000) -> Int32? {
        guard waitReadable(pidfd, milliseconds) else { return nil }
        // The number may belong to anybody from here on.
        reaped = true
        return Spawned.collect(pid)
    }

    /// Ends the program, its tree and the monitor, and removes the folder.
    func end() {
        if !reaped {
            if control < 0, !waitReadable(pidfd, 0), let again = try? connectAgain() {
                control = again
            }
            send("S", ["0"])
            while let message = try? receive(within: 5000), message.type != "E" {
                message.closeDescriptors()
            }
            send("C")
            hangUp()
            if exitCode(within: 3000) == nil {
                Issue.record("the monitor did not end")
                _ = cepoll_pidfd_signal(pidfd, SIGKILL)
                _ = exitCode(within: 3000)
            }
        }
        hangUp()
        close(pidfd)
        if ownsFolder { TemporaryFolder.remove(folder) }
    }
}

/// Runs `body` with a monitor that is ended afterwards.
func withMonitor(name: String = "web", _ body: (MonitorHarness) throws -> Void) throws {
    let monitor = try MonitorHarness(name: name)
    defer { monitor.end() }
    try body(monitor)
}
