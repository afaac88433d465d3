// The answers of a connection: in its own turn they gather in one buffer of the server, outside of
// it in a queue of its own that is sent at the end of the reactor's turn. Here too: answers that
// come later, and sockets that leave HTTP.

extension HTTPConnection {
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

    static let closeLine = Array("Connection: close\r\n".utf8)
    static let keepAliveLine = Array("Connection: keep-alive\r\n".utf8)

    /// Appends bytes to the turn's answers, or to the queue outside of this connection's turn.
    func write(_ bytes: Span<UInt8>) {
        if flags.contains(.inTurn), output.isEmpty {
            if server.answers.append(bytes) { return }
            spillAnswers()
        }
        output.append(bytes)
        scheduleFlush()
    }

    func spillAnswers() {
        server.answers.withBytes(from: 0) { output.append($0) }
        server.answers.clear()
    }

    func scheduleFlush() {
        guard flags.isDisjoint(with: [.inTurn, .flushScheduled]) else { return }
        flags.insert(.flushScheduled)
        server.reactor.flushAtEndOfTurn(self)
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

    func scheduleTail() {
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

    func finishLeave() {
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
}
