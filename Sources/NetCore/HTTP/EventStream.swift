// A client that listens: the head of its answer is sent, and bytes follow until one side ends it.
// Made by Exchange.openStream; its owner (EventHub, the follower of a log) decides what is sent and
// when. The stream writes shared chunks without copying them, waits for the socket only after a
// short write, notices when the client leaves, and gives up one that takes nothing for the server's
// writeTimeout. It has no queue of its own making: an owner that goes on appending to a stream that
// is not drained makes it grow, and must not. An idle stream owns no buffer and no timer.

internal import CEpoll

/// Who feeds a stream.
@ReactorActor
package protocol EventStreamOwner: AnyObject {
    /// The socket, which had taken only a part, has taken everything.
    func streamDrained(_ stream: EventStream)
    /// The stream is over and was not ended by `end`: the client left or does not read, or the
    /// server shuts down.
    func streamClosed(_ stream: EventStream)
}

/// An answer that goes on.
@ReactorActor
package final class EventStream: EventHandler {
    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let closed = Flags(rawValue: 1)
        /// It ends when everything is sent.
        static let ending = Flags(rawValue: 2)
        static let flushScheduled = Flags(rawValue: 4)
    }

    package let server: HTTPServer
    private let descriptor: Int32
    private var flags: Flags = []
    private var interest: EventMask = .readable
    private var registration = Registration.none
    private var output = OutputQueue()
    /// Kept until the stream is over.
    package var owner: (any EventStreamOwner)?
    /// Scheduled while the socket is full.
    private var timer = TimerHandle.none
    private var deadline = Instant.distantFuture
    private var dropped: Int

    private init(_ descriptor: Int32, of server: HTTPServer, dropped: Int) {
        self.descriptor = descriptor
        self.server = server
        self.dropped = dropped
    }

    /// Takes a socket over; nil when that is not possible, and then the socket is closed.
    static func open(_ socket: TakenSocket) -> EventStream? {
        let stream = EventStream(
            socket.descriptor, of: socket.server, dropped: socket.rest?.count ?? 0)
        do throws(SystemError) {
            stream.registration = try socket.server.reactor.register(
                socket.descriptor, .readable, stream)
            return stream
        } catch {
            socket.close()
            return nil
        }
    }

    package var isOpen: Bool { !flags.contains(.closed) }
    /// Everything is with the kernel: what is sent now goes out at once.
    package var isDrained: Bool { output.isEmpty }
    /// Bytes the client has not taken.
    package var unsentBytes: Int { output.byteCount }

    // MARK: Sending

    /// Sends a finished chunk now, or behind what is still to be sent. At most once in a turn.
    @inline(__always)
    package func send(_ chunk: ByteChunk) {
        guard isOpen, chunk.count > 0 else { return }
        guard output.isEmpty else { return output.append(shared: chunk) }
        server.reactor.statistics.writes &+= 1
        let moved = unsafe chunk.withBytes {
            unsafe cepoll_send(descriptor, $0.baseAddress, $0.count)
        }
        guard moved < chunk.count else { return }
        if moved < 0, SystemError("send", moved).kind != .wouldBlock { return fail() }
        output.append(shared: chunk, from: max(0, moved))
        awaitRoom()
    }

    /// Appends a finished chunk, to go out with the next `flush`.
    package func append(_ chunk: ByteChunk) {
        guard isOpen else { return }
        output.append(shared: chunk)
    }

    /// Sends in one write what was appended, unless the socket is known to be full.
    package func flush() {
        guard isOpen, !output.isEmpty, !interest.contains(.writable) else { return }
        sendQueue()
    }

    /// Flushes at the end of this turn, once for all that is appended until then.
    package func flushAtEndOfTurn() {
        guard isOpen, !flags.contains(.flushScheduled) else { return }
        flags.insert(.flushScheduled)
        server.reactor.flushAtEndOfTurn(self)
    }

    private func sendQueue() {
        let before = output.byteCount
        server.reactor.statistics.writes &+= 1
        switch output.send(to: descriptor) {
        case .failed: fail()
        case .blocked:
            if output.byteCount < before { deadline = .distantFuture }
            awaitRoom()
        case .sentAll: becomeDrained()
        }
    }

    private func awaitRoom() {
        if deadline == .distantFuture {
            deadline = server.reactor.now + server.options.writeTimeout
        }
        if !server.reactor.timers.isScheduled(timer) {
            timer = server.reactor.timers.schedule(at: deadline, self)
        }
        want([.readable, .writable])
    }

    private func becomeDrained() {
        deadline = .distantFuture
        server.reactor.timers.cancel(timer)
        if flags.contains(.ending) { return close() }
        want(.readable)
    }

    private func want(_ mask: EventMask) {
        guard mask != interest else { return }
        do throws(SystemError) {
            try server.reactor.change(registration, mask)
            interest = mask
        } catch { fail() }
    }

    // MARK: Readiness

    package func ready(_ mask: EventMask) {
        guard isOpen else { return }
        if mask.contains(.writable) {
            sendQueue()
            guard isOpen else { return }
            if output.isEmpty { owner?.streamDrained(self) }
            guard isOpen else { return }
        }
        if !mask.isDisjoint(with: [.hangUp, .error]) { return fail() }
        if mask.contains(.readable) { readAndDrop() }
    }

    /// A listener has nothing to say; an end of its half is its end.
    private func readAndDrop() {
        let input = server.input
        input.start(with: nil)
        let moved = input.read(descriptor)
        server.reactor.statistics.reads &+= 1
        guard moved > 0 else {
            if moved == 0 || SystemError("read", moved).kind != .wouldBlock { fail() }
            return
        }
        dropped += moved
        if dropped > Limits.streamInputBytes { fail() }
    }

    // MARK: The end

    /// Ends the stream: what was appended is sent first, if the client takes it in time.
    package func end() {
        guard isOpen else { return }
        flags.insert(.ending)
        owner = nil
        if output.isEmpty { close() } else { flush() }
    }

    /// The server shuts down: nobody waits for a client that does not read.
    func serverDrains() {
        flush()
        fail()
    }

    /// The client left, or what it does ends the stream.
    private func fail() {
        guard isOpen else { return }
        let owner = owner
        close()
        owner?.streamClosed(self)
    }

    private func close() {
        flags.insert(.closed)
        owner = nil
        output = OutputQueue()
        server.reactor.timers.cancel(timer)
        server.reactor.deregister(registration)
        _ = cepoll_close(descriptor)
        server.connectionClosed()
    }

    /// What holds between turns; for tests.
    func checkInvariants() {
        guard isOpen else { return precondition(output.isEmpty && owner == nil) }
        let isWaiting = interest.contains(.writable)
        precondition(
            output.isEmpty || isWaiting || flags.contains(.flushScheduled),
            "nobody will send the output")
        precondition(
            isWaiting == server.reactor.timers.isScheduled(timer), "a full socket has a deadline")
        precondition(interest.contains(.readable), "nobody notices when the client leaves")
    }
}

extension EventStream: DeferredHandler {
    package func runDeferred() {
        flags.remove(.flushScheduled)
        flush()
    }
}

extension EventStream: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        guard isOpen, !output.isEmpty else { return }
        guard deadline <= server.reactor.now else {
            timer = server.reactor.timers.schedule(at: deadline, self)
            return
        }
        fail()
    }
}
