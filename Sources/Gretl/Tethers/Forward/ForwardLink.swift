// One client and one pod with an API server between them: bytes of the client become messages, the
// data of messages go to the client. Whoever does not read stops the other one, with one piece kept
// each way at most. The client's end cannot be handed on (the protocol has no word for it): the
// pod's bytes still go to the client until the pod ends, or says nothing for a while.

import HTTPParser
import NetCore

/// A client and a pod behind an API server.
@ReactorActor
final class ForwardLink: TetherLink {
    private let line: ForwardLine
    private let stream: any ForwardStream
    private var client: StreamSocket?
    private var owner: (any TetherLinkOwner)?
    private var frames: ForwardFrames
    /// What the stream, or the client, did not take yet.
    private var unsentUp: [UInt8] = []
    private var unsentDown: [UInt8] = []
    /// Bytes that came behind the head of the answer.
    private var early: [UInt8]
    private var hasClientEnded = false
    /// The pod has ended; what came before is on its way to the client.
    private var hasPodEnded = false
    /// Everything is with the client's kernel: its own end is waited for.
    private var isLingering = false
    private var dropped = 0
    private var end: TetherLinkEnd?
    var isQueued = false
    private(set) var bytesFromClient: UInt64 = 0
    private(set) var bytesFromPod: UInt64 = 0
    private(set) var lastMovement: Instant
    private var timer = TimerHandle.none
    /// Whether anything came, or went, since the last look.
    private var hasReceived = false
    private var hasSent = false
    private var pingSentAt: Instant?

    init(
        _ descriptor: Int32, _ stream: any ForwardStream, _ frames: ForwardFrames, early: [UInt8],
        on line: ForwardLine, owner: any TetherLinkOwner
    ) throws(SystemError) {
        self.line = line
        self.stream = stream
        self.frames = frames
        self.early = early
        self.owner = owner
        lastMovement = line.reactor.now
        do throws(SystemError) {
            client = try StreamSocket(descriptor, on: line.reactor, owner: self)
        } catch {
            stream.close()
            throw error
        }
        stream.owner = self
        scheduleLook()
        line.enqueue(self)
    }

    /// Bytes that wait here, each way: for tests.
    var keptBytes: (up: Int, down: Int) { (unsentUp.count, unsentDown.count + early.count) }

    var isHalfClosed: Bool { hasClientEnded != hasPodEnded }

    func close() {
        if end == nil { sayGoodbye() }
        finish(.closed, withReset: true)
    }

    // MARK: Moving

    /// Called when it is its turn.
    func move() {
        guard end == nil else { return }
        let before = (bytesFromClient, bytesFromPod)
        var hasMore = false
        var budget = TetherLimits.forwardBytesPerTurn
        // In pieces, one each way in turn.
        repeat {
            let up = end == nil && moveUp()
            let down = end == nil && moveDown()
            hasMore = up || down
            budget -= TetherLimits.forwardPieceBytes
        } while hasMore && budget > 0 && end == nil
        if before != (bytesFromClient, bytesFromPod) { lastMovement = line.reactor.now }
        guard end == nil else { return }
        if hasMore { line.enqueue(self) }
        settle()
    }

    private func settle() {
        stream.want(read: unsentDown.isEmpty && !hasPodEnded, write: !unsentUp.isEmpty)
        var mask: EventMask = []
        if isLingering || (!hasClientEnded && !hasPodEnded && unsentUp.isEmpty) {
            mask.insert(.readable)
        }
        if !unsentDown.isEmpty { mask.insert(.writable) }
        do throws(SystemError) { try client?.want(mask) } catch {
            fail("the client's connection cannot be watched: \(SystemError.text(error.code))")
        }
    }

    // MARK: Client to pod

    /// One piece; whether there may be more.
    private func moveUp() -> Bool {
        if !unsentUp.isEmpty { return flushUp() }
        guard !hasClientEnded, !hasPodEnded, let client else { return false }
        // Room for the longest header of such a message, then the channel, then the bytes.
        let memory = line.memory
        let start = 9
        let read = memory.change(0..<start + TetherLimits.forwardPieceBytes) {
            client.read(into: &$0, from: start)
        }
        switch read {
        case .later: return false
        case .ended:
            hasClientEnded = true
            lastMovement = line.reactor.now
            return false
        case .failed(let error):
            sayGoodbye()
            finish(error.kind == .peerGone ? .clientLeft : .failed(error.description))
            return false
        case .bytes(let count):
            bytesFromClient &+= UInt64(count)
            return send(memory, start, count)
        }
    }

    /// Makes a message of the bytes at `start`, and sends it.
    private func send(_ memory: WorkingMemory, _ start: Int, _ count: Int) -> Bool {
        let mask = WebSocketMask(UInt32.random(in: .min ... .max))
        let header = WebSocketHeader(.binary, length: count + 1, mask: mask)
        let head = [UInt8](capacity: WebSocketHeader.bytesMost) { _ = header.write(into: &$0) }
        let first = start - 1 - head.count
        memory.change(first..<start - 1) { span in
            for index in head.indices { span[index] = head[index] }
        }
        memory.change(start - 1..<start + count) { span in
            span[0] = 0
            mask.apply(to: &span)
        }
        let whole = first..<start + count
        switch memory.look(whole, { stream.write($0) }) {
        case .failed(let text):
            lost(text)
            return false
        case .taken(let taken):
            hasSent = true
            guard taken < whole.count else { return true }
            memory.look(whole.lowerBound + taken..<whole.upperBound) { rest in
                unsentUp.reserveCapacity(rest.count)
                for index in 0..<rest.count { unsentUp.append(rest[index]) }
            }
            return false
        }
    }

    private func flushUp() -> Bool {
        switch stream.write(unsentUp) {
        case .failed(let text):
            lost(text)
            return false
        case .taken(let taken):
            if taken == unsentUp.count {
                unsentUp = []
                hasSent = true
                return true
            }
            unsentUp.removeFirst(taken)
            return false
        }
    }

    /// Sends a frame of ours, behind what waits. Bounded: one that would make the line too long is
    /// left out, which only a server does that asks without reading.
    private func sendOwn(_ bytes: [UInt8]) {
        guard unsentUp.count + bytes.count <= TetherLimits.forwardPieceBytes + 1_024 else { return }
        unsentUp += bytes
        _ = flushUp()
    }

    /// The end of the WebSocket, as far as it can be said at once.
    private func sayGoodbye() {
        if unsentUp.isEmpty { _ = stream.write(ForwardMessage.close.span) }
    }

    // MARK: Pod to client

    /// One piece; whether there may be more.
    private func moveDown() -> Bool {
        guard let client else { return false }
        if isLingering { return linger(client) }
        if !unsentDown.isEmpty {
            guard flushDown(client) else { return false }
        }
        guard !hasPodEnded else {
            beginLingering(client)
            return false
        }
        if !early.isEmpty {
            let bytes = early
            early = []
            take(bytes.span)
            return end == nil
        }
        let memory = line.memory
        let room = 0..<TetherLimits.forwardPieceBytes
        switch memory.change(room, { stream.read(into: &$0, from: 0) }) {
        case .later: return false
        case .ended:
            lost("the API server closed the connection")
            return false
        case .failed(let text):
            lost(text)
            return false
        case .bytes(let count):
            hasReceived = true
            memory.look(0..<count) { take($0) }
            return end == nil && unsentDown.isEmpty
        }
    }

    private func take(_ bytes: Span<UInt8>) {
        while end == nil {
            switch frames.next(bytes) {
            case .done: return
            case .data(let start, let count):
                guard !hasPodEnded else { continue }
                give(bytes.extracting(start..<start + count))
            case .ping(let body): sendOwn(ForwardMessage.make(.pong, body))
            case .pong: pingSentAt = nil
            case .closed(let code): return podEnded(code)
            case .invalid(let text): return lost("the API server does not keep to it: \(text)")
            }
        }
    }

    /// Hands bytes of the pod to the client, or keeps them.
    private func give(_ bytes: Span<UInt8>) {
        guard let client else { return }
        bytesFromPod &+= UInt64(bytes.count)
        var taken = 0
        if unsentDown.isEmpty {
            switch client.write(bytes) {
            case .taken(let count): taken = count
            case .failed(let error): return clientFailed(error)
            }
        }
        unsentDown.reserveCapacity(unsentDown.count + bytes.count - taken)
        for index in taken..<bytes.count { unsentDown.append(bytes[index]) }
    }

    /// Whether all of it is with the client's kernel.
    private func flushDown(_ client: StreamSocket) -> Bool {
        switch client.write(unsentDown) {
        case .failed(let error):
            clientFailed(error)
            return false
        case .taken(let count):
            if count == unsentDown.count {
                unsentDown = []
                // Nothing was read meanwhile: an answer may be there already.
                if pingSentAt != nil { pingSentAt = line.reactor.now }
                return true
            }
            unsentDown.removeFirst(count)
            return false
        }
    }

    private func clientFailed(_ error: SystemError) {
        sayGoodbye()
        finish(error.kind == .peerGone ? .clientLeft : .failed(error.description))
    }

    // MARK: Ends

    private func podEnded(_ code: UInt16) {
        if let error = frames.error { return fail(error) }
        guard code == 1_000 || code == 1_005 else {
            return fail("the API server ended the connection with code \(code)")
        }
        _ = stream.write(ForwardMessage.close.span)
        stream.close()
        unsentUp = []
        hasPodEnded = true
        lastMovement = line.reactor.now
        line.enqueue(self)
    }

    /// All bytes of the pod are with the client's kernel. Closed now, bytes that it still sends
    /// would make a reset of the end, and what is under way to it would be lost.
    private func beginLingering(_ client: StreamSocket) {
        client.endWriting()
        guard !hasClientEnded else { return finish(.finished) }
        isLingering = true
    }

    private func linger(_ client: StreamSocket) -> Bool {
        let count = client.drop(TetherLimits.forwardPieceBytes)
        if count == 0 { return false }
        dropped += max(0, count)
        if count < 0 { finish(.finished) }
        if dropped > TetherLimits.lingerClientBytes { finish(.clientLeft) }
        return end == nil
    }

    /// The connection to the API server is over.
    private func lost(_ text: String) {
        guard !hasPodEnded else { return }
        fail(frames.error ?? text)
    }

    private func fail(_ text: String) {
        sayGoodbye()
        finish(.failed(text), withReset: true)
    }

    private func finish(_ end: TetherLinkEnd, withReset: Bool = false) {
        guard self.end == nil else { return }
        self.end = end
        line.reactor.timers.cancel(timer)
        stream.owner = nil
        stream.close()
        if withReset || end != .finished { client?.reset() } else { client?.close() }
        client = nil
        (unsentUp, unsentDown, early) = ([], [], [])
        line.reactor.flushAtEndOfTurn(self)
    }

    // MARK: Being alive

    private func scheduleLook() {
        timer = line.reactor.timers.schedule(
            at: line.reactor.now + .seconds(TetherLimits.keepaliveSeconds), self)
    }
}

extension ForwardLink: TimerHandler {
    func timerFired(_ tag: UInt32) {
        guard end == nil else { return }
        let now = line.reactor.now
        let linger = Duration.seconds(TetherLimits.lingerSeconds)
        if isLingering || (hasClientEnded && unsentDown.isEmpty), now - lastMovement >= linger {
            if isLingering { return finish(.clientLeft) }
            sayGoodbye()
            return finish(.finished)
        }
        defer { if end == nil { scheduleLook() } }
        guard !hasPodEnded else { return }
        if hasReceived { pingSentAt = nil }
        // A client that does not read keeps us from seeing an answer.
        if let asked = pingSentAt, unsentDown.isEmpty,
            now - asked >= .seconds(TetherLimits.pongSeconds)
        {
            return fail("the API server has said nothing for \(TetherLimits.pongSeconds) s")
        }
        if unsentUp.isEmpty {
            // The kubelet's idle limit counts data only: a ping does not keep it open.
            if !hasSent { sendOwn(ForwardMessage.make(.binary)) }
            if !hasReceived, pingSentAt == nil, end == nil {
                sendOwn(ForwardMessage.make(.ping))
                pingSentAt = now
            }
        }
        (hasReceived, hasSent) = (false, false)
        if end == nil { settle() }
    }
}

extension ForwardLink: ForwardStreamOwner {
    func streamReady() { line.enqueue(self) }
}

extension ForwardLink: StreamSocketOwner {
    func socketReady(_ socket: StreamSocket, _ mask: EventMask) {
        guard end == nil, let client, client === socket else { return }
        if !mask.isDisjoint(with: [.error, .hangUp]) {
            if let error = client.pendingError() { return clientFailed(error) }
            // Both halves are over, in order; the kernel would say so for ever.
            if hasClientEnded || isLingering {
                client.ignore()
                if isLingering { return finish(.finished) }
            }
        }
        line.enqueue(self)
    }
}

extension ForwardLink: DeferredHandler {
    func runDeferred() {
        guard let end, let told = owner else { return }
        owner = nil
        told.linkEnded(self, end)
    }
}
