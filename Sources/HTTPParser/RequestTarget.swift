// The request target taken apart: which form it has, and where authority, path and query are.
//
// The router asks after the head is complete. Bytes are checked against RFC 3986 and stay as
// they were sent: nothing is decoded, no dot segment is removed.

/// A valid request target (RFC 9112 section 3.2). Ranges are offsets into the head.
package struct RequestTarget: Equatable, Sendable {
    package enum Form: UInt8, Sendable { case origin, absolute, authority, asterisk }

    package var form: Form
    /// Host and port of the absolute and authority forms; empty otherwise.
    package var authority = ByteRange()
    /// The path; empty for the asterisk and authority forms, and for "http://host", which means
    /// "/".
    package var path = ByteRange()
    /// What stands behind the first "?", possibly empty.
    package var query = ByteRange()
    package var hasQuery = false

    package init(form: Form, authority: ByteRange = ByteRange()) {
        self.form = form
        self.authority = authority
    }

    /// Checks `target` and takes it apart. Every failure is a 400.
    package static func parse(
        _ bytes: Span<UInt8>, target: ByteRange, method: HTTPMethod
    ) -> Result<RequestTarget, ParseFailure> {
        let part = target.clamped(to: bytes.count)
        guard let first = part.first else {
            return .failure(ParseFailure(.targetCharacter, at: part.lowerBound))
        }
        if method == .connect { return parseAuthority(bytes, part) }
        if bytes[first] == 0x2F { return parsePath(bytes, part, RequestTarget(form: .origin)) }
        if bytes[first] == 0x2A, part.count == 1 {
            guard method == .options else {
                return .failure(ParseFailure(.targetForm, at: first))
            }
            return .success(RequestTarget(form: .asterisk))
        }
        return parseAbsolute(bytes, part)
    }

    /// CONNECT takes host and port, both given.
    private static func parseAuthority(
        _ bytes: Span<UInt8>, _ part: Range<Int>
    ) -> Result<RequestTarget, ParseFailure> {
        let range = ByteRange(from: part.lowerBound, to: part.upperBound)
        guard let value = HostValue.parse(bytes, range), value.port != nil else {
            return .failure(ParseFailure(.targetForm, at: part.lowerBound))
        }
        return .success(RequestTarget(form: .authority, authority: range))
    }

    /// "http://" or "https://", an authority without user information, path and query.
    private static func parseAbsolute(
        _ bytes: Span<UInt8>, _ part: Range<Int>
    ) -> Result<RequestTarget, ParseFailure> {
        let schemes: (StaticString, StaticString) = ("http://", "https://")
        var from = part.lowerBound
        if starts(bytes, part, schemes.0) {
            from += schemes.0.utf8CodeUnitCount
        } else if starts(bytes, part, schemes.1) {
            from += schemes.1.utf8CodeUnitCount
        } else {
            return .failure(ParseFailure(.targetForm, at: part.lowerBound))
        }
        var end = from
        while end < part.upperBound, bytes[end] != 0x2F, bytes[end] != 0x3F { end &+= 1 }
        let authority = ByteRange(from: from, to: end)
        guard HostValue.parse(bytes, authority) != nil else {
            return .failure(ParseFailure(.targetAuthority, at: from))
        }
        return parsePath(
            bytes, end..<part.upperBound, RequestTarget(form: .absolute, authority: authority))
    }

    private static func starts(
        _ bytes: Span<UInt8>, _ part: Range<Int>, _ prefix: StaticString
    ) -> Bool {
        let end = part.lowerBound + prefix.utf8CodeUnitCount
        guard end <= part.upperBound else { return false }
        return ASCII.equalIgnoringCase(bytes, ByteRange(from: part.lowerBound, to: end), prefix)
    }

    /// Path and query from `part`, added to `target`.
    private static func parsePath(
        _ bytes: Span<UInt8>, _ part: Range<Int>, _ target: RequestTarget
    ) -> Result<RequestTarget, ParseFailure> {
        var target = target
        var at = part.lowerBound
        var pathEnd = part.upperBound
        while true {
            // Nearly all of a path is plain; the rest is looked at byte by byte.
            at = NativeScanner.pathEnd(bytes, at, bytes.count)
            guard at < part.upperBound else { break }
            let byte = bytes[at]
            if byte == 0x3F, !target.hasQuery {
                target.hasQuery = true
                pathEnd = at
            } else if byte == 0x25 {
                guard at &+ 2 < part.upperBound, ASCII.hexValue(bytes[at &+ 1]) != nil,
                    ASCII.hexValue(bytes[at &+ 2]) != nil
                else { return .failure(ParseFailure(.percentEncoding, at: at)) }
                at &+= 2
            } else if !ASCII.uriQuery.contains(byte) {
                return .failure(ParseFailure(.targetPath, at: at))
            }
            at &+= 1
        }
        target.path = ByteRange(from: part.lowerBound, to: pathEnd)
        if target.hasQuery {
            target.query = ByteRange(from: pathEnd &+ 1, to: part.upperBound)
        }
        return .success(target)
    }
}
