// One request of HTTPSClient: its options for the library, its head as lines come, its body as it
// comes, its end. Told of by the library's callbacks, which only note and hand on.

internal import CCurl
package import NetCore

/// A request under way.
@ReactorActor
package final class Transfer {
    private let request: HTTPSClient.Request
    private let client: HTTPSClient
    let isStream: Bool
    private var consumer: (any TransferConsumer)?
    private var handle: TransferHandle?
    private var failure: TransferError?
    private var isEnded = false
    /// The consumer wants no bytes for now.
    private var isPaused = false
    /// The library holds bytes back that it tried to give.
    private var isHeld = false
    private var hasBegun = false
    private var status = 0
    private var headers: [(name: String, value: String)] = []
    private var headBytes = 0
    private var lastByte = Instant(nanoseconds: 0)
    private var timer = TimerHandle.none

    /// Longest head that is read, with all 1xx ones before it and all trailers.
    package nonisolated static let headMost = 64 << 10

    init(
        _ request: HTTPSClient.Request, _ consumer: any TransferConsumer, _ client: HTTPSClient,
        isStream: Bool
    ) {
        self.request = request
        self.consumer = consumer
        self.client = client
        self.isStream = isStream
    }

    /// Ends it; its consumer hears nothing more.
    package func cancel() {
        consumer = nil
        client.end(self, .cancelled)
    }

    /// Goes on after the consumer said `.pause`.
    package func resume() {
        guard isPaused else { return }
        isPaused = false
        lastByte = client.reactor.now
        if isHeld { client.resume(self) }
    }

    // MARK: For the client

    /// Begins; what it cannot begin for.
    func begin(_ multi: MultiHandle) -> TransferError? {
        guard !isEnded else { return nil }
        let handle: TransferHandle
        do throws(TransferError) {
            handle = try TransferHandle(self, multi)
            try handle.set(request)
        } catch { return error }
        self.handle = handle
        guard handle.add(multi) else { return .broken("the library does not take it") }
        lastByte = client.reactor.now
        schedule()
        return nil
    }

    /// False when it had ended already.
    func markEnded(_ failure: TransferError?) -> Bool {
        guard !isEnded else { return false }
        isEnded = true
        self.failure = failure
        client.reactor.timers.cancel(timer)
        return true
    }

    func leave(_ multi: MultiHandle) {
        handle?.remove(multi)
        handle = nil
    }

    func tellEnd() {
        let consumer = consumer
        self.consumer = nil
        consumer?.transferDidEnd(self, failure)
    }

    /// Has the library give what it held back.
    func goOn() {
        guard !isEnded, isHeld, !isPaused else { return }
        isHeld = false
        handle?.resume()
    }

    /// What the library's `code` means for this one.
    func failure(_ code: Int32) -> TransferError? {
        guard let handle else { return .cancelled }
        let text = ClusterFailure.clean(handle.failureText)
        switch ccurl_kind_of(code) {
        case CCURL_FINE: return hasBegun ? nil : .broken("there was no answer")
        case CCURL_BAD_REQUEST: return .invalidRequest(text)
        case CCURL_NAME: return .nameLookup(text)
        case CCURL_CONNECT: return .connect(text)
        case CCURL_TLS: return .tls(text)
        case CCURL_TIME:
            let isEarly =
                text.hasPrefix("Connection") || text.hasPrefix("Resolving")
                || text.hasPrefix("SSL connection")
            return .timeout(isEarly ? .connect : .total)
        case CCURL_ENDED_BY_US: return .tooLarge
        default: return .broken(text.isEmpty ? "code \(code)" : text)
        }
    }

    // MARK: From the library

    func tookHead(_ line: Span<UInt8>) -> Bool {
        lastByte = client.reactor.now
        headBytes += line.count
        guard !isEnded, headBytes <= Transfer.headMost else {
            client.end(self, .tooLarge)
            return false
        }
        // Trailers are of no use to us.
        guard !hasBegun else { return true }
        let text = String(decoding: Transfer.copy(line), as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            let words = text.split(separator: " ", maxSplits: 2)
            status = words.count > 1 ? Int(words[1].prefix { $0.isNumber }) ?? 0 : 0
            headers = []
        } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
            let value = text[colon...].dropFirst()
            headers.append((text[..<colon].lowercased(), Transfer.trim(value)))
        } else if text.allSatisfy(\.isNewline), status >= 200 {
            hasBegun = true
            consumer?.transferDidBegin(
                self, HTTPSClient.Head(status: status, headers: headers))
            headers = []
        }
        return !isEnded
    }

    private static func trim(_ value: Substring) -> String {
        var value = value
        while let first = value.first, first.isWhitespace { value.removeFirst() }
        while let last = value.last, last.isWhitespace { value.removeLast() }
        return String(value)
    }

    private static func copy(_ bytes: Span<UInt8>) -> [UInt8] {
        var copied: [UInt8] = []
        copied.reserveCapacity(bytes.count)
        for index in bytes.indices { copied.append(bytes[index]) }
        return copied
    }

    enum Taken { case all, later, none }

    func tookBody(_ bytes: Span<UInt8>) -> Taken {
        guard !isEnded, let consumer else { return .none }
        guard !isPaused else {
            isHeld = true
            return .later
        }
        guard client.mayTake(bytes.count) else {
            isHeld = true
            client.resumeNextTurn(self)
            return .later
        }
        lastByte = client.reactor.now
        if consumer.transfer(self, received: bytes) == .pause { isPaused = true }
        return isEnded ? .none : .all
    }

    private func schedule() {
        timer = client.reactor.timers.schedule(at: lastByte + request.idleTimeout, self)
    }
}

extension Transfer: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        guard !isEnded else { return }
        // Held back for our sake, it is not the other side that is silent.
        if isPaused || isHeld { lastByte = client.reactor.now }
        guard client.reactor.now - lastByte < request.idleTimeout else {
            return client.end(self, .timeout(.idle))
        }
        schedule()
    }
}
