// One blocking HTTP/1.1 request over TCP or a Unix socket: what the command line sends the daemon.
//
// Only the client commands call it, in a process without a reactor; the daemon must never, because
// it would stop the loop. It looks no name up, follows no redirect and waits by poll(2) until its
// deadlines, so a peer that says nothing costs a bounded time.

internal import CEpoll
import Glibc
package import HTTPParser

/// A request to one host, answered whole.
package struct BlockingCall: Sendable {
    /// A numeric address without brackets, or `localhost` (127.0.0.1, then ::1).
    package var host: String
    package var port: UInt16
    /// Connects to the socket file there instead; its owner is checked always.
    package var socketPath: String?
    /// In capitals.
    package var method: String
    /// Path and query in origin form, percent-encoded by the caller.
    package var target: String
    /// Sent as they stand, behind Host and Connection.
    package var headers: [(name: String, value: String)] = []
    /// Sent with Content-Length; nil for no body.
    package var body: [UInt8]?
    /// The protocol that the connection is to become; nil for none.
    package var upgrade: StaticString?
    package var connectTimeout = Duration.seconds(2)
    /// On loopback: nothing is sent to a server that is neither ours nor root's. Anybody can listen
    /// on the port of a daemon that has ended, and a request can carry a token.
    package var ownersOnly = false
    /// From the connection to the last byte of the answer.
    package var answerTimeout = Duration.seconds(10)
    /// Asked in each silence of some seconds before the answer: false ends the wait. An answer can
    /// take as long as what was asked for, and a server that hangs looks the same from here.
    package var isServerThere: (@Sendable () -> Bool)?

    package init(host: String, port: UInt16, method: String, target: String) {
        self.host = host
        self.port = port
        self.method = method
        self.target = target
    }

    /// A final response (not 1xx), its body decoded.
    package struct Answer: Sendable, Equatable {
        package var status: Int
        package var body: [UInt8]
        /// What the Server field says; nil without one.
        package var server: String?

        package init(status: Int, body: [UInt8], server: String? = nil) {
            self.status = status
            self.body = body
            self.server = server
        }
    }

    /// Why there is no answer.
    package enum Failure: Error, Equatable {
        /// The host is neither numeric nor `localhost`.
        case notNumeric
        /// A part of the request would break the head: a control byte or a space too many.
        case unsendable
        /// Nobody took the connection.
        case unreachable(SystemError)
        /// Connected, but no whole answer came in time.
        case timedOut
        /// The connection ended before the answer did.
        case closedEarly
        /// What came is not HTTP.
        case malformed(ParseFailure)
        /// The server belongs to another user.
        case foreignServer(uid: UInt32)
        /// The body is longer than ``bodyMost``.
        case tooLarge
    }

    /// The most bytes of an answer's body.
    package static let bodyMost = 64 << 20
    /// The most interim (1xx) answers before the final one.
    private static let interimMost = 8
    private static let chunkBytes = 64 << 10

    /// Sends the request and waits for the answer.
    package func perform() throws(Failure) -> Answer {
        let request = try rendered()
        let socket = try connected()
        let deadline = SystemTime.shared.now() + answerTimeout
        try Self.send(request, to: socket.number, until: deadline)
        var reader = AnswerReader(isHead: method == "HEAD")
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        while true {
            let count = try receive(&chunk, from: socket.number, until: deadline)
            if let answer = try reader.take(chunk[..<count]) { return answer }
        }
    }

    private static let silenceMost = Duration.seconds(5)

    private func receive(
        _ chunk: inout [UInt8], from number: Int32, until deadline: Instant
    ) throws(Failure) -> Int {
        guard let isServerThere else {
            return try Self.receive(&chunk, from: number, until: deadline)
        }
        while true {
            let soon = min(deadline, SystemTime.shared.now() + Self.silenceMost)
            do throws(Failure) {
                return try Self.receive(&chunk, from: number, until: soon)
            } catch {
                guard error == .timedOut, soon < deadline, isServerThere() else { throw error }
            }
        }
    }

    /// Sends the request and waits for the head of an answer that may go on for ever.
    package func open() throws(Failure) -> BlockingStream {
        let request = try rendered()
        let socket = try connected()
        let deadline = SystemTime.shared.now() + answerTimeout
        try Self.send(request, to: socket.number, until: deadline)
        return try BlockingStream(socket, until: deadline)
    }

    // MARK: Request

    private func rendered() throws(Failure) -> [UInt8] {
        // Whoever has the socket file means this machine.
        let authority =
            socketPath != nil
            ? "localhost" : host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let connection = upgrade.map { "Upgrade\r\nUpgrade: \($0)" } ?? "close"
        var lines = "\(method) \(target) HTTP/1.1\r\nHost: \(authority)\r\n"
        lines += "Connection: \(connection)\r\n"
        let words = [method, target, host] + headers.map { $0.name }
        guard words.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }),
            headers.allSatisfy({ $0.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } })
        else { throw .unsendable }
        for (name, value) in headers { lines += "\(name): \(value)\r\n" }
        if let body { lines += "Content-Length: \(body.count)\r\n" }
        return Array((lines + "\r\n").utf8) + (body ?? [])
    }

    // MARK: Socket

    /// A connection to a server that may be sent something.
    private func connected() throws(Failure) -> Descriptor {
        if let socketPath {
            let deadline = SystemTime.shared.now() + connectTimeout
            return try Self.connected(toFile: socketPath, until: deadline)
        }
        let socket = try reached()
        if ownersOnly { try Self.checkOwner(of: socket.number) }
        return socket
    }

    private func reached() throws(Failure) -> Descriptor {
        let candidates = host == "localhost" ? ["127.0.0.1", "::1"] : [host]
        var refusal = Failure.notNumeric
        for candidate in candidates {
            guard let address = SocketAddress(candidate, port: port) else { continue }
            let deadline = SystemTime.shared.now() + connectTimeout
            var number: Int32 = -1
            // The address is a plain value that outlives the call; `number` is ours from here on.
            var code = unsafe address.withRaw { raw in
                unsafe cepoll_connect(raw, Int32(SOCK_STREAM.rawValue), &number)
            }
            let socket = Descriptor(number)
            if code == -EINPROGRESS {
                let isReady = Self.wait(number, for: POLLOUT, until: deadline)
                code = isReady ? cepoll_socket_error(number) : -ETIMEDOUT
            }
            if code == 0 {
                _ = cepoll_set_nodelay(number)
                return socket
            }
            refusal = .unreachable(SystemError("connect", code))
        }
        throw refusal
    }

    /// Asks the kernel whose the listener is that took the connection. Its end of the connection
    /// itself has no owner before it is accepted.
    private static func checkOwner(of number: Int32) throws(Failure) {
        var peer = cepoll_address()
        // Plain values that outlive the calls.
        guard unsafe cepoll_peer_address(number, &peer) == 0,
            SocketAddress(raw: peer).isLoopback
        else { return }
        let netlink = Descriptor(cepoll_sockdiag_open())
        // Where the kernel does not tell, there is no check, for the daemon neither.
        guard netlink.number >= 0 else { return }
        var owner = cepoll_socket_owner()
        guard unsafe cepoll_sockdiag_listener(netlink.number, &peer, &owner) == 1 else {
            throw .unreachable(SystemError("connect", ECONNREFUSED))
        }
        guard owner.uid == 0 || owner.uid == geteuid() else {
            throw .foreignServer(uid: owner.uid)
        }
    }

    /// False when the deadline passed first.
    static func wait(_ number: Int32, for events: Int32, until deadline: Instant) -> Bool {
        var entry = pollfd(fd: number, events: Int16(truncatingIfNeeded: events), revents: 0)
        // A signal ends a wait early and another is begun; anything else is given up soon.
        for _ in 0..<10_000 {
            let left = (deadline - SystemTime.shared.now()).inNanoseconds
            guard left > 0 else { return false }
            let milliseconds = Int32(clamping: left / 1_000_000 + 1)
            // One entry, alive during the call.
            if unsafe poll(&entry, 1, milliseconds) > 0 { return true }
        }
        return false
    }

    private static func send(
        _ bytes: [UInt8], to number: Int32, until deadline: Instant
    ) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            // The kernel reads only what is left of the array.
            let count = unsafe bytes.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[sent...])
                return unsafe cepoll_send(number, rest.baseAddress, rest.count)
            }
            if count >= 0 {
                sent += count
                continue
            }
            // A peer that refuses the body early may have answered: read that first.
            guard SystemError("send", count).kind == .wouldBlock else { return }
            guard wait(number, for: POLLOUT, until: deadline) else { throw .timedOut }
        }
    }

    /// 0 at the end of the connection.
    static func receive(
        _ chunk: inout [UInt8], from number: Int32, until deadline: Instant
    ) throws(Failure) -> Int {
        while true {
            // The kernel writes at most the array's count.
            let count = unsafe chunk.withUnsafeMutableBytes { bytes in
                unsafe cepoll_read(number, bytes.baseAddress, bytes.count)
            }
            if count >= 0 { return min(count, chunk.count) }
            guard SystemError("read", count).kind == .wouldBlock else { throw .closedEarly }
            guard wait(number, for: POLLIN, until: deadline) else { throw .timedOut }
        }
    }

    // MARK: Answer

    /// Puts an answer together from what arrives, however it is cut.
    package struct AnswerReader {
        private let isHead: Bool
        private var pending: [UInt8] = []
        private var scan = HeadScan()
        private var interim = 0
        private var status = 0
        private var server: String?
        private var framing: ResponseFraming?
        private var decoder = ChunkedDecoder(bodyMost: bodyMost)
        private var body: [UInt8] = []

        package init(isHead: Bool) {
            self.isHead = isHead
        }

        /// Takes the next bytes; none at all means the connection ended. The answer once it is
        /// whole.
        package mutating func take(_ bytes: ArraySlice<UInt8>) throws(Failure) -> Answer? {
            pending.append(contentsOf: bytes)
            while framing == nil {
                if try !readHead() {
                    if bytes.isEmpty { throw .closedEarly }
                    return nil
                }
            }
            return try readBody(isEnded: bytes.isEmpty)
        }

        /// False when more bytes are needed.
        private mutating func readHead() throws(Failure) -> Bool {
            var head = ResponseHead()
            var scan = self.scan
            defer { self.scan = scan }
            switch head.parse(pending.span, scan: &scan, limits: HeadLimits()) {
            case .incomplete: return false
            case .invalid(let failure): throw .malformed(failure)
            case .complete(let length):
                server = Self.server(of: head, in: pending)
                pending.removeFirst(min(length, pending.count))
                scan = HeadScan()
                guard head.status >= 200 else {
                    interim += 1
                    guard interim <= interimMost else {
                        throw .malformed(ParseFailure(.statusLine, at: 0))
                    }
                    return !pending.isEmpty
                }
                status = head.status
                framing = head.framing(answering: isHead ? .head : .get)
                return true
            }
        }

        private static func server(of head: borrowing ResponseHead, in bytes: [UInt8]) -> String? {
            for index in 0..<head.fieldCount {
                let (name, value) = head.field(index)
                let text = String(decoding: bytes[name.lower..<name.end], as: UTF8.self)
                guard text.lowercased() == "server" else { continue }
                return String(decoding: bytes[value.lower..<value.end], as: UTF8.self)
            }
            return nil
        }

        private mutating func readBody(isEnded: Bool) throws(Failure) -> Answer? {
            switch framing {
            case .chunked: return try readChunks(isEnded: isEnded)
            case .length(let length):
                guard length <= bodyMost else { throw .tooLarge }
                guard pending.count < length else {
                    return answer(Array(pending.prefix(length)))
                }
            case .untilClose:
                guard pending.count <= bodyMost else { throw .tooLarge }
                if isEnded { return answer(pending) }
            case .some(.none), nil: return answer([])
            }
            if isEnded { throw .closedEarly }
            return nil
        }

        private func answer(_ body: [UInt8]) -> Answer {
            Answer(status: status, body: body, server: server)
        }

        private mutating func readChunks(isEnded: Bool) throws(Failure) -> Answer? {
            var at = 0
            var decoder = self.decoder
            defer { self.decoder = decoder }
            while true {
                switch decoder.next(pending.span.extracting(at..<pending.count)) {
                case .data(let offset, let count, let consumed):
                    body.append(contentsOf: pending[(at + offset)..<(at + offset + count)])
                    at += consumed
                case .needMore:
                    pending.removeAll(keepingCapacity: true)
                    if isEnded { throw .closedEarly }
                    return nil
                case .end: return answer(body)
                case .invalid(let failure):
                    throw failure.reason == .bodyTooLarge ? .tooLarge : .malformed(failure)
                }
            }
        }
    }
}
