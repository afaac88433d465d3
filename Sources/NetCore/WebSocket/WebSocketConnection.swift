// The server's end of one WebSocket (RFC 6455): reads the client's frames with every check the
// standard asks for, answers pings, closes as it is agreed, and writes shared frames without
// copying them. Made by Exchange.openWebSocket; its handler decides what is sent. It has a bound on
// what it queues: who sends more than its peer takes is ended with 1013. An idle connection owns no
// buffer and one timer.

internal import CEpoll
internal import Glibc
internal import HTTPParser

/// What a WebSocket takes and keeps.
package struct WebSocketOptions: Sendable {
    /// Longest message of the client; a longer one ends the connection with 1009.
    package var messageMost = 64 * 1_024
    /// Whether messages are kept for the handler; else they are checked and dropped.
    package var keepsMessages = false
    /// Unsent bytes above which the connection is ended.
    package var queueMost = 4 * 1_024 * 1_024
    /// Unsent bytes from which on `hasRoom` is false.
    package var roomMost = 256 * 1_024
    /// How often a silent client is asked whether it is there.
    package var pingPause = Duration.seconds(25)
    /// How long a close may take.
    package var closePatience = Duration.seconds(5)

    package init() {}
}

/// Who uses a WebSocket. Nothing is called from inside of a call to the connection but `closed`.
@ReactorActor
package protocol WebSocketHandler: AnyObject {
    /// A whole message; only with `keepsMessages`.
    func webSocket(_ socket: WebSocketConnection, received message: [UInt8], isText: Bool)
    /// The socket, which had taken only a part, has taken everything.
    func webSocketDrained(_ socket: WebSocketConnection)
    /// It is over: exactly once, also when the handler closed it.
    func webSocketClosed(_ socket: WebSocketConnection)
}

/// One WebSocket.
@ReactorActor
package final class WebSocketConnection: DrainedConnection {
    private enum Phase {
        case open
        /// Our close frame is sent or queued; the client's has not come.
        case closing
        /// Both are there, or the client broke the rules: what is queued goes out, what comes is
        /// dropped, until the client closes the connection.
        case ending
        case closed
    }

    package let server: HTTPServer
    private let descriptor: Int32
    private let options: WebSocketOptions
    package weak var handler: (any WebSocketHandler)?
    private var phase = Phase.open
    private var registration = Registration.none
    private var interest: EventMask = .readable
    private var output = OutputQueue()
    private var decoder: WebSocketDecoder
    private var opcode = WebSocketOpcode.continuation
    /// Of the message that is being received.
    private var isText = false
    private var isFinal = false
    private var message: [UInt8] = []
    private var messageCount = 0
    private var utf8 = UTF8Check()
    private var control: [UInt8] = []
    /// The newest ping that was not answered because too much is queued.
    private var unansweredPing: [UInt8]?
    private var timer = TimerHandle.none
    private var closeDeadline = Instant.distantFuture
    private var writeDeadline = Instant.distantFuture
    private var pingAt: Instant
    private var heardAt: Instant
    private var dropped = 0
    private var isFlushScheduled = false
    private var isShut = false
    private var wasBlocked = false

    /// Answers to pings that may wait.
    private static let pongsMost = 64 * 1_024
    /// Bytes dropped while the connection ends.
    private static let droppedMost = 16 * 1_024 * 1_024

    private init(_ socket: TakenSocket, _ options: WebSocketOptions) {
        server = socket.server
        descriptor = socket.descriptor
        self.options = options
        decoder = WebSocketDecoder(from: .client, frameMost: options.messageMost)
        heardAt = server.reactor.now
        pingAt = server.reactor.now + options.pingPause
    }

    static func open(
        _ socket: TakenSocket, _ options: WebSocketOptions,
        _ opened: @ReactorActor (WebSocketConnection) -> Void
    ) {
        let connection = WebSocketConnection(socket, options)
        do throws(SystemError) {
            connection.registration = try socket.server.reactor.register(
                socket.descriptor, .readable, connection)
        } catch { return socket.close() }
        connection.schedule()
        opened(connection)
        guard let rest = socket.rest else { return }
        rest.withSpan { connection.take($0) }
        connection.flush()
    }

    package var isOpen: Bool { phase == .open }
    /// Bytes the client has not taken.
    package var queuedBytes: Int { output.byteCount }
    /// Whether the handler may send without queueing much.
    package var hasRoom: Bool { isOpen && output.byteCount < options.roomMost }

    // MARK: Sending

    /// Sends a frame that was rendered by WebSocketFrames, now or behind what is queued.
    package func send(_ frame: ByteChunk) {
        append(frame)
        flush()
    }

    /// Appends a frame, to go out with the next `flush`.
    package func append(_ frame: ByteChunk) {
        guard isOpen else { return }
        guard output.byteCount + frame.count <= options.queueMost else {
            return close(1_013, "the client reads too slowly")
        }
        output.append(shared: frame)
    }

    /// Sends in one write what was appended, unless the socket is known to be full.
    package func flush() {
        guard phase != .closed, !output.isEmpty, !interest.contains(.writable) else { return }
        sendQueue()
    }

    /// Flushes at the end of this turn, once for all that is appended until then.
    package func flushAtEndOfTurn() {
        guard phase != .closed, !isFlushScheduled else { return }
        isFlushScheduled = true
        server.reactor.flushAtEndOfTurn(self)
    }

    private func sendQueue() {
        let before = output.byteCount
        server.reactor.statistics.writes &+= 1
        switch output.send(to: descriptor) {
        case .failed: drop()
        case .blocked:
            if output.byteCount < before || writeDeadline == .distantFuture {
                writeDeadline = server.reactor.now + server.options.writeTimeout
                schedule()
            }
            wasBlocked = true
            want([.readable, .writable])
        case .sentAll:
            writeDeadline = .distantFuture
            want(.readable)
            if let ping = unansweredPing {
                unansweredPing = nil
                answer(ping)
                return sendQueue()
            }
            if phase == .ending { shutOutput() }
        }
    }

    private func want(_ mask: EventMask) {
        guard mask != interest, phase != .closed else { return }
        do throws(SystemError) {
            try server.reactor.change(registration, mask)
            interest = mask
        } catch { drop() }
    }

    private func append(_ opcode: WebSocketOpcode, _ body: [UInt8]) {
        output.append(shared: WebSocketFrames.render(opcode, body))
    }

    // MARK: Receiving

    package func ready(_ mask: EventMask) {
        guard phase != .closed else { return }
        if mask.contains(.writable) {
            sendQueue()
            if output.isEmpty, wasBlocked, isOpen {
                wasBlocked = false
                handler?.webSocketDrained(self)
            }
        }
        guard phase != .closed else { return }
        if !mask.isDisjoint(with: [.hangUp, .error]), !mask.contains(.readable) { return drop() }
        if mask.contains(.readable) { receive() }
    }

    private func receive() {
        let input = server.input
        input.start(with: nil)
        let moved = input.read(descriptor)
        server.reactor.statistics.reads &+= 1
        guard moved > 0 else {
            if moved == 0 || SystemError("read", moved).kind != .wouldBlock { drop() }
            return
        }
        heardAt = server.reactor.now
        guard phase == .open || phase == .closing else {
            dropped += moved
            if dropped > WebSocketConnection.droppedMost { drop() }
            return
        }
        // The turn's buffer is this connection's until the next read.
        take(unsafe Span(_unsafeElements: input.pointer(from: 0)))
        flush()
    }

    /// Takes bytes of the client.
    private func take(_ bytes: Span<UInt8>) {
        var at = 0
        while phase == .open || phase == .closing {
            switch decoder.next(bytes.extracting(at..<bytes.count)) {
            case .header(let header, let consumed):
                at += consumed
                begin(header)
            case .payload(let offset, let count, let mask, let consumed):
                payload(bytes.extracting(at + offset..<at + offset + count), mask)
                at += consumed
            case .end(let consumed):
                at += consumed
                endFrame()
            case .needMore: return
            case .invalid(let failure): return fail(failure)
            }
        }
    }

    private func begin(_ header: WebSocketHeader) {
        opcode = header.opcode
        isFinal = header.isFinal
        guard !opcode.isControl else { return control.removeAll() }
        if opcode != .continuation {
            isText = opcode == .text
            utf8 = UTF8Check()
            message.removeAll()
            messageCount = 0
        }
        if header.length > options.messageMost - messageCount { return fail(.frameTooLarge) }
        messageCount += header.length
    }

    private func payload(_ bytes: Span<UInt8>, _ mask: WebSocketMask?) {
        guard phase == .open || phase == .closing else { return }
        var piece = [UInt8](capacity: bytes.count) { output in
            for index in bytes.indices { output.append(bytes[index]) }
        }
        if let mask {
            var span = piece.mutableSpan
            mask.apply(to: &span)
        }
        guard !opcode.isControl else { return control += piece }
        if isText, !utf8.take(piece.span) { return fail(.textNotUTF8) }
        if options.keepsMessages { message += piece }
    }

    private func endFrame() {
        guard phase == .open || phase == .closing else { return }
        switch opcode {
        case .close: endControl()
        case .ping: if phase == .open { answer(control) }
        case .pong: break
        case .continuation, .text, .binary:
            guard isFinal else { return }
            if isText, !utf8.isComplete { return fail(.textNotUTF8) }
            let whole = message
            message = []
            messageCount = 0
            guard options.keepsMessages, phase == .open else { return }
            handler?.webSocket(self, received: whole, isText: isText)
        }
    }

    private func answer(_ ping: [UInt8]) {
        // Only the newest needs an answer (RFC 6455 section 5.5.3), but clients count them.
        guard output.byteCount < WebSocketConnection.pongsMost else { return unansweredPing = ping }
        append(.pong, ping)
    }

    // MARK: The end

    /// Begins the closing handshake; nothing is sent behind it.
    package func close(_ code: UInt16, _ reason: String = "") {
        guard phase == .open else { return }
        append(.close, WebSocketFrames.closeBody(code, reason))
        phase = .closing
        closeDeadline = server.reactor.now + options.closePatience
        schedule()
        flush()
    }

    /// The client's close frame.
    private func endControl() {
        let body = control
        do throws(WebSocketFailure) {
            let code = try WebSocketClose.code(in: body.span)
            let isNone = code == WebSocketClose.none
            if phase == .open {
                append(.close, isNone ? [] : WebSocketFrames.closeBody(code, ""))
            }
            end()
        } catch { fail(error) }
    }

    /// The client broke a rule.
    private func fail(_ failure: WebSocketFailure) {
        if phase == .open {
            append(
                .close,
                WebSocketFrames.closeBody(failure.closeCode, "\(failure.explanation)"))
        }
        end()
    }

    private func end() {
        phase = .ending
        message = []
        closeDeadline = min(closeDeadline, server.reactor.now + options.closePatience)
        schedule()
        if output.isEmpty { shutOutput() } else { flush() }
    }

    /// Everything is sent: the client sees the end of our half, and ends its own.
    private func shutOutput() {
        guard !isShut, phase == .ending else { return }
        isShut = true
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// The connection is over, or is given up.
    private func drop() {
        guard phase != .closed else { return }
        phase = .closed
        output = OutputQueue()
        message = []
        server.reactor.timers.cancel(timer)
        server.reactor.deregister(registration)
        Descriptor.close(descriptor)
        server.connectionClosed()
        handler?.webSocketClosed(self)
    }

    package func serverDrains() { close(1_001, "the server is shutting down") }

    // MARK: Time

    private func schedule() {
        let next = min(closeDeadline, writeDeadline, phase == .open ? pingAt : .distantFuture)
        server.reactor.timers.cancel(timer)
        timer = server.reactor.timers.schedule(at: next, self)
    }
}

extension WebSocketConnection: DeferredHandler {
    package func runDeferred() {
        isFlushScheduled = false
        flush()
    }
}

extension WebSocketConnection: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        let now = server.reactor.now
        guard phase != .closed else { return }
        guard closeDeadline > now, writeDeadline > now else { return drop() }
        if phase == .open, pingAt <= now {
            // Two pings without any byte since: nobody is there.
            guard now - heardAt < options.pingPause * 3 else { return drop() }
            pingAt = now + options.pingPause
            append(.ping, [])
            flush()
        }
        guard phase != .closed else { return }
        schedule()
    }
}
