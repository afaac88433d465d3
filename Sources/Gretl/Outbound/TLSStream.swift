// TLS over one connected socket, client or server, a piece at a time: what the socket and OpenSSL
// wait for is translated into what epoll is to watch. Never calls its owner from inside a call of
// the owner's. Used by forwards to pods, and by the API server of the tests.

internal import COpenSSL
package import NetCore

/// One end of a TLS connection.
@safe  // owns the pointer from init to deinit, and the context beyond it
@ReactorActor
package final class TLSStream: ForwardStream, StreamSocketOwner {
    package weak var owner: (any ForwardStreamOwner)?
    private let reactor: Reactor
    private let context: TLSContext
    private let pointer: OpaquePointer
    private var socket: StreamSocket?
    private var isOpen = false
    /// What OpenSSL needs before it can go on with a read or a write.
    private var readNeedsRoom = false
    private var writeNeedsBytes = false
    private var wantsRead = false
    private var isScheduled = false
    private var continuation: CheckedContinuation<TLSFailure?, Never>?
    private var timer = TimerHandle.none

    /// Owns a connected socket, and resets it when it throws. A client verifies that the peer is
    /// the context's server name, else `name`, a host name or an address.
    package init(
        _ descriptor: Int32, _ context: TLSContext, name: String? = nil, on reactor: Reactor
    ) throws(TLSFailure) {
        self.reactor = reactor
        self.context = context
        let wanted = context.verifiesName ? context.serverName ?? name : nil
        let isAddress = wanted.map { SocketAddress($0, port: 1) != nil } ?? false
        guard
            let made = unsafe copenssl_stream_new(
                context.pointer, descriptor, wanted, isAddress ? 1 : 0)
        else {
            Descriptor.reset(descriptor)
            throw .notMade
        }
        unsafe pointer = made
        do throws(SystemError) {
            socket = try StreamSocket(descriptor, on: reactor, owner: self)
        } catch { throw .failed(SystemError.text(error.code)) }
    }

    isolated deinit { unsafe copenssl_stream_free(pointer) }

    // MARK: Handshake

    /// Agrees with the peer on who is who; closes the socket when it throws.
    package func handshake(within patience: Duration) async throws(TLSFailure) {
        let failure = await withCheckedContinuation { continuation in
            self.continuation = continuation
            timer = reactor.timers.schedule(at: reactor.now + patience, self)
            goOn()
        }
        guard let failure else { return }
        close()
        throw failure
    }

    private func goOn() {
        switch unsafe copenssl_handshake(pointer) {
        case 1:
            isOpen = true
            watch([])
            finish(nil)
        case Int32(COPENSSL_WANTS_READ): watch(.readable)
        case Int32(COPENSSL_WANTS_WRITE): watch(.writable)
        default: finish(.failed(reason))
        }
    }

    private func finish(_ failure: TLSFailure?) {
        reactor.timers.cancel(timer)
        continuation?.resume(returning: failure)
        continuation = nil
    }

    /// What OpenSSL said of the last call that failed.
    private var reason: String {
        ClusterFailure.clean(unsafe String(cString: copenssl_reason(pointer)))
    }

    /// Whether the handshake was a short one, of a connection before.
    package var isResumed: Bool { unsafe copenssl_resumed(pointer) != 0 }

    /// The values of a kind ("CN", "O") in the subject of the peer's certificate.
    package func subject(_ kind: String) -> [String] {
        var values: [String] = []
        for index in 0..<16 {
            var length: Int32 = -1
            let text = unsafe [UInt8](unsafeUninitializedCapacity: 256) { buffer, count in
                length = unsafe buffer.withMemoryRebound(to: CChar.self) {
                    unsafe copenssl_subject(pointer, kind, Int32(index), $0.baseAddress, $0.count)
                }
                count = max(0, Int(length))
            }
            guard length >= 0 else { break }
            values.append(String(decoding: text, as: UTF8.self))
        }
        return values
    }

    // MARK: Bytes

    package func read(into bytes: inout MutableSpan<UInt8>, from start: Int) -> ForwardRead {
        guard isOpen, socket != nil, start < bytes.count else { return .later }
        readNeedsRoom = false
        let room = bytes.count - start
        let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            // In bounds by the check above.
            unsafe copenssl_read(pointer, buffer.baseAddress! + start, room)
        }
        switch result {
        case 1...: return .bytes(Int(result))
        case Int32(COPENSSL_ENDED): return .ended
        case Int32(COPENSSL_WANTS_READ): return .later
        case Int32(COPENSSL_WANTS_WRITE):
            readNeedsRoom = true
            return .later
        default: return .failed(reason)
        }
    }

    package func write(_ bytes: Span<UInt8>) -> ForwardWrite {
        guard isOpen, socket != nil, !bytes.isEmpty else { return .taken(0) }
        writeNeedsBytes = false
        var taken = 0
        // Ends: each round takes some. OpenSSL takes a record of 16 KiB at once.
        while taken < bytes.count {
            let result = unsafe bytes.withUnsafeBufferPointer { buffer in
                // In bounds by the condition of the loop.
                unsafe copenssl_write(pointer, buffer.baseAddress! + taken, buffer.count - taken)
            }
            switch result {
            case 1...: taken += Int(result)
            case Int32(COPENSSL_WANTS_WRITE): return .taken(taken)
            case Int32(COPENSSL_WANTS_READ):
                writeNeedsBytes = true
                return .taken(taken)
            default: return .failed(reason)
            }
        }
        return .taken(taken)
    }

    package func want(read: Bool, write: Bool) {
        guard isOpen else { return }
        wantsRead = read
        var mask: EventMask = []
        if read { mask.insert(readNeedsRoom ? .writable : .readable) }
        if write { mask.insert(writeNeedsBytes ? .readable : .writable) }
        watch(mask)
        // What was decrypted already makes no socket readable.
        if read, !isScheduled, unsafe copenssl_pending(pointer) != 0 {
            isScheduled = true
            reactor.runNextTurn(self)
        }
    }

    private func watch(_ mask: EventMask) {
        // A socket that cannot be watched is over: the keepalive finds it.
        try? socket?.want(mask)
    }

    package func close() {
        reactor.timers.cancel(timer)
        guard let socket else { return }
        unsafe copenssl_farewell(pointer)
        socket.close()
        self.socket = nil
        isOpen = false
        finish(.failed("it was closed"))
    }

    package func socketReady(_ socket: StreamSocket, _ mask: EventMask) {
        guard !isOpen else {
            owner?.streamReady()
            return
        }
        if continuation != nil { goOn() }
    }
}

extension TLSStream: DeferredHandler {
    package func runDeferred() {
        isScheduled = false
        if isOpen, wantsRead { owner?.streamReady() }
    }
}

extension TLSStream: TimerHandler {
    package func timerFired(_ tag: UInt32) { finish(.timedOut) }
}
