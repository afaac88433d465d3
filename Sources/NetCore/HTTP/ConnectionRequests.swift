// The requests of a connection: each is parsed where it was read, framed, admitted and handled, or
// refused with the connection's end. Called with the turn's input buffer; what is answered gathers
// in the server's answers (ConnectionAnswers.swift) and is sent once, at the end of the turn.

internal import HTTPParser

extension HTTPConnection {
    /// Answers what is complete in the input buffer, then flushes and keeps the rest.
    func process() {
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
    func answerRepeated(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
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
    func keepForRepetition(
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
    func take(_ bytes: UnsafeBufferPointer<UInt8>, headLength: Int) -> Int {
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
    func begin(_ head: UnsafeBufferPointer<UInt8>, closes: Bool) -> Bool {
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

    func handle(_ exchange: Exchange) {
        if unsafe server.head.pointee.keepAlive && !server.isDraining {
            exchange.keepOpenAfterAnswer()
        }
        server.application.handle(exchange)
        finishExchange(exchange)
    }

    func finishExchange(_ exchange: Exchange) {
        if exchange.isAnswered {
            if exchange.closesAfterAnswer { flags.insert(.closing) }
        } else if !exchange.isLater {
            assertionFailure("a handler neither answered nor took the exchange")
            refuse(500, "the request was not answered")
        }
        exchange.end()
    }

    // MARK: Bodies that come in pieces

    func beginBody(
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

    static let continueAnswer = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Adds input from `position` on to the body; returns the bytes used.
    func feedBody(_ position: Int) -> Int {
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
    func finishBody(_ body: PendingBody) {
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

    /// Answers and closes: the request, or what follows it, cannot be understood.
    func refuse(_ status: Int, _ explanation: String) {
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
}
