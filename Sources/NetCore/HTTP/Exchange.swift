// One request and its answer, as a handler sees it. There is one object a server, reused: it is
// valid only while `admit` or `handle` runs, and what a handler keeps it must copy. A handler that
// answers later takes a `Later`, which is harmless when the client has left meanwhile.

import Glibc
package import HTTPParser

/// The request being handled.
@safe  // `head` and `body` point into buffers that live until `end`, and no handler runs after it
@ReactorActor
package final class Exchange {
    private enum State { case idle, open, answered, later }

    private var state = State.idle
    // Held by the reactor while one of its handlers runs, and an exchange lives no longer.
    private unowned(unsafe) var connection: HTTPConnection?
    /// The server's parsed head; the server owns this object and outlives it.
    private let parsed: UnsafeMutablePointer<RequestHead>
    private let commonHeaders: [UInt8]
    private var head = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    private var bodyBytes = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    /// The method of the request line.
    package private(set) var method = HTTPMethod.get
    /// The parsed request target.
    package private(set) var target = RequestTarget(form: .origin)
    /// The route an application found in `admit`; handlers index `parameters` by position.
    package var route = -1
    package var parameters = RouteParameters(repeating: ByteRange())
    /// Complete header lines that this answer gets in addition (CORS).
    package var additionalHeaders: [UInt8] = []
    /// Most bytes of body this request may have; an application can lower it in `admit`.
    package var bodyMost = 0
    /// The connection ends after this answer.
    private var closes = false
    package private(set) var isHTTP10 = false

    init(head: UnsafeMutablePointer<RequestHead>, commonHeaders: [UInt8]) {
        unsafe parsed = head
        self.commonHeaders = commonHeaders
    }

    // MARK: For the connection

    func begin(
        _ connection: HTTPConnection, head: UnsafeBufferPointer<UInt8>,
        method: HTTPMethod, target: RequestTarget, closes: Bool, isHTTP10: Bool, bodyMost: Int
    ) {
        unsafe self.connection = connection
        connectionMark = connection.mark
        unsafe self.head = head
        unsafe bodyBytes = UnsafeBufferPointer(start: nil, count: 0)
        self.method = method
        self.target = target
        self.closes = closes
        self.isHTTP10 = isHTTP10
        self.bodyMost = bodyMost
        route = -1
        if !additionalHeaders.isEmpty { additionalHeaders = [] }
        state = .open
    }

    func setBody(_ bytes: UnsafeBufferPointer<UInt8>) { unsafe bodyBytes = bytes }
    /// From now on the connection ends after the answer.
    func closeAfterAnswer() { closes = true }
    func keepOpenAfterAnswer() { closes = false }
    var isAnswered: Bool { state == .answered }
    var isLater: Bool { state == .later }
    var closesAfterAnswer: Bool { closes }

    func end() {
        state = .idle
        unsafe connection = nil
        unsafe head = UnsafeBufferPointer(start: nil, count: 0)
        unsafe bodyBytes = UnsafeBufferPointer(start: nil, count: 0)
    }

    /// Nothing but the target tells this request from others of its client: it came on a
    /// connection that lives on, needs no further header in its answer, and has no query. It also
    /// has no token: heads are compared in a time that tells how far they are equal.
    var isPlain: Bool {
        guard additionalHeaders.isEmpty, !closes, !isHTTP10, !target.hasQuery,
            case .origin = target.form, range(of: .authorization) == nil
        else { return false }
        return unsafe parsed.pointee.keepAlive && parsed.pointee.expectation == .none
    }

    // MARK: The request

    /// The application's mark of the connection (`HTTPApplication.mark`).
    package private(set) var connectionMark: UInt8 = 0

    /// Calls `body` with the bytes of the head, which all ranges index.
    @inline(__always)
    package func withHead<Value>(_ body: (Span<UInt8>) -> Value) -> Value {
        unsafe body(Span(_unsafeElements: head))
    }

    /// Whether a part of the head is exactly `bytes`.
    @inline(__always)
    package func isEqual(_ range: ByteRange, _ bytes: borrowing FlatArray<UInt8>) -> Bool {
        guard Int(range.count) == bytes.count, unsafe range.end <= head.count else { return false }
        return unsafe bytes.withElements { bytes in
            guard let left = bytes.baseAddress, let right = unsafe head.baseAddress else {
                return false
            }
            return unsafe memcmp(left, right + range.lower, bytes.count) == 0
        }
    }

    /// The value of a header, nil when absent.
    package func range(of header: KnownHeader) -> ByteRange? {
        unsafe parsed.pointee.value(of: header)
    }

    /// How many lines of that name the head has.
    package func count(of header: KnownHeader) -> Int { unsafe parsed.pointee.count(of: header) }

    /// The value of a header as text; bytes that are not UTF-8 are replaced.
    package func text(of header: KnownHeader) -> String? { range(of: header).map(text) }

    /// A part of the head as text.
    package func text(_ range: ByteRange) -> String {
        withHead { bytes in
            var text: [UInt8] = []
            for index in range.lower..<max(range.lower, min(range.end, bytes.count)) {
                text.append(bytes[index])
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    /// A path parameter, percent-decoded; nil when it is not UTF-8.
    package func parameter(_ index: Int) -> String? {
        withHead { Exchange.decoded($0, parameters[index]) }
    }

    /// Whether the path begins with `prefix`, byte by byte as it was sent.
    package func pathBegins(with prefix: StaticString) -> Bool {
        let path = target.path
        guard path.count >= prefix.utf8CodeUnitCount else { return false }
        return withHead { bytes in
            for index in 0..<prefix.utf8CodeUnitCount
            where unsafe bytes[Int(path.start) + index] != prefix.utf8Start[index] {
                return false
            }
            return true
        }
    }

    /// The first query item of that name, percent-decoded; nil when absent or not UTF-8.
    package func query(_ name: String) -> String? {
        guard target.hasQuery else { return nil }
        return withHead { bytes in
            var items = QueryItems(target.query)
            for _ in 0..<Exchange.queryItemsMost {
                guard let item = items.next(bytes) else { return nil }
                guard Exchange.decoded(bytes, item.name) == name else { continue }
                return Exchange.decoded(bytes, item.value)
            }
            return nil
        }
    }

    /// Whether every name and value that `query` looks at is UTF-8 when it is decoded. What is not
    /// would count as absent.
    package var hasReadableQuery: Bool {
        guard target.hasQuery else { return true }
        return withHead { bytes in
            var items = QueryItems(target.query)
            for _ in 0..<Exchange.queryItemsMost {
                guard let item = items.next(bytes) else { return true }
                guard Exchange.decoded(bytes, item.name) != nil,
                    Exchange.decoded(bytes, item.value) != nil
                else { return false }
            }
            return items.next(bytes) == nil
        }
    }

    private static let queryItemsMost = 64

    private static func decoded(_ bytes: Span<UInt8>, _ range: ByteRange) -> String? {
        var whole = false
        let decoded = [UInt8](capacity: Int(range.count)) { output in
            whole = percentDecode(bytes, range, into: &output)
        }
        return whole ? String(validating: decoded, as: UTF8.self) : nil
    }

    /// Whether the head announces a body of at least one byte.
    package var declaresBody: Bool {
        switch unsafe parsed.pointee.framing {
        case .none: false
        case .length(let count): count > 0
        case .chunked: true
        }
    }

    /// The body, complete.
    package var body: [UInt8] { unsafe Array(bodyBytes) }
    package var bodyCount: Int { unsafe bodyBytes.count }

    /// Looks up the route of method and path; `parameters` are set.
    @inline(__always)
    package func match(_ router: Router) -> Router.Outcome {
        let bytes = unsafe Span(_unsafeElements: head)
        return router.match(method, bytes, path: target.path, parameters: &parameters)
    }

    // MARK: The answer

    /// Answers with finished bytes. The hot path: no allocation.
    package func reply(_ answer: PreparedAnswer) {
        guard case .open = state, let connection = unsafe connection else { return }
        state = .answered
        var isHead = false
        if case .head = method { isHead = true }
        connection.write(
            answer, isHead: isHead, closes: closes, isHTTP10: isHTTP10,
            additional: additionalHeaders)
    }

    /// Answers.
    package func reply(_ response: Response) {
        reply(PreparedAnswer(response, common: commonHeaders))
    }

    /// Puts the answer off. The connection reads no further request until it is given.
    package func later() -> Later {
        precondition(state == .open, "an exchange is answered once")
        state = .later
        let connection = unsafe connection!
        return Later(
            connection: connection, number: connection.beginLater(), isHead: method == .head,
            closes: closes, isHTTP10: isHTTP10, additional: additionalHeaders)
    }

    /// Answers with a head and keeps the connection open behind it: `opened` gets the stream once
    /// the head is sent, unless the client has left by then. HEAD gets the head alone.
    package func openStream(
        _ head: Response, _ opened: @escaping @ReactorActor (EventStream) -> Void
    ) {
        guard case .open = state, let connection = unsafe connection else { return }
        writeOpenEnded(head, on: connection, closes: true)
        guard method != .head else {
            state = .answered
            closes = true
            return
        }
        state = .later
        connection.leave { socket in
            if let stream = EventStream.open(socket) { opened(stream) }
        }
    }

    /// Answers 101 with `headers` and gives the socket away: `taken` owns it from then on.
    package func upgrade(
        _ headers: [(name: String, value: String)], _ taken: @escaping TakenSocket.Receiver
    ) {
        guard case .open = state, let connection = unsafe connection else { return }
        let head = Response(status: 101, contentType: "", headers: headers, body: [])
        writeOpenEnded(head, on: connection, closes: false)
        state = .later
        connection.leave(taken)
    }

    private func writeOpenEnded(_ head: Response, on connection: HTTPConnection, closes: Bool) {
        var head = head
        head.isOpenEnded = true
        connection.write(
            PreparedAnswer(head, common: commonHeaders), isHead: true, closes: closes,
            isHTTP10: false, additional: additionalHeaders)
    }

    /// Answers with the result of an asynchronous operation.
    package func reply(
        _ operation: @escaping @Sendable @ReactorActor () async -> Response
    ) {
        let later = later()
        spawn { later.reply(await operation()) }
    }
}

/// The right to answer one exchange once, at any time.
@ReactorActor
package struct Later {
    let connection: HTTPConnection
    let number: UInt32
    let isHead: Bool
    let closes: Bool
    let isHTTP10: Bool
    let additional: [UInt8]

    /// Answers, or does nothing when the client has left.
    package func reply(_ response: Response) {
        guard connection.endLater(number) else { return }
        connection.write(
            PreparedAnswer(response, common: connection.server.commonHeaders), isHead: isHead,
            closes: closes || connection.server.isDraining, isHTTP10: isHTTP10,
            additional: additional)
        connection.resume(closes: closes || connection.server.isDraining)
    }

    /// The client has left; nobody will see the answer.
    package var isAbandoned: Bool { !connection.isAwaiting(number) }
}
