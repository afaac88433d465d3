// The Host header and the authority of a target: uri-host [ ":" port ], and nothing else.
//
// RequestHead checks every Host with this, the server compares the parts with what it serves.
// It must not be lenient: what passes here is compared and logged as a host name.

/// A host and a port, taken apart (RFC 3986 section 3.2, RFC 9110 section 7.2).
package struct HostValue: Equatable, Sendable {
    package enum Kind: UInt8, Sendable { case name, ipv4, ipv6 }

    /// The host; for IPv6 without the brackets.
    package var host: ByteRange
    /// The port; nil when none is given (also for an empty one, as in "a:").
    package var port: Int?
    package var kind: Kind

    /// Takes `range` apart; nil when it is not a host with an optional port.
    package static func parse(_ bytes: Span<UInt8>, _ range: ByteRange) -> HostValue? {
        let part = range.clamped(to: bytes.count)
        guard let first = part.first else { return nil }
        if bytes[first] == 0x5B { return parseLiteral(bytes, part) }
        guard let end = nameEnd(bytes, part), end > first else { return nil }
        guard let port = parsePort(bytes, end, part.upperBound) else { return nil }
        return HostValue(
            host: ByteRange(from: first, to: end), port: port < 0 ? nil : port,
            kind: IPAddressText.isIPv4(bytes, first, end) ? .ipv4 : .name)
    }

    /// True when ``parse(_:_:)`` would succeed. `range` ends before `limit`.
    @inline(__always)
    static func isValid<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, _ range: ByteRange, limit: Int, with: Scanner.Type
    ) -> Bool {
        // Nearly always a plain name with a port of up to five digits.
        let colon = Scanner.plainEnd(bytes, range.lower, limit)
        if colon > range.lower {
            if colon == range.end { return true }
            let port = colon &+ 1
            let digits = range.end &- port
            if digits > 0, digits < 6, bytes[colon] == 0x3A, port &+ 8 <= limit {
                let word = bytes.word(at: port) &<< UInt64(truncatingIfNeeded: 64 &- 8 &* digits)
                // As text in order of the digits, five of them compare like numbers.
                let isInRange = digits < 5 || word.byteSwapped <= 0x36_3535_3335
                if areDigits(word, digits), isInRange { return true }
            }
        }
        return parse(bytes, range) != nil
    }

    /// True when the upper `count` (1...5) bytes of `word` are digits; the others are zero.
    @inline(__always)
    private static func areDigits(_ word: UInt64, _ count: Int) -> Bool {
        let zeros: UInt64 =
            0x3030_3030_3030_3030
            &<< UInt64(
                truncatingIfNeeded: 64 &- 8 &* count)
        let high: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
        // 0x30...0x3F by the upper nibble; 0x3A... carries into it when 6 is added.
        return word & high == zeros & high
            && (word &+ (zeros &>> 3)) & high == zeros & high
    }

    /// `[` IPv6 `]` with an optional port. Zone identifiers and future versions are refused.
    private static func parseLiteral(_ bytes: Span<UInt8>, _ part: Range<Int>) -> HostValue? {
        let from = part.lowerBound &+ 1
        var close = from
        while close < part.upperBound, bytes[close] != 0x5D { close &+= 1 }
        guard close < part.upperBound, IPAddressText.isIPv6(bytes, from, close),
            let port = parsePort(bytes, close &+ 1, part.upperBound)
        else { return nil }
        return HostValue(
            host: ByteRange(from: from, to: close), port: port < 0 ? nil : port, kind: .ipv6)
    }

    /// The end of a `reg-name`: the colon or the end of `part`; nil at any other byte.
    private static func nameEnd(_ bytes: Span<UInt8>, _ part: Range<Int>) -> Int? {
        var at = part.lowerBound
        while at < part.upperBound {
            let byte = bytes[at]
            if byte == 0x3A { return at }
            if byte == 0x25 {
                guard at &+ 2 < part.upperBound, ASCII.hexValue(bytes[at &+ 1]) != nil,
                    ASCII.hexValue(bytes[at &+ 2]) != nil
                else { return nil }
                at &+= 3
                continue
            }
            guard ASCII.registeredName.contains(byte) else { return nil }
            at &+= 1
        }
        return at
    }

    /// The port behind a colon at `at`; -1 when there is none, nil when it is malformed.
    private static func parsePort(_ bytes: Span<UInt8>, _ at: Int, _ end: Int) -> Int? {
        if at == end { return -1 }
        guard bytes[at] == 0x3A else { return nil }
        var port = 0
        var next = at &+ 1
        if next == end { return -1 }
        while next < end {
            guard ASCII.isDigit(bytes[next]) else { return nil }
            port = port &* 10 &+ Int(bytes[next] &- 0x30)
            guard port <= 65535 else { return nil }
            next &+= 1
        }
        return port
    }
}
