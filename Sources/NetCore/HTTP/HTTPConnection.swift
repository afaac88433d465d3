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

    private struct Flags: OptionSet {
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
    private let descriptor: Int32
    private var registration = Registration.none
    private var phase = Phase.head
    private var flags: Flags = []
    /// The application's mark.
    let mark: UInt8
    private var scan = HeadScan()
    private var laterNumber: UInt32 = 0
    private var tail: ByteChunk?
    private var pending: PendingBody?
    private var output = OutputQueue()
    private var lingered: Int32 = 0
    private var timer = TimerHandle.none
    private var timerAt = Instant.distantFuture
    private var deadline: Instant

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

    private func readAndProcess() {
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
    private func readWhileAwaiting(_ mask: EventMask) {
        if !mask.isDisjoint(with: [.hangUp, .error]) { return close() }
        want([])
    }

    private func readAndDrop() {
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

    // MARK: Requests

    /// Answers what is complete in the input buffer, then flushes and keeps the rest.
    private func process() {
        let input = server.input
        flags.insert(.inTurn)
        tail = nil
        var position = 0
        var requests = 0
        var outOfTurn = false
        scanning: while position < input.count {
            if phase == .body {
                position += feedBody(position)
                continue
            }
            guard phase == .head, !flags.contains(.closing) else { break }
            if requests == Limits.requestsPerTurn || !output.isEmpty
                || server.answers.count >= Limits.answerBytesPerTurn
            {
                outOfTurn = true
                break
            }
            let bytes = unsafe input.pointer(from: position)
            if scan.isFresh, let length = unsafe answerRepeated(bytes) {
                requests += 1
                position += length
                continue
            }
            let span = unsafe Span(_unsafeElements: bytes)
            switch unsafe server.head.pointee.parse(span, scan: &scan, limits: server.headLimits) {
            case .incomplete:
                break scanning
            case .invalid(let failure):
                refuse(failure.status, "\(failure.explanation)")
                position = input.count
            case .complete(let length):
                scan = HeadScan()
                flags.remove(.headStarted)
                requests += 1
                position += unsafe take(bytes, headLength: length)
            }
        }
        server.reactor.statistics.requests &+= UInt64(requests)
        finishTurn(input.tail(from: min(position, input.count)), outOfTurn: outOfTurn)
    }

    /// Answers a head that came before, but for the name it asks about; its length, or nil when it
    /// has to be parsed.
    @inline(__always)
    private func answerRepeated(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let match = unsafe server.repeated.find(bytes, mark: mark), !server.isDraining else {
            return nil
        }
        let parameter = unsafe Span(
            _unsafeElements: UnsafeBufferPointer(
                rebasing: bytes[match.parameterStart..<match.parameterEnd]))
        guard
            let answer = server.application.answer(toRoute: match.route, parameter: parameter)
        else { return nil }
        flags.remove(.headStarted)
        write(answer, isHead: false, closes: false, isHTTP10: false, additional: [])
        return match.length
    }

    /// Keeps a head that means the same when it comes again.
    private func keepForRepetition(
        _ exchange: Exchange, _ head: UnsafeBufferPointer<UInt8>, _ framing: BodyFraming
    ) {
        guard server.repeated.isLooking, case .none = framing, case .get = exchange.method,
            exchange.isPlain, server.application.dependsOnParameterAlone(exchange.route)
        else { return }
        let parameter = exchange.parameters[0]
        guard parameter.end == exchange.target.path.end, unsafe head.first == UInt8(ascii: "G")
        else { return }
        unsafe server.repeated.keep(
            head, parameterStart: parameter.lower, parameterEnd: parameter.end,
            route: exchange.route, mark: mark)
    }

    /// Has one request answered; returns the bytes of it that were used.
    private func take(_ bytes: UnsafeBufferPointer<UInt8>, headLength: Int) -> Int {
        let available = bytes.count - headLength
        let framing = unsafe server.head.pointee.framing
        var whole = headLength
        var isWhole = false
        switch framing {
        case .none: isWhole = true
        case .length(let count) where count <= available:
            whole += count
            isWhole = true
        case .length, .chunked: break
        }
        let head = unsafe UnsafeBufferPointer(rebasing: bytes[0..<headLength])
        // Unless the body is at hand, a refusal in `admit` leaves the framing open: close.
        guard unsafe begin(head, closes: !isWhole) else { return bytes.count }
        let exchange = server.exchange
        guard server.application.admit(exchange) else {
            if !isWhole { flags.insert(.lingers) }
            finishExchange(exchange)
            return isWhole ? whole : bytes.count
        }
        if case .length(let count) = framing, count > exchange.bodyMost {
            exchange.end()
            refuse(413, "the body has \(count) bytes, at most \(exchange.bodyMost) are read")
            return bytes.count
        }
        guard isWhole else {
            unsafe beginBody(head, framing, most: exchange.bodyMost, hasBytes: available > 0)
            exchange.end()
            return headLength
        }
        unsafe exchange.setBody(UnsafeBufferPointer(rebasing: bytes[headLength..<whole]))
        unsafe keepForRepetition(exchange, head, framing)
        handle(exchange)
        return whole
    }

    /// Opens the exchange for the parsed head, or refuses it and returns false.
    private func begin(_ head: UnsafeBufferPointer<UInt8>, closes: Bool) -> Bool {
        let span = unsafe Span(_unsafeElements: head)
        let target: RequestTarget
        switch unsafe RequestTarget.parse(
            span, target: server.head.pointee.target, method: server.head.pointee.method)
        {
        case .success(let parsed): target = parsed
        case .failure(let failure):
            refuse(failure.status, "\(failure.explanation)")
            return false
        }
        if case .unknown = unsafe server.head.pointee.expectation {
            refuse(417, "the only expectation known here is 100-continue")
            return false
        }
        var isHTTP10 = false
        if case .http10 = unsafe server.head.pointee.version { isHTTP10 = true }
        unsafe server.exchange.begin(
            self, head: head, method: server.head.pointee.method, target: target,
            closes: closes || !server.head.pointee.keepAlive || server.isDraining,
            isHTTP10: isHTTP10, bodyMost: server.options.bodyBytes)
        return true
    }

    private func handle(_ exchange: Exchange) {
        if unsafe server.head.pointee.keepAlive && !server.isDraining {
            exchange.keepOpenAfterAnswer()
        }
        server.application.handle(exchange)
        finishExchange(exchange)
    }

    private func finishExchange(_ exchange: Exchange) {
        if exchange.isAnswered {
            if exchange.closesAfterAnswer { flags.insert(.closing) }
        } else if !exchange.isLater {
            assertionFailure("a handler neither answered nor took the exchange")
            refuse(500, "the request was not answered")
        }
        exchange.end()
    }

    // MARK: Bodies that come in pieces

    private func beginBody(
        _ head: UnsafeBufferPointer<UInt8>, _ framing: BodyFraming, most: Int, hasBytes: Bool
    ) {
        let span = unsafe Span(_unsafeElements: head)
        pending = PendingBody(head: span, framing: framing, most: most)
        phase = .body
        setDeadline(server.reactor.now + server.options.bodyTimeout)
        if unsafe server.head.pointee.expectation == .continue && !hasBytes {
            write(HTTPConnection.continueAnswer.span)
        }
    }

    private static let continueAnswer = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Adds input from `position` on to the body; returns the bytes used.
    private func feedBody(_ position: Int) -> Int {
        guard let pending else { return 0 }
        let (step, used) = unsafe pending.feed(server.input.pointer(from: position))
        switch step {
        case .more: break
        case .complete: finishBody(pending)
        case .invalid(let failure): refuse(failure.status, "\(failure.explanation)")
        }
        return used
    }

    /// The body is complete: parse the kept head again and have the request answered.
    private func finishBody(_ body: PendingBody) {
        pending = nil
        phase = .head
        unsafe body.head.withBytes { head in
            var scan = HeadScan()
            let span = unsafe Span(_unsafeElements: head)
            guard
                case .complete = unsafe server.head.pointee.parse(
                    span, scan: &scan, limits: server.headLimits),
                unsafe begin(head, closes: false)
            else { return refuse(400, "the request cannot be read") }
            let exchange = server.exchange
            unsafe body.bytes.withUnsafeBufferPointer { bytes in
                unsafe exchange.setBody(bytes)
                if server.application.admit(exchange) {
                    handle(exchange)
                } else {
                    finishExchange(exchange)
                }
            }
        }
    }

    // MARK: Answers

    /// Writes a finished answer with the date and what this request needs besides.
    func write(
        _ answer: PreparedAnswer, isHead: Bool, closes: Bool, isHTTP10: Bool, additional: [UInt8]
    ) {
        guard phase != .closed else { return }
        server.refreshDate()
        let date = unsafe server.date.bytes
        let end = isHead ? answer.headCount : answer.chunk.count
        // The hot path: one copy of the finished bytes, then the date in its place.
        if !closes, !isHTTP10, additional.isEmpty, flags.contains(.inTurn), output.isEmpty,
            unsafe server.answers.append(
                answer.chunk, count: end, patch: date, at: answer.dateOffset)
        {
            return
        }
        answer.chunk.withSpan { bytes in
            write(bytes.extracting(0..<answer.dateOffset))
            unsafe write(Span(_unsafeElements: date))
            write(bytes.extracting(answer.dateOffset + date.count..<answer.insertOffset))
            if closes {
                write(HTTPConnection.closeLine.span)
            } else if isHTTP10 {
                write(HTTPConnection.keepAliveLine.span)
            }
            write(additional.span)
            write(bytes.extracting(answer.insertOffset..<end))
        }
    }

    private static let closeLine = Array("Connection: close\r\n".utf8)
    private static let keepAliveLine = Array("Connection: keep-alive\r\n".utf8)

    /// Appends bytes to the turn's answers, or to the queue outside of this connection's turn.
    private func write(_ bytes: Span<UInt8>) {
        if flags.contains(.inTurn), output.isEmpty {
            if server.answers.append(bytes) { return }
            spillAnswers()
        }
        output.append(bytes)
        scheduleFlush()
    }

    private func spillAnswers() {
        server.answers.withBytes(from: 0) { output.append($0) }
        server.answers.clear()
    }

    private func scheduleFlush() {
        guard flags.isDisjoint(with: [.inTurn, .flushScheduled]) else { return }
        flags.insert(.flushScheduled)
        server.reactor.flushAtEndOfTurn(self)
    }

    /// Answers and closes: the request, or what follows it, cannot be understood.
    private func refuse(_ status: Int, _ explanation: String) {
        guard phase != .closed else { return }
        phase = .head
        pending = nil
        flags.formUnion([.closing, .lingers])
        // Else the deadline to linger would be taken for that of the head.
        flags.remove(.headStarted)
        let response = server.application.answer(
            to: HTTPRefusal(status: status, explanation: explanation))
        write(
            PreparedAnswer(response, common: server.commonHeaders), isHead: false, closes: true,
            isHTTP10: false, additional: [])
    }

    // MARK: Later answers

    var isOpen: Bool { phase != .closed }

    func beginLater() -> UInt32 {
        phase = .awaiting
        laterNumber &+= 1
        return laterNumber
    }

    func isAwaiting(_ number: UInt32) -> Bool { phase == .awaiting && laterNumber == number }

    /// True when the answer may be written now.
    func endLater(_ number: UInt32) -> Bool {
        guard isAwaiting(number) else { return false }
        phase = .head
        return true
    }

    /// The answer is written: go on with what the client sent meanwhile.
    func resume(closes: Bool) {
        if closes { flags.insert(.closing) }
        scheduleFlush()
        if tail != nil, !flags.contains(.closing) { scheduleTail() }
    }

    private func scheduleTail() {
        guard !flags.contains(.tailScheduled) else { return }
        flags.insert(.tailScheduled)
        server.reactor.runNextTurn(self)
    }

    // MARK: Leaving HTTP

    /// Ends the conversation: once what is answered so far is sent, `receiver` gets the socket.
    func leave(_ receiver: @escaping TakenSocket.Receiver) {
        phase = .awaiting
        flags.insert(.leaving)
        server.leaving[ObjectIdentifier(self)] = receiver
    }

    private func finishLeave() {
        guard !server.isDraining,
            let receiver = server.leaving.removeValue(forKey: ObjectIdentifier(self))
        else { return close() }
        phase = .closed
        server.reactor.deregister(registration)
        server.reactor.timers.cancel(timer)
        let rest = tail
        tail = nil
        receiver(TakenSocket(descriptor, rest: rest, of: server))
    }

    // MARK: The end of a turn

    private func finishTurn(_ rest: ByteChunk?, outOfTurn: Bool) {
        flags.remove(.inTurn)
        guard phase != .closed else { return server.answers.clear() }
        // What is not read when the socket closes makes the kernel send a reset, which can
        // overtake the answer.
        if flags.contains(.closing), rest != nil { flags.insert(.lingers) }
        if !flags.contains(.closing) { tail = rest }
        flushAnswers()
        guard phase != .closed else { return }
        settle()
        guard phase != .closed, phase != .lingering else { return }
        if outOfTurn, output.isEmpty { scheduleTail() }
        if tail != nil, phase == .head, output.isEmpty, !outOfTurn { startHeadDeadline() }
    }

    private func startHeadDeadline() {
        guard !flags.contains(.headStarted) else { return }
        flags.insert(.headStarted)
        setDeadline(server.reactor.now + server.options.headTimeout)
    }

    private func flushAnswers() {
        let answers = server.answers
        guard answers.count > 0 else {
            if !output.isEmpty { flushQueue() }
            return
        }
        let moved = answers.send(to: descriptor)
        server.reactor.statistics.writes &+= 1
        if moved < 0, SystemError("send", moved).kind != .wouldBlock {
            answers.clear()
            return close()
        }
        if max(0, moved) < answers.count {
            answers.withBytes(from: max(0, moved)) { output.append($0) }
        }
        answers.clear()
    }

    private func flushQueue() {
        guard !output.isEmpty else { return settle() }
        let before = output.byteCount
        server.reactor.statistics.writes &+= 1
        switch output.send(to: descriptor) {
        case .failed: return close()
        case .blocked:
            if output.byteCount < before {
                setDeadline(server.reactor.now + server.options.writeTimeout)
            }
        case .sentAll: break
        }
        settle()
    }

    /// Sets interest, deadline and phase by what is left to do.
    private func settle() {
        guard phase != .closed, phase != .lingering else { return }
        if !output.isEmpty {
            if !interest.contains(.writable) {
                setDeadline(server.reactor.now + server.options.writeTimeout)
            }
            return want(.writable)
        }
        if flags.contains(.closing) { return finishClose() }
        switch phase {
        case .head:
            if server.isDraining, tail == nil { return close() }
            if !flags.contains(.headStarted) {
                deadline = server.reactor.now + server.options.idleTimeout
            }
            if tail != nil, interest.contains(.writable) { scheduleTail() }
            want(.readable)
        case .body: want(.readable)
        // Only an event shows that the client sends on; until then no call is needed.
        case .awaiting:
            if flags.contains(.leaving) { return finishLeave() }
            deadline = .distantFuture
            if interest.contains(.writable) { want([]) }
        case .lingering, .closed: break
        }
    }

    private func finishClose() {
        guard flags.contains(.lingers) || tail != nil else { return close() }
        phase = .lingering
        server.lingeringCount += 1
        tail = nil
        _ = cepoll_shutdown(descriptor, 0)
        want(.readable)
        setDeadline(server.reactor.now + server.options.lingerTimeout)
    }

    private var interest: EventMask = .readable

    private func want(_ mask: EventMask) {
        guard mask != interest else { return }
        // Not registered yet: `open` does it with what is wanted by then.
        guard registration != .none else { return interest = mask }
        do throws(SystemError) {
            try server.reactor.change(registration, mask)
            interest = mask
        } catch { close() }
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

    private func close() {
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

// MARK: - Deadlines

// A request only stores its deadline. The one timer of the connection looks at it when it fires and
// moves on, so that the heap is touched every idleTimeout and not for every request.
extension HTTPConnection: TimerHandler {
    private func armTimer() {
        timerAt = deadline
        timer = server.reactor.timers.schedule(at: deadline, self)
    }

    private func setDeadline(_ instant: Instant) {
        deadline = instant
        guard instant < timerAt else { return }
        server.reactor.timers.cancel(timer)
        armTimer()
    }

    package func timerFired(_ tag: UInt32) {
        guard phase != .closed else { return }
        let now = server.reactor.now
        if deadline > now {
            timerAt = min(deadline, now + server.options.idleTimeout)
            timer = server.reactor.timers.schedule(at: timerAt, self)
            return
        }
        timerAt = .distantFuture
        let isLate = output.isEmpty && (phase == .body || flags.contains(.headStarted))
        guard isLate else { return close() }
        let what = phase == .body ? "body" : "head"
        refuse(408, "the request's \(what) did not arrive in time")
        deadline = now + server.options.lingerTimeout
        armTimer()
    }
}
