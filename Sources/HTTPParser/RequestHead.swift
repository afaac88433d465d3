// A request head: request line and headers in one pass, as offsets into the caller's bytes.
//
// The server keeps one of these for all connections, because parsing is synchronous: parse, look,
// answer or copy out what must outlive the turn. Nothing here allocates, traps on input, or keeps
// a reference to the bytes. What is decided from the headers stands in RequestSemantics.swift.

/// The parsed head of one request (RFC 9112 sections 2 to 6). Values are meaningful after
/// ``parse(_:scan:limits:)`` answered `complete`, together with the bytes it was given.
package struct RequestHead: ~Copyable {
    package private(set) var method = HTTPMethod.other
    /// The method as sent.
    package private(set) var methodToken = ByteRange()
    /// The request target as sent; ``RequestTarget`` takes it apart.
    package private(set) var target = ByteRange()
    package private(set) var version = HTTPVersion.http11
    /// How the body, if any, is delimited.
    package internal(set) var framing = BodyFraming.none
    /// Whether the client lets the connection live on (RFC 9112 section 9.3).
    package internal(set) var keepAlive = true
    /// What the client expects before it sends the body (RFC 9110 section 10.1.1).
    package internal(set) var expectation = ClientExpectation.none
    /// True with `Connection: upgrade` and an `Upgrade` header in HTTP/1.1.
    package internal(set) var wantsUpgrade = false
    /// True when ``wantsUpgrade`` and `websocket` is among the protocols.
    package internal(set) var wantsWebSocket = false
    var fields = HeaderFields()

    package init() {}

    /// The number of header lines.
    package var fieldCount: Int { fields.count }

    /// Header line `index` (0 ..< ``fieldCount``); the value without white space at its ends.
    package func field(_ index: Int) -> (name: ByteRange, value: ByteRange) {
        (fields.name(index), fields.value(index))
    }

    /// The value of the first line with this name, O(1).
    package func value(of header: KnownHeader) -> ByteRange? { fields.value(of: header) }

    /// True when more than one line has this name, O(1).
    package func isRepeated(_ header: KnownHeader) -> Bool {
        fields.repeated & header.bit != 0
    }

    /// How many lines have this name.
    package func count(of header: KnownHeader) -> Int { fields.count(of: header) }

    /// True when the client waits for `100 Continue`.
    package var expectsContinue: Bool { expectation == .continue }

    /// Reads a head from `bytes`, which start where the message starts.
    ///
    /// `scan` belongs to the connection: fresh for each message, the same for each further try
    /// with more bytes. Syntax errors are reported as soon as their byte is there, errors of
    /// meaning (framing, Host) with the complete head.
    package mutating func parse(
        _ bytes: Span<UInt8>, scan: inout HeadScan, limits: HeadLimits
    ) -> HeadOutcome {
        parse(bytes, scan: &scan, limits: limits, with: NativeScanner.self)
    }

    @inline(__always)
    mutating func parse<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, scan: inout HeadScan, limits: HeadLimits, with: Scanner.Type
    ) -> HeadOutcome {
        if scan.position == 0, let length = read(bytes, limits, with: Scanner.self) {
            return conclude(bytes, length, with: Scanner.self)
        }
        switch scan.advanceRequest(bytes, limits: limits) {
        case .incomplete:
            return .incomplete
        case .invalid(let failure):
            return .invalid(failure)
        case .complete(let length):
            guard read(bytes, limits, with: Scanner.self) == length else {
                return .invalid(ParseFailure(.scannersDisagree, at: 0))
            }
            return conclude(bytes, length, with: Scanner.self)
        }
    }

    @inline(__always)
    private mutating func conclude<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, _ length: Int, with: Scanner.Type
    ) -> HeadOutcome {
        if let failure = decide(bytes, length: length, with: Scanner.self) {
            return .invalid(failure)
        }
        return .complete(length: length)
    }

    /// The fast pass. Returns the length of a complete head whose syntax is right, else nil.
    @inline(never)
    private mutating func read<Scanner: ByteScanner>(
        _ input: Span<UInt8>, _ limits: HeadLimits, with: Scanner.Type
    ) -> Int? {
        let bytes = input.extracting(first: limits.headMost)
        var at = 0
        while at < 2 &* Int(HeadScan.emptyLinesMost), at &+ 2 <= bytes.count,
            bytes.pair(at: at) == 0x0A0D
        {
            at &+= 2
        }
        // The shortest head, "A / HTTP/1.0" and two line ends, has 16 bytes.
        guard at &+ 16 <= bytes.count else { return nil }
        var controls = ControlCursor<Scanner>(from: at)
        let end = controls.advance(bytes)
        guard end &+ 2 <= bytes.count, bytes.pair(at: end) == 0x0A0D, end &- at >= 12 else {
            return nil
        }
        controls.skipLineFeed(after: end)
        let methodEnd = readMethod(bytes, at, with: Scanner.self)
        let targetStart = methodEnd &+ 1
        // A space and the version stand before the line end.
        let targetEnd = end &- 9
        guard methodEnd > at, methodEnd &- at <= HeadScan.methodMost, targetStart < targetEnd,
            bytes[methodEnd] == ASCII.space, targetEnd &- targetStart <= limits.targetMost,
            Scanner.targetEnd(bytes, targetStart, bytes.count) == targetEnd,
            bytes[targetEnd] == ASCII.space,
            let version = Self.version(bytes.word(at: targetEnd &+ 1))
        else { return nil }
        self.version = version
        methodToken = ByteRange(unchecked: at, to: methodEnd)
        target = ByteRange(unchecked: targetStart, to: targetEnd)
        return fields.fill(bytes, from: end &+ 2, most: limits.fieldsMost, controls: controls)
    }

    /// Sets ``method`` and returns the offset behind the token. Eight bytes are there.
    @inline(__always)
    private mutating func readMethod<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, _ at: Int, with: Scanner.Type
    ) -> Int {
        let word = bytes.word(at: at)
        @inline(__always)
        func starts(_ text: StaticString) -> Bool {
            let ones = ~UInt64(0) &>> UInt64(64 &- 8 &* text.utf8CodeUnitCount)
            return word & ones == text.word(at: 0)
        }
        if starts("GET ") {
            method = .get
            return at &+ 3
        }
        if starts("POST ") {
            method = .post
            return at &+ 4
        }
        let end = Scanner.nameEnd(bytes, at, bytes.count)
        switch end &- at {
        case 3: method = starts("PUT ") ? .put : .other
        case 4: method = starts("HEAD ") ? .head : .other
        case 5: method = starts("PATCH ") ? .patch : starts("TRACE ") ? .trace : .other
        case 6: method = starts("DELETE ") ? .delete : .other
        case 7:
            method = starts("OPTIONS ") ? .options : starts("CONNECT ") ? .connect : .other
        default: method = .other
        }
        return end
    }

    /// "HTTP/1." and a digit, as a word.
    @inline(__always)
    static func version(_ word: UInt64) -> HTTPVersion? {
        let pattern: StaticString = "HTTP/1.0"
        let minor = UInt8(truncatingIfNeeded: word &>> 56)
        guard word & 0x00FF_FFFF_FFFF_FFFF == pattern.word(at: 0) & 0x00FF_FFFF_FFFF_FFFF,
            ASCII.isDigit(minor)
        else { return nil }
        return minor == 0x30 ? .http10 : .http11
    }
}
