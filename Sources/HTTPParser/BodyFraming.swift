// How a body is delimited, decided from Content-Length and Transfer-Encoding.
//
// Two parties that read these headers differently can be made to see different messages in one
// stream (request smuggling), so every doubtful form is refused (RFC 9112 section 6).

/// The delimitation of a request body.
package enum BodyFraming: Equatable, Sendable {
    case none
    /// Exactly so many bytes; 0 or more. The caller compares with what it accepts.
    case length(Int)
    case chunked
}

/// What a client wants to know before it sends its body.
package enum ClientExpectation: Equatable, Sendable {
    case none
    /// `100-continue`
    case `continue`
    /// Something else: answer 417.
    case unknown
}

extension HeaderFields {
    /// The framing these headers ask for; nil when neither header is there.
    func framing(
        _ bytes: Span<UInt8>, version: HTTPVersion
    ) -> Result<BodyFraming, ParseFailure>? {
        func refuse(
            _ reason: ParseFailure.Reason, _ range: ByteRange
        ) -> Result<BodyFraming, ParseFailure> {
            .failure(ParseFailure(reason, at: range.lower))
        }
        if let coding = value(of: .transferEncoding) {
            if version == .http10 { return refuse(.transferEncodingInHTTP10, coding) }
            if let length = value(of: .contentLength) {
                return refuse(.contentLengthWithTransferEncoding, length)
            }
            if repeated & KnownHeader.transferEncoding.bit != 0 {
                return refuse(.transferEncodingMalformed, coding)
            }
            if ASCII.equalIgnoringCase(bytes, coding, "chunked") { return .success(.chunked) }
            let isOneToken = Self.isToken(bytes, coding)
            return refuse(
                isOneToken ? .transferEncodingUnknown : Self.codingFailure(bytes, coding), coding)
        }
        guard let length = value(of: .contentLength) else { return nil }
        if repeated & KnownHeader.contentLength.bit != 0 {
            return refuse(.contentLengthRepeated, length)
        }
        guard let count = Self.decimal(bytes, length) else {
            return refuse(.contentLengthMalformed, length)
        }
        return .success(.length(count))
    }

    private static func isToken(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        for i in range.clamped(to: bytes.count) where !ASCII.token.contains(bytes[i]) {
            return false
        }
        return !range.isEmpty
    }

    /// A list that ends in chunked after codings unknown here is well-formed, but not for us.
    private static func codingFailure(
        _ bytes: Span<UInt8>, _ range: ByteRange
    ) -> ParseFailure.Reason {
        var list = ListElements(range)
        var sawChunked = false
        while let element = list.next(bytes) {
            if sawChunked { return .transferEncodingMalformed }
            if ASCII.equalIgnoringCase(bytes, element, "chunked") {
                sawChunked = true
            } else if !isToken(bytes, element) {
                return .transferEncodingMalformed
            }
        }
        // "chunked" alone with empty list members, as in ", chunked", is malformed too.
        var members = ListElements(range)
        guard sawChunked, let first = members.next(bytes),
            !ASCII.equalIgnoringCase(bytes, first, "chunked")
        else { return .transferEncodingMalformed }
        return .transferEncodingUnknown
    }

    /// 1*DIGIT that fits an `Int`; nil for anything else.
    static func decimal(_ bytes: Span<UInt8>, _ range: ByteRange) -> Int? {
        var value = 0
        for i in range.clamped(to: bytes.count) {
            guard ASCII.isDigit(bytes[i]) else { return nil }
            let (shifted, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, alsoTooLarge) = shifted.addingReportingOverflow(Int(bytes[i] &- 0x30))
            if tooLarge || alsoTooLarge { return nil }
            value = sum
        }
        return range.isEmpty ? nil : value
    }
}

/// The members of a comma-separated header value, one after the other (RFC 9110 section 5.6.1).
package struct ListElements: Sendable {
    private var at: Int
    private let end: Int

    package init(_ value: ByteRange) {
        at = value.lower
        end = value.end
    }

    /// The next member that is not empty, without white space at its ends. Quoted strings are
    /// not looked into: for lists of tokens only.
    package mutating func next(_ bytes: Span<UInt8>) -> ByteRange? {
        let last = min(end, bytes.count)
        while at < last {
            var comma = at
            while comma < last, bytes[comma] != 0x2C { comma &+= 1 }
            let member = ASCII.trimmed(bytes, at, comma)
            at = comma &+ 1
            if !member.isEmpty {
                return ByteRange(from: member.lowerBound, to: member.upperBound)
            }
        }
        return nil
    }
}
