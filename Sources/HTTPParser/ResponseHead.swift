// A response head: status line and headers, for ready checks and the command-line client.
//
// The counterpart of RequestHead with the same outcome and the same strictness about lines,
// fields and framing. It must never be lenient about framing: a wrong length would make the next
// response on the connection unreadable.

/// How a response body is delimited.
package enum ResponseFraming: Equatable, Sendable {
    /// No body, whatever the headers say.
    case none
    case length(Int)
    case chunked
    /// The body ends with the connection.
    case untilClose
}

/// The parsed head of one response (RFC 9112 section 4).
package struct ResponseHead: ~Copyable {
    /// The status code, 100 to 999.
    package private(set) var status = 0
    package private(set) var version = HTTPVersion.http11
    /// The reason phrase, possibly empty.
    package private(set) var reason = ByteRange()
    /// Whether the server lets the connection live on, as far as the headers say.
    package private(set) var keepAlive = true
    private var declared: BodyFraming?
    private var fields = HeaderFields()

    package init() {}

    /// The number of header lines.
    package var fieldCount: Int { fields.count }

    /// Header line `index` (0 ..< ``fieldCount``).
    package func field(_ index: Int) -> (name: ByteRange, value: ByteRange) {
        (fields.name(index), fields.value(index))
    }

    /// The value of the first line with this name, O(1).
    package func value(of header: KnownHeader) -> ByteRange? { fields.value(of: header) }

    /// How many lines have this name.
    package func count(of header: KnownHeader) -> Int { fields.count(of: header) }

    /// The framing of the answer to a request other than HEAD and CONNECT.
    package var framing: ResponseFraming { framing(answering: .get) }

    /// The framing of the answer to `method` (RFC 9112 section 6.3).
    package func framing(answering method: HTTPMethod) -> ResponseFraming {
        if method == .head || status < 200 || status == 204 || status == 304 { return .none }
        if method == .connect, status < 300 { return .none }
        return switch declared {
        case .length(let count): .length(count)
        case .chunked: .chunked
        case .some(.none), nil: .untilClose
        }
    }

    /// Reads a head from `bytes`, as ``RequestHead/parse(_:scan:limits:)`` does.
    package mutating func parse(
        _ bytes: Span<UInt8>, scan: inout HeadScan, limits: HeadLimits
    ) -> HeadOutcome {
        if scan.position == 0, let length = read(bytes, limits) {
            return conclude(bytes, length)
        }
        switch scan.advanceResponse(bytes, limits: limits) {
        case .incomplete:
            return .incomplete
        case .invalid(let failure):
            return .invalid(failure)
        case .complete(let length):
            guard read(bytes, limits) == length else {
                return .invalid(ParseFailure(.scannersDisagree, at: 0))
            }
            return conclude(bytes, length)
        }
    }

    private mutating func conclude(_ bytes: Span<UInt8>, _ length: Int) -> HeadOutcome {
        switch fields.framing(bytes, version: version) {
        case .failure(let failure): return .invalid(failure)
        case .success(let framing): declared = framing
        case nil: declared = nil
        }
        let options = fields.connectionOptions(bytes)
        keepAlive =
            version == .http11
            ? !options.contains(.close)
            : options.contains(.keepAlive) && !options.contains(.close)
        return .complete(length: length)
    }

    private mutating func read(_ input: Span<UInt8>, _ limits: HeadLimits) -> Int? {
        let bytes = input.extracting(first: limits.headMost)
        // "HTTP/1.1 200" and two line ends.
        guard bytes.count >= 16, let version = RequestHead.version(bytes.word(at: 0)),
            bytes[8] == ASCII.space
        else { return nil }
        var status = 0
        for i in 9..<12 {
            guard ASCII.isDigit(bytes[i]) else { return nil }
            status = status * 10 + Int(bytes[i] &- 0x30)
        }
        guard status >= 100 else { return nil }
        var controls = ControlCursor<NativeScanner>(from: 12)
        var end = controls.advance(bytes)
        while end < bytes.count, bytes[end] == ASCII.tab { end = controls.advance(bytes) }
        guard end &+ 2 <= bytes.count, bytes.pair(at: end) == 0x0A0D,
            end == 12 || bytes[12] == ASCII.space
        else { return nil }
        controls.skipLineFeed(after: end)
        self.version = version
        self.status = status
        reason = end == 12 ? ByteRange() : ByteRange(unchecked: 13, to: end)
        return fields.fill(bytes, from: end &+ 2, most: limits.fieldsMost, controls: controls)
    }
}
