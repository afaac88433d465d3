// One client: reads, parses, has requests answered, writes. A state machine over five phases; the
// shell around it is the reactor's registration and one timer.
//
// The turn of a connection: load the unfinished tail, read once, answer every complete request
// (bounded), send all answers in one write, keep what is left. Interest in writing is armed only
// after a short write, and while it is armed nothing is read: a client that does not read its
// answers gets no further work done. An idle connection owns no buffer.

internal import CEpoll
internal import HTTPParser

/// A server connection.
@ReactorActor
package final class HTTPConnection: EventHandler {
    enum Phase: UInt8 {
        /// Between requests, or inside a head.
        case head
        /// The head is complete, its body is not.
        case body
        /// A handler will answer later.
        case awaiting
        /// Refused: what still arrives is dropped, so that the client sees the answer.
        case lingering
        case closed
    }

    struct Flags: OptionSet {
        let rawValue: UInt8
        /// `runDeferred` is due for the tail.
        static let tailScheduled = Flags(rawValue: 1)
        /// `runDeferred` is due for the output.
        static let flushScheduled = Flags(rawValue: 2)
        /// The turn is this connection's: its answers gather in `server.answers`.
        static let inTurn = Flags(rawValue: 4)
        /// Close when everything is sent.
        static let closing = Flags(rawValue: 8)
        /// Close only after the client had time to read the answer.
        static let lingers = Flags(rawValue: 16)
        /// The head's deadline is running.
        static let headStarted = Flags(rawValue: 32)
        /// Once everything is sent, the socket goes to the receiver the server keeps for it.
        static let leaving = Flags(rawValue: 64)
    }

    let server: HTTPServer
    let descriptor: Int32
    var registration = Registration.none
    var phase = Phase.head
    var flags: Flags = []
    var interest: EventMask = .readable
    /// The application's mark.
    let mark: UInt8
    var scan = HeadScan()
    var laterNumber: UInt32 = 0
    var tail: ByteChunk?
    var pending: PendingBody?
    var output = OutputQueue()
    var lingered: Int32 = 0
    var timer = TimerHandle.none
    var timerAt = Instant.distantFuture
    var deadline: Instant

    private init(_ descriptor: Int32, on server: HTTPServer, mark: UInt8) {
        self.descriptor = descriptor
        self.server = server
        self.mark = mark
        deadline = server.reactor.now + server.options.idleTimeout
    }

    /// Takes an accepted socket over.
    static func open(_ descriptor: Int32, on server: HTTPServer, mark: UInt8) {
        let connection = HTTPConnection(descriptor, on: server, mark: mark)
        server.connectionOpened()
        connection.armTimer()
        // The request is usually there already: one that ends the connection needs no registration.
        connection.readAndProcess()
        guard connection.phase != .closed else { return }
        do throws(SystemError) {
            connection.registration = try server.reactor.register(
                descriptor, connection.interest, connection)
        } catch { connection.close() }
    }

    // MARK: Readiness

    package func ready(_ mask: EventMask) {
        if mask.contains(.writable) {
            flushQueue()
            guard phase != .closed, output.isEmpty else { return }
        }
        guard !mask.isDisjoint(with: [.readable, .hangUp, .error]) else { return }
        switch phase {
        case .head, .body: readAndProcess()
        case .awaiting: readWhileAwaiting(mask)
        case .lingering: readAndDrop()
        case .closed: return
        }
    }

    func readAndProcess() {
        // A tail that waits for its turn is processed before anything new is read.
        guard !flags.contains(.tailScheduled) else { return }
        let input = server.input
        input.start(with: tail)
        let moved = input.read(descriptor)
        server.reactor.statistics.reads &+= 1
        if moved > 0 {
            process()
        } else if moved == 0 {
            close()
        } else if SystemError("read", moved).kind != .wouldBlock {
            close()
        }
    }

    /// The client sent more, or left, before its answer: look no further until the answer is out.
    func readWhileAwaiting(_ mask: EventMask) {
        if !mask.isDisjoint(with: [.hangUp, .error]) { return close() }
        want([])
    }

    func readAndDrop() {
        let input = server.input
        input.start(with: nil)
        let moved = input.read(descriptor)
        if moved <= 0 {
            if moved == 0 || SystemError("read", moved).kind != .wouldBlock { close() }
            return
        }
        lingered += Int32(moved)
        if lingered > Limits.lingerBytes { close() }
    }

    // MARK: Ending

    func closeIfIdle() {
        // In its own turn, its answers are not sent yet: `settle` closes it afterwards.
        guard !flags.contains(.inTurn) else { return }
        if phase == .head, output.isEmpty, tail == nil, !flags.contains(.flushScheduled) { close() }
    }

    /// Bytes of answers the client has not taken.
    var unsentBytes: Int { output.byteCount }

    /// What holds between turns; for tests.
    func checkInvariants() {
        precondition(!flags.contains(.inTurn))
        guard phase != .closed else { return }
        let waitsToWrite = interest.contains(.writable) || flags.contains(.flushScheduled)
        precondition(output.isEmpty || waitsToWrite, "nobody will send the output")
        precondition((pending != nil) == (phase == .body), "a body is pending in its phase only")
        precondition(server.reactor.timers.isScheduled(timer), "an open connection has its timer")
        precondition(
            phase == .awaiting || output.byteCount > 0 || interest.contains(.readable)
                || !flags.isDisjoint(with: [.flushScheduled, .tailScheduled]), "nothing will happen"
        )
    }

    func close() {
        guard phase != .closed else { return }
        if phase == .lingering { server.lingeringCount -= 1 }
        phase = .closed
        server.reactor.deregister(registration)
        _ = cepoll_close(descriptor)
        server.reactor.timers.cancel(timer)
        tail = nil
        pending = nil
        if flags.contains(.leaving) { server.leaving[ObjectIdentifier(self)] = nil }
        server.connectionClosed()
    }
}

// MARK: - Deferred work

extension HTTPConnection: DeferredHandler {
    package func runDeferred() {
        guard phase != .closed else { return }
        // One flag for each time it was asked for; a flush comes before the next turn's tail.
        if flags.remove(.flushScheduled) != nil { return flushQueue() }
        // Taken off also when the tail has to wait for the output: `settle` schedules it again.
        guard flags.remove(.tailScheduled) != nil, phase == .head, output.isEmpty, tail != nil
        else { return }
        server.input.start(with: tail)
        process()
    }
}
