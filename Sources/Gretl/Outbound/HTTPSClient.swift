// Requests to other machines by HTTP/1.1 over TLS, on the reactor: libcurl's multi interface says
// which sockets it wants watched and when it wants to be called, and does the rest. No thread for a
// request; names are looked up by the library's own short-lived thread. Used for clusters.
// The library is loaded with the first request, and let go of by nobody.
//
// Callbacks of the library come within calls of ours and only note what they were told: everything
// that begins, ends or resumes a transfer happens in `settle`, outside of them.

internal import CCurl
package import NetCore

/// Asks other machines.
@ReactorActor
package final class HTTPSClient {
    private enum State { case idle, loading, ready(MultiHandle), failed(String), closed }

    let reactor: Reactor
    private let background: BackgroundThread
    private var state = State.idle
    /// Not begun yet, in the order they came.
    private var waiting: [Transfer] = []
    private var active: [ObjectIdentifier: Transfer] = [:]
    private var activeSends = 0
    /// Ended, or to be resumed; taken care of by `settle`.
    private var finished: [Transfer] = []
    private var resumed: [Transfer] = []
    private var isSettling = false
    private lazy var nextTurn = NextTurn(self)
    /// Bytes handed out in one turn of the reactor, over all transfers.
    private var turn: UInt64 = 0
    private var turnBytes = 0
    private var watches: [Int32: SocketWatch] = [:]
    private var timer = TimerHandle.none
    private var isDueNow = false

    /// Transfers with one whole answer that run at once, and those whose body streams.
    package nonisolated static let sendsMost = 64
    package nonisolated static let streamsMost = 1_024
    package nonisolated static let waitingMost = 4_096
    /// What a turn takes in at most: scanning it takes half a millisecond.
    private static let turnBytesMost = 256 << 10
    /// Idle connections that are kept.
    private static let connectionsMost = 64

    package init(on reactor: Reactor, background: BackgroundThread) {
        self.reactor = reactor
        self.background = background
    }

    // MARK: Requests

    /// The whole answer, with a body of at most `limit` bytes. Cancelling the task ends it.
    package func send(_ request: Request, limit: Int) async throws(TransferError) -> Answer {
        let collector = AnswerCollector(limit: limit)
        let transfer = Transfer(request, collector, self, isStream: false)
        let result: Result<Answer, TransferError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                collector.continuation = continuation
                enqueue(transfer)
            }
        } onCancel: {
            ReactorActor.post { collector.giveUp(transfer, .cancelled) }
        }
        return try result.get()
    }

    /// Hands the answer to `consumer` as it comes.
    package func open(_ request: Request, _ consumer: any TransferConsumer) -> Transfer {
        let transfer = Transfer(request, consumer, self, isStream: true)
        enqueue(transfer)
        return transfer
    }

    /// Ends all transfers; nothing can be asked any more.
    package func close() {
        for transfer in waiting + active.values { end(transfer, .cancelled) }
        reactor.timers.cancel(timer)
        settle()
        state = .closed
    }

    /// Transfers under way, for tests.
    package var activeCount: Int { active.count }
    package var watchCount: Int { watches.count }

    private func enqueue(_ transfer: Transfer) {
        guard waiting.count < HTTPSClient.waitingMost else { return end(transfer, .busy) }
        waiting.append(transfer)
        switch state {
        case .ready: settleSoon()
        case .idle: load()
        case .loading: break
        case .failed(let why): end(transfer, .unavailable(why))
        case .closed: end(transfer, .cancelled)
        }
    }

    private func load() {
        state = .loading
        spawn { [self] in
            let failure: String?
            do throws(BackgroundThread.Refusal) {
                failure = try await background.perform {
                    unsafe ccurl_load().map { unsafe String(cString: $0) }
                }
            } catch { failure = "too much work is waiting" }
            guard case .loading = state else { return }
            guard failure == nil, let multi = MultiHandle(self, HTTPSClient.connectionsMost) else {
                // Tried anew with the next request: it may be installed by then.
                state = .idle
                for transfer in waiting { end(transfer, .unavailable(failure ?? "no memory")) }
                return settle()
            }
            state = .ready(multi)
            settle()
        }
    }

    // MARK: Settling

    func settleSoon() {
        guard !isSettling else { return }
        isSettling = true
        reactor.flushAtEndOfTurn(self)
    }

    /// Marks it ended; its consumer is told by `settle`.
    func end(_ transfer: Transfer, _ failure: TransferError?) {
        guard transfer.markEnded(failure) else { return }
        finished.append(transfer)
        settleSoon()
    }

    /// Whether `count` more bytes may be handed out in this turn; the first always.
    func mayTake(_ count: Int) -> Bool {
        if turn != reactor.statistics.turns {
            turn = reactor.statistics.turns
            turnBytes = 0
        }
        guard turnBytes == 0 || turnBytes + count <= HTTPSClient.turnBytesMost else {
            return false
        }
        turnBytes += count
        return true
    }

    /// Goes on with it in the next turn.
    func resumeNextTurn(_ transfer: Transfer) {
        if nextTurn.transfers.isEmpty { reactor.runNextTurn(nextTurn) }
        nextTurn.transfers.append(transfer)
    }

    func resume(_ transfer: Transfer) {
        resumed.append(transfer)
        settleSoon()
    }

    /// Begins, resumes and ends what is to be. Each part may bring about more of the others.
    private func settle() {
        // Ends: each round takes what is there, and what pauses again waits for another turn.
        while !finished.isEmpty || !resumed.isEmpty || canBegin {
            endFinished()
            let ready = resumed
            resumed = []
            for transfer in ready { transfer.goOn() }
            collectEnded()
            beginWaiting()
        }
    }

    private func endFinished() {
        let ended = finished
        finished = []
        for transfer in ended {
            waiting.removeAll { $0 === transfer }
            if active.removeValue(forKey: ObjectIdentifier(transfer)) != nil {
                if !transfer.isStream { activeSends -= 1 }
                if case .ready(let multi) = state { transfer.leave(multi) }
            }
            transfer.tellEnd()
        }
    }

    private var canBegin: Bool {
        guard case .ready = state, let next = waiting.first else { return false }
        return hasRoom(for: next) || waiting.contains(where: hasRoom)
    }

    private func hasRoom(for transfer: Transfer) -> Bool {
        transfer.isStream
            ? active.count - activeSends < HTTPSClient.streamsMost
            : activeSends < HTTPSClient.sendsMost
    }

    private func beginWaiting() {
        guard case .ready(let multi) = state else { return }
        var left: [Transfer] = []
        let candidates = waiting
        waiting = []
        for transfer in candidates {
            guard hasRoom(for: transfer) else {
                left.append(transfer)
                continue
            }
            active[ObjectIdentifier(transfer)] = transfer
            if !transfer.isStream { activeSends += 1 }
            if let failure = transfer.begin(multi) { end(transfer, failure) }
        }
        waiting = left + waiting
    }

    /// Takes the transfers the library is done with.
    private func collectEnded() {
        guard case .ready(let multi) = state else { return }
        while let (transfer, code) = multi.takeEnded() {
            end(transfer, transfer.failure(code))
        }
    }

    // MARK: What the library wants

    func socketWanted(_ socket: Int32, _ mask: EventMask) {
        guard !mask.isEmpty else { return socketCloses(socket) }
        if let watch = watches[socket] {
            // A watch that cannot be changed is made anew.
            if (try? reactor.change(watch.registration, mask)) != nil { return }
            socketCloses(socket)
        }
        let watch = SocketWatch(socket, self)
        guard let registration = try? reactor.register(socket, mask, watch) else {
            // Nobody would ever hear of it: the idle deadline ends its transfer.
            return
        }
        watch.registration = registration
        watches[socket] = watch
    }

    func socketCloses(_ socket: Int32) {
        guard let watch = watches.removeValue(forKey: socket) else { return }
        reactor.deregister(watch.registration)
    }

    func timeoutWanted(_ milliseconds: Int) {
        reactor.timers.cancel(timer)
        guard milliseconds >= 0 else { return }
        timer = reactor.timers.schedule(
            at: reactor.now + .milliseconds(min(milliseconds, 3_600_000)), self)
    }

    fileprivate func socketReady(_ socket: Int32, _ mask: EventMask) {
        guard case .ready(let multi) = state else { return }
        multi.ready(socket, mask)
        collectEnded()
    }
}

extension HTTPSClient: DeferredHandler {
    package func runDeferred() {
        isSettling = false
        settle()
    }
}

extension HTTPSClient: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        guard case .ready(let multi) = state else { return }
        multi.timeout()
        collectEnded()
    }
}

/// Transfers that had their share of a turn.
@ReactorActor
private final class NextTurn: DeferredHandler {
    private unowned let client: HTTPSClient
    var transfers: [Transfer] = []

    init(_ client: HTTPSClient) { self.client = client }

    func runDeferred() {
        let ready = transfers
        transfers = []
        for transfer in ready { client.resume(transfer) }
    }
}

/// A socket of the library in the reactor.
@ReactorActor
private final class SocketWatch: EventHandler {
    private let socket: Int32
    private unowned let client: HTTPSClient
    var registration = Registration.none

    init(_ socket: Int32, _ client: HTTPSClient) {
        self.socket = socket
        self.client = client
    }

    /// It let others go first.
    private var hasWaited = false

    /// A handshake takes a millisecond, and several can be due at once: each has a turn that is
    /// not spent yet, or the one after it. The kernel reports it again.
    func ready(_ mask: EventMask) {
        guard hasWaited || !client.reactor.isTurnSpent else {
            hasWaited = true
            return
        }
        hasWaited = false
        client.socketReady(socket, mask)
    }
}

/// Collects one whole answer.
@ReactorActor
private final class AnswerCollector: TransferConsumer {
    private let limit: Int
    private var head = HTTPSClient.Head(status: 0, headers: [])
    private var body: [UInt8] = []
    var continuation: CheckedContinuation<Result<HTTPSClient.Answer, TransferError>, Never>?
    private var isGivenUp = false

    init(limit: Int) { self.limit = limit }

    func giveUp(_ transfer: Transfer, _ failure: TransferError) {
        transfer.cancel()
        finish(.failure(failure))
    }

    func transferDidBegin(_ transfer: Transfer, _ head: HTTPSClient.Head) { self.head = head }

    func transfer(_ transfer: Transfer, received bytes: Span<UInt8>) -> TransferFlow {
        guard body.count + bytes.count <= limit else {
            giveUp(transfer, .tooLarge)
            return .go
        }
        // The buffer is read within the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe body.append(contentsOf: $0) }
        return .go
    }

    func transferDidEnd(_ transfer: Transfer, _ failure: TransferError?) {
        if let failure { return finish(.failure(failure)) }
        finish(.success(HTTPSClient.Answer(head: head, body: body)))
    }

    private func finish(_ result: Result<HTTPSClient.Answer, TransferError>) {
        continuation?.resume(returning: result)
        continuation = nil
    }
}
