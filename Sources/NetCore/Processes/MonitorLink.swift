// The daemon's end of one gr-monitor: starts it or finds it again by its socket, sends commands
// (MonitorCommands.swift), hands its messages on. The program's fate never depends on this link:
// when it breaks, the monitor goes on and can be connected to again; when the monitor is gone, a
// new one takes the program over.

internal import CEpoll
import Glibc

/// Who follows a monitor.
@ReactorActor
package protocol MonitorLinkDelegate: AnyObject {
    func monitor(_ link: MonitorLink, said message: MonitorMessage)
    /// The link is broken and closed.
    func monitorLost(_ link: MonitorLink)
}

/// A connection to one monitor.
@ReactorActor
package final class MonitorLink: EventHandler, DeferredHandler {
    let reactor: Reactor
    private let children: ChildProcesses
    private var descriptor: Int32
    private var registration = Registration.none
    /// The incarnation: 16 hexadecimal digits.
    package let id: String
    package weak var delegate: (any MonitorLinkDelegate)?
    /// What is kept of the program, in case the monitor is killed.
    var held = ProgramDescriptors()
    /// The program this monitor was given, or says that it was given, by an earlier one.
    var adopted: ProgramIdentity?
    /// Answers a PING.
    private(set) var speaksPing = true
    /// A pidfd of the monitor, -1 when it is not known.
    private(set) var monitorDescriptor: Int32 = -1
    /// When somebody has to have heard of the monitor.
    var watchdog = TimerHandle.none
    private var unsent: [Unsent] = []
    private var isFlushScheduled = false
    private var isLossUntold = false

    private struct Unsent {
        let bytes: [UInt8]
        var descriptors: [Int32] = []
        /// One that is followed by another of the kind need not be sent.
        var isSuperseded = false
    }

    private static let descriptorsMost = 4

    /// Takes a connected socket over.
    init(
        _ descriptor: Int32, id: String, children: ChildProcesses, on reactor: Reactor
    ) throws(SystemError) {
        self.descriptor = descriptor
        self.id = id
        self.children = children
        self.reactor = reactor
        do throws(SystemError) {
            registration = try reactor.register(descriptor, .readable, self)
        } catch {
            _ = cepoll_close(descriptor)
            self.descriptor = -1
            throw error
        }
    }

    /// A pidfd of the program, -1 until it is known. Owned here.
    package var programDescriptor: Int32 { held.program }
    /// Whether it was given `program` to take over, or did so.
    package func adopts(_ program: ProgramIdentity?) -> Bool {
        adopted != nil && adopted == program
    }
    /// Whether the link still stands.
    package var isOpen: Bool { descriptor >= 0 }

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
        let pid: Int32
        do throws(SystemError) {
            pid = try children.start(
                path, arguments: ["gr-monitor", id, name], environment: [],
                descriptors: [null, null, 2, pair[1], runDirectory], ended: { _ in })
        } catch {
            Descriptor.close(pair[0])
            throw error
        }
        let link = try MonitorLink(pair[0], id: id, children: children, on: reactor)
        // Our child, not reaped before this turn ends: the number is its own.
        link.monitorDescriptor = max(-1, cepoll_pidfd_open(pid))
        return link
    }

    /// Connects to a monitor that outlived an earlier daemon. It greets first.
    package static func connect(
        id: String, runDirectory: Int32, children: ChildProcesses, on reactor: Reactor
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
        return try MonitorLink(descriptor, id: id, children: children, on: reactor)
    }

    // MARK: Sending

    /// Sends one message at the end of this turn, behind the events of the turn: the monitor would
    /// otherwise take the core from whoever tells of a death. The descriptors are owned by somebody
    /// else and only lent: with them it goes out at once, if the socket has room.
    func send(_ bytes: [UInt8], lending descriptors: [Int32] = []) {
        guard descriptor >= 0 else { return }
        if !descriptors.isEmpty {
            sendWaiting()
            if descriptor < 0 || unsent.isEmpty && handOver(bytes, descriptors) { return }
        }
        // The lender may close its own before the socket takes them.
        let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 0) }
        enqueue(Unsent(bytes: bytes, descriptors: copies))
    }

    /// Sends a message of which only the last of a row counts.
    func sendLast(_ bytes: [UInt8]) {
        guard descriptor >= 0 else { return }
        if unsent.last?.isSuperseded == true { unsent.removeLast() }
        enqueue(Unsent(bytes: bytes, isSuperseded: true))
    }

    private func enqueue(_ message: Unsent) {
        if unsent.count >= Limits.messagesUnsent { sendWaiting() }
        guard descriptor >= 0, unsent.count < Limits.messagesUnsent else {
            for descriptor in message.descriptors { Descriptor.close(descriptor) }
            return lose()
        }
        unsent.append(message)
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        reactor.flushAtEndOfTurn(self)
    }

    /// False when the socket has no room; true also when the link is lost by it.
    private func handOver(_ bytes: [UInt8], _ descriptors: [Int32]) -> Bool {
        switch pass(bytes, descriptors) {
        case .passed: return true
        case .full: return false
        case .broken:
            lose()
            return true
        }
    }

    private enum Passing { case passed, full, broken }

    private func pass(_ bytes: [UInt8], _ descriptors: [Int32]) -> Passing {
        let moved = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe descriptors.withUnsafeBufferPointer { descriptors in
                unsafe cepoll_send_message(
                    descriptor, bytes.baseAddress, bytes.count, descriptors.baseAddress,
                    Int32(descriptors.count))
            }
        }
        guard moved < 0 else { return .passed }
        return SystemError("send", moved).kind == .wouldBlock ? .full : .broken
    }

    private func sendWaiting() {
        while let first = unsent.first {
            switch pass(first.bytes, first.descriptors) {
            case .full:
                try? reactor.change(registration, [.readable, .writable])
                return
            case .broken: return lose()
            case .passed:
                for descriptor in first.descriptors { Descriptor.close(descriptor) }
                unsent.removeFirst()
            }
        }
        try? reactor.change(registration, .readable)
    }

    // MARK: Receiving

    package func ready(_ mask: EventMask) {
        if mask.contains(.writable) { sendWaiting() }
        guard !mask.isDisjoint(with: [.readable, .hangUp, .error]) else { return }
        for _ in 0..<16 where descriptor >= 0 {
            guard receive() else { return }
        }
    }

    /// Takes one message; false when there is none, or when what comes behind it can wait for the
    /// next turn.
    private func receive() -> Bool {
        var bytes: [UInt8] = []
        var descriptors: [Int32] = []
        let moved = read(&bytes, &descriptors)
        if moved <= 0 {
            let blocked = moved < 0 && SystemError("receive", moved).kind == .wouldBlock
            if !blocked { lose() }
            return false
        }
        // Whatever it said, it lives.
        reactor.timers.cancel(watchdog)
        let message = MonitorMessage(bytes)
        keep(descriptors, of: message)
        if let message { delegate?.monitor(self, said: exact(message)) }
        return !isExit(message)
    }

    /// By way of the stack, of which only what a message fills is touched: an array of this size
    /// costs a death that comes after a pause more than its message does.
    private func read(_ bytes: inout [UInt8], _ descriptors: inout [Int32]) -> Int {
        unsafe withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 16) { room in
            unsafe withUnsafeTemporaryAllocation(
                of: Int32.self, capacity: MonitorLink.descriptorsMost
            ) { carried in
                var count = Int32(carried.count)
                // The kernel fills both, within the sizes given, as far as it says.
                let moved = unsafe cepoll_receive_message(
                    descriptor, room.baseAddress, room.count, carried.baseAddress, &count)
                if moved > 0 {
                    unsafe bytes.append(contentsOf: room.prefix(moved))
                    unsafe descriptors.append(contentsOf: carried.prefix(Int(count)))
                }
                return moved
            }
        }
    }

    /// Behind an exit comes the end of the tree, which is stored: who wants to hear of the death is
    /// not made to wait for that.
    private func isExit(_ message: MonitorMessage?) -> Bool {
        switch message {
        case .exited, .exitedUnknown: true
        default: false
        }
    }

    private func keep(_ descriptors: [Int32], of message: MonitorMessage?) {
        switch message {
        case .spawned(let program, _):
            // The one after the one it took over.
            if let adopted, adopted != program {
                children.unfollow(adopted.pid)
                self.adopted = nil
            }
            held.closeProgram()
            held.take(descriptors, letters: "po")
        case .held:
            held.take(descriptors, letters: "llll")
        case .greeting(let greeting):
            speaksPing = greeting.version >= 2
            if greeting.isAdopted { adopted = greeting.program }
            held.closeProgram()
            held.take(descriptors, letters: greeting.letters)
            // The socket still stands, so the monitor lives, so the number is its own.
            if monitorDescriptor < 0 {
                monitorDescriptor = max(-1, cepoll_pidfd_open(greeting.monitorPid))
            }
        default:
            for descriptor in descriptors { Descriptor.close(descriptor) }
        }
    }

    /// A monitor cannot wait for a program it took over; its parent, this daemon, can.
    private func exact(_ message: MonitorMessage) -> MonitorMessage {
        guard case .exitedUnknown(let requested, let forced, let endedAt) = message,
            let program = adopted
        else { return message }
        children.reapAll()
        switch children.ending(ofFollowed: program.pid) {
        case .exited(let code):
            return .exited(
                ProgramExit(
                    code: code, signal: nil, requested: requested, forced: false, endedAt: endedAt))
        case .killed(let signal):
            return .exited(
                ProgramExit(
                    code: nil, signal: signal, requested: requested,
                    forced: forced && signal == SIGKILL, endedAt: endedAt))
        case nil: return message
        }
    }

    // MARK: The end of the link

    /// Ends the monitor itself, which does not answer; its program is left to the next one.
    func killMonitor() {
        if monitorDescriptor >= 0 { _ = cepoll_pidfd_signal(monitorDescriptor, SIGKILL) }
        lose()
    }

    func continueMonitor() {
        if monitorDescriptor >= 0 { _ = cepoll_pidfd_signal(monitorDescriptor, SIGCONT) }
    }

    func follow(_ program: ProgramIdentity) {
        adopted = program
        children.follow(program.pid)
    }

    private func lose() {
        guard descriptor >= 0 else { return }
        disconnect()
        guard let delegate else {
            // Lost before anybody follows it, which who has just made it does in this turn.
            isLossUntold = true
            reactor.flushAtEndOfTurn(self)
            return
        }
        delegate.monitorLost(self)
    }

    /// Closes the link; the monitor and its program go on.
    private func disconnect() {
        guard descriptor >= 0 else { return }
        // As much as it takes of what was said in this turn.
        while let first = unsent.first, case .passed = pass(first.bytes, first.descriptors) {
            for descriptor in first.descriptors { Descriptor.close(descriptor) }
            unsent.removeFirst()
        }
        reactor.timers.cancel(watchdog)
        reactor.deregister(registration)
        Descriptor.close(descriptor)
        Descriptor.close(monitorDescriptor)
        for message in unsent {
            for descriptor in message.descriptors { Descriptor.close(descriptor) }
        }
        unsent = []
        descriptor = -1
        monitorDescriptor = -1
    }

    /// The end of a turn.
    package func runDeferred() {
        isFlushScheduled = false
        guard !isLossUntold else {
            isLossUntold = false
            delegate?.monitorLost(self)
            return
        }
        sendWaiting()
    }

    /// Closes the link and what is known of the program.
    package func close() {
        disconnect()
        if let adopted { children.unfollow(adopted.pid) }
        held.closeProgram()
        held.closeListeners()
    }

    /// After the link was lost: watches the program itself, if it is known and can be. The link
    /// gives its descriptors away.
    package func orphan(
        _ program: ProgramIdentity, logPath: String, ended: @escaping () -> Void
    ) -> OrphanedProgram? {
        guard held.program >= 0 else { return nil }
        let orphan = try? OrphanedProgram(
            pid: program.pid, program: held.program, output: held.output,
            logPath: logPath, on: reactor, ended: ended)
        if orphan != nil {
            held.program = -1
            held.output = -1
        }
        return orphan
    }
}
