// The daemon's end of one gr-monitor: starts it or finds it again by its socket, sends commands,
// hands its messages on. The program's fate never depends on this link: when it breaks, the monitor
// goes on and can be connected to again.

internal import CEpoll
import Glibc

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

/// Who follows a monitor.
@ReactorActor
package protocol MonitorLinkDelegate: AnyObject {
    func monitor(_ link: MonitorLink, said message: MonitorMessage)
    /// The link is broken and closed.
    func monitorLost(_ link: MonitorLink)
}

/// A connection to one monitor.
@ReactorActor
package final class MonitorLink: EventHandler {
    private let reactor: Reactor
    private var descriptor: Int32
    private var registration = Registration.none
    /// The incarnation: 16 hexadecimal digits.
    package let id: String
    package weak var delegate: (any MonitorLinkDelegate)?
    /// A pidfd of the program, -1 until it is known. Owned here.
    package private(set) var programDescriptor: Int32 = -1
    /// The read end of the program's output, held so that the program outlives its monitor.
    private var outputDescriptor: Int32 = -1
    private var unsent: [[UInt8]] = []

    private init(_ descriptor: Int32, id: String, on reactor: Reactor) throws(SystemError) {
        self.descriptor = descriptor
        self.id = id
        self.reactor = reactor
        do throws(SystemError) {
            registration = try reactor.register(descriptor, .readable, self)
        } catch {
            _ = cepoll_close(descriptor)
            self.descriptor = -1
            throw error
        }
    }

    /// Starts a monitor at `path` for the service `name`. `runDirectory` is an open descriptor.
    package static func start(
        path: String, id: String, name: String, runDirectory: Int32,
        children: ChildProcesses, on reactor: Reactor
    ) throws(SystemError) -> MonitorLink {
        var pair: [Int32] = [-1, -1]
        let made = unsafe pair.withUnsafeMutableBufferPointer {
            unsafe cepoll_socketpair(Int32(SOCK_SEQPACKET.rawValue), $0.baseAddress)
        }
        guard made == 0 else { throw SystemError("socketpair", made) }
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer {
            Descriptor.close(null)
            Descriptor.close(pair[1])
        }
        do throws(SystemError) {
            try children.start(
                path, arguments: ["gr-monitor", id, name], environment: [],
                descriptors: [null, null, 2, pair[1], runDirectory], ended: { _ in })
        } catch {
            Descriptor.close(pair[0])
            throw error
        }
        return try MonitorLink(pair[0], id: id, on: reactor)
    }

    /// Connects to a monitor that outlived an earlier daemon. It greets first.
    package static func connect(
        id: String, runDirectory: Int32, on reactor: Reactor
    ) throws(SystemError) -> MonitorLink {
        // By way of the open directory: a long home path does not fit into a socket address.
        let path = "/proc/self/fd/\(runDirectory)/\(id).sock"
        guard let address = SocketAddress(path: path) else {
            throw SystemError("connect", -ENAMETOOLONG)
        }
        var descriptor: Int32 = -1
        let result = unsafe address.withRaw {
            unsafe cepoll_connect($0, Int32(SOCK_SEQPACKET.rawValue), &descriptor)
        }
        guard result == 0 else {
            Descriptor.close(descriptor)
            throw SystemError("connect", result)
        }
        return try MonitorLink(descriptor, id: id, on: reactor)
    }

    // MARK: Commands

    /// Starts the program; answered by `spawned` or `failed`.
    package func run(name: String, _ start: ProgramStart) {
        let fields = [
            "\(MONITOR_PROTOCOL_VERSION)", name, start.shell, start.command, start.directory,
            start.logPath, start.umask,
        ]
        send(MonitorMessage.encode(MONITOR_RUN, fields + start.environment))
    }

    /// Stops the whole tree; answered by `exited` and `empty`.
    package func stop(grace: Duration) {
        send(MonitorMessage.encode(MONITOR_STOP, ["\(max(0, grace.inMilliseconds))"]))
    }

    /// The program passed its ready check.
    package func markReady() { send(MonitorMessage.encode(MONITOR_READY, [])) }

    /// The exit is known: the monitor removes its files and ends when its tree is empty.
    package func collected() { send(MonitorMessage.encode(MONITOR_COLLECTED, [])) }

    private func send(_ bytes: [UInt8]) {
        guard descriptor >= 0 else { return }
        // A daemon sends a handful of messages in a monitor's life.
        guard unsent.isEmpty, unsent.count < 16 else { return unsent.append(bytes) }
        let moved = unsafe bytes.withUnsafeBufferPointer {
            unsafe cepoll_send_message(descriptor, $0.baseAddress, $0.count, nil, 0)
        }
        guard moved < 0 else { return }
        guard SystemError("send", moved).kind == .wouldBlock else { return lose() }
        unsent.append(bytes)
        try? reactor.change(registration, [.readable, .writable])
    }

    // MARK: Messages

    package func ready(_ mask: EventMask) {
        if mask.contains(.writable) {
            let waiting = unsent
            unsent = []
            try? reactor.change(registration, .readable)
            for bytes in waiting { send(bytes) }
        }
        guard !mask.isDisjoint(with: [.readable, .hangUp, .error]) else { return }
        for _ in 0..<16 where descriptor >= 0 {
            guard receive() else { return }
        }
    }

    /// Takes one message; false when there is none.
    private func receive() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        var descriptors: [Int32] = [-1, -1]
        var count = Int32(descriptors.count)
        let moved = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            unsafe descriptors.withUnsafeMutableBufferPointer { descriptors in
                unsafe cepoll_receive_message(
                    descriptor, bytes.baseAddress, bytes.count, descriptors.baseAddress, &count)
            }
        }
        if moved <= 0 {
            let blocked = moved < 0 && SystemError("receive", moved).kind == .wouldBlock
            if !blocked { lose() }
            return false
        }
        let message = MonitorMessage(Array(bytes.prefix(moved)))
        keep(Array(descriptors.prefix(Int(count))), of: message)
        if let message { delegate?.monitor(self, said: message) }
        return true
    }

    private func keep(_ descriptors: [Int32], of message: MonitorMessage?) {
        switch message {
        case .spawned, .greeting:
            closeProgramDescriptors()
            if descriptors.count > 0 { programDescriptor = descriptors[0] }
            if descriptors.count > 1 { outputDescriptor = descriptors[1] }
        default:
            for descriptor in descriptors { Descriptor.close(descriptor) }
        }
    }

    private func closeProgramDescriptors() {
        Descriptor.close(programDescriptor)
        Descriptor.close(outputDescriptor)
        programDescriptor = -1
        outputDescriptor = -1
    }

    private func lose() {
        guard descriptor >= 0 else { return }
        disconnect()
        delegate?.monitorLost(self)
    }

    /// After the link was lost: watches the program itself, if it is known and can be. The link
    /// gives its descriptors away.
    package func orphan(
        _ program: ProgramIdentity, logPath: String, ended: @escaping () -> Void
    ) -> OrphanedProgram? {
        guard programDescriptor >= 0 else { return nil }
        let orphan = try? OrphanedProgram(
            pid: program.pid, program: programDescriptor, output: outputDescriptor,
            logPath: logPath, on: reactor, ended: ended)
        if orphan != nil {
            programDescriptor = -1
            outputDescriptor = -1
        }
        return orphan
    }

    /// Closes the link; the monitor and its program go on.
    private func disconnect() {
        guard descriptor >= 0 else { return }
        reactor.deregister(registration)
        Descriptor.close(descriptor)
        descriptor = -1
    }

    /// Closes the link and what is known of the program.
    package func close() {
        disconnect()
        closeProgramDescriptors()
    }
}
