// The end of a connection's turn: what was answered is sent, what is left of the input is kept, and
// interest, deadline and phase follow from what there is to do. Nothing here reads or parses.

internal import CEpoll

extension HTTPConnection {
    func finishTurn(_ rest: ByteChunk?, outOfTurn: Bool) {
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

    func startHeadDeadline() {
        guard !flags.contains(.headStarted) else { return }
        flags.insert(.headStarted)
        setDeadline(server.reactor.now + server.options.headTimeout)
    }

    func flushAnswers() {
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

    func flushQueue() {
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
    func settle() {
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

    func finishClose() {
        guard flags.contains(.lingers) || tail != nil else { return close() }
        phase = .lingering
        server.lingeringCount += 1
        tail = nil
        _ = cepoll_shutdown(descriptor, 0)
        want(.readable)
        setDeadline(server.reactor.now + server.options.lingerTimeout)
    }

    func want(_ mask: EventMask) {
        guard mask != interest else { return }
        // Not registered yet: `open` does it with what is wanted by then.
        guard registration != .none else { return interest = mask }
        do throws(SystemError) {
            try server.reactor.change(registration, mask)
            interest = mask
        } catch { close() }
    }
}

// MARK: - Deadlines

// A request only stores its deadline. The one timer of the connection looks at it when it fires and
// moves on, so that the heap is touched every idleTimeout and not for every request.
extension HTTPConnection: TimerHandler {
    func armTimer() {
        timerAt = deadline
        timer = server.reactor.timers.schedule(at: deadline, self)
    }

    func setDeadline(_ instant: Instant) {
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
