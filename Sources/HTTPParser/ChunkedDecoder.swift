// The chunked transfer coding, read as it arrives (RFC 9112 section 7.1).
//
// The connection keeps one per message and calls `next` until it asks for more. The decoder
// copies nothing: it says which of the given bytes are body. Trailer lines are checked like header
// lines and then dropped, Content-Length, Transfer-Encoding and Host among them: nothing in this
// project reads trailers, so they cannot change how a message is understood.

/// One step through a chunked body; offsets and counts within the bytes of that call.
package enum ChunkStep: Equatable, Sendable {
    /// Body bytes. Go on behind `consumed`.
    case data(offset: Int, count: Int, consumed: Int)
    /// All bytes are used up and the body goes on.
    case needMore(consumed: Int)
    /// The body and its trailer section are over.
    case end(consumed: Int)
    case invalid(ParseFailure)
}

/// Where the reading of one chunked body stands; cut points may be anywhere.
package struct ChunkedDecoder: Equatable, Sendable {
    /// Bytes of the current chunk still to come; while its size is read, the size so far.
    private var remaining = 0
    /// Body bytes still allowed.
    private var allowed: Int
    private var extensionBytes: UInt16 = 0
    private var trailerBytes: UInt16 = 0
    private var digits: UInt8 = 0
    private var state = State.size
    private var failure: ParseFailure.Reason?

    /// The most extension bytes of one body, all its chunks together.
    package static var extensionsMost: Int { 4096 }
    /// The most bytes of the trailer section.
    package static var trailerMost: Int { 8192 }
    /// The most digits of a size, leading zeros included.
    package static var digitsMost: Int { 16 }

    private enum State: UInt8 {
        case size, sizeLineFeed
        case extensionName, extensionNameRest, extensionValue, extensionToken
        case extensionQuoted, extensionEscape, extensionQuotedEnd
        case data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, lastLineFeed
        case done
    }

    /// A decoder for one body of at most `bodyMost` bytes; a larger one is answered with 413.
    package init(bodyMost: Int) {
        allowed = max(0, bodyMost)
    }

    /// Takes the next step. `bytes` are those behind the last step's `consumed`.
    package mutating func next(_ bytes: Span<UInt8>) -> ChunkStep {
        if let failure { return .invalid(ParseFailure(failure, at: 0)) }
        var at = 0
        while state != .done, at < bytes.count {
            if state == .data {
                let count = min(remaining, bytes.count &- at)
                remaining &-= count
                if remaining == 0 { state = .dataReturn }
                return .data(offset: at, count: count, consumed: at &+ count)
            }
            if let reason = step(bytes[at]) {
                failure = reason
                return .invalid(ParseFailure(reason, at: at))
            }
            at &+= 1
        }
        return state == .done ? .end(consumed: at) : .needMore(consumed: at)
    }

    private mutating func step(_ byte: UInt8) -> ParseFailure.Reason? {
        switch state {
        case .size, .sizeLineFeed, .data, .dataReturn, .dataLineFeed:
            return stepChunk(byte)
        case .extensionName, .extensionNameRest, .extensionValue, .extensionToken,
            .extensionQuoted, .extensionEscape, .extensionQuotedEnd:
            extensionBytes &+= 1
            guard Int(extensionBytes) <= Self.extensionsMost else {
                return .chunkExtensionTooLarge
            }
            return stepExtension(byte)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed, .done:
            trailerBytes &+= 1
            guard Int(trailerBytes) <= Self.trailerMost else { return .trailerTooLarge }
            return stepTrailer(byte)
        }
    }

    private mutating func stepChunk(_ byte: UInt8) -> ParseFailure.Reason? {
        switch state {
        case .size:
            if let digit = ASCII.hexValue(byte) {
                guard Int(digits) < Self.digitsMost, remaining <= Int.max &>> 4 else {
                    return .chunkSize
                }
                remaining = remaining &<< 4 | Int(digit)
                digits &+= 1
                return nil
            }
            guard digits > 0 else { return .chunkSize }
            if byte == 0x3B {
                state = .extensionName
                return nil
            }
            return endLine(byte, otherwise: .chunkSize)
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { return .chunkLineEnd }
            digits = 0
            guard remaining <= allowed else { return .bodyTooLarge }
            allowed &-= remaining
            state = remaining == 0 ? .trailerStart : .data
        case .dataReturn:
            guard byte == ASCII.carriageReturn else { return .chunkDataEnd }
            state = .dataLineFeed
        default:
            guard byte == ASCII.lineFeed else { return .chunkDataEnd }
            state = .size
        }
        return nil
    }

    /// The end of a size line, or a byte that does not belong there.
    private mutating func endLine(
        _ byte: UInt8, otherwise reason: ParseFailure.Reason
    ) -> ParseFailure.Reason? {
        if byte == ASCII.lineFeed { return .chunkLineEnd }
        guard byte == ASCII.carriageReturn else { return reason }
        state = .sizeLineFeed
        return nil
    }

    /// `;` token [ `=` ( token / quoted-string ) ], repeated, without white space.
    private mutating func stepExtension(_ byte: UInt8) -> ParseFailure.Reason? {
        switch state {
        case .extensionName:
            guard ASCII.token.contains(byte) else { return .chunkExtension }
            state = .extensionNameRest
        case .extensionNameRest:
            if ASCII.token.contains(byte) { return nil }
            if byte == 0x3D {
                state = .extensionValue
                return nil
            }
            return endExtension(byte)
        case .extensionValue:
            if byte == 0x22 {
                state = .extensionQuoted
                return nil
            }
            guard ASCII.token.contains(byte) else { return .chunkExtension }
            state = .extensionToken
        case .extensionToken:
            if ASCII.token.contains(byte) { return nil }
            return endExtension(byte)
        case .extensionQuoted:
            if byte == 0x22 {
                state = .extensionQuotedEnd
            } else if byte == 0x5C {
                state = .extensionEscape
            } else if !ASCII.quotedText.contains(byte) {
                return .chunkExtension
            }
        case .extensionEscape:
            guard byte < 0x80, ASCII.isFieldValue(byte) else { return .chunkExtension }
            state = .extensionQuoted
        default:
            return endExtension(byte)
        }
        return nil
    }

    private mutating func endExtension(_ byte: UInt8) -> ParseFailure.Reason? {
        if byte == 0x3B {
            state = .extensionName
            return nil
        }
        return endLine(byte, otherwise: .chunkExtension)
    }

    private mutating func stepTrailer(_ byte: UInt8) -> ParseFailure.Reason? {
        switch state {
        case .trailerStart:
            if byte == ASCII.carriageReturn {
                state = .lastLineFeed
                return nil
            }
            guard ASCII.token.contains(byte) else { return .trailerField }
            state = .trailerName
        case .trailerName:
            if byte == 0x3A {
                state = .trailerValue
            } else if !ASCII.token.contains(byte) {
                return .trailerField
            }
        case .trailerValue:
            if byte == ASCII.carriageReturn {
                state = .trailerLineFeed
            } else if !ASCII.isFieldValue(byte) {
                return .trailerField
            }
        case .trailerLineFeed:
            guard byte == ASCII.lineFeed else { return .trailerField }
            state = .trailerStart
        default:
            guard byte == ASCII.lineFeed else { return .trailerField }
            state = .done
        }
        return nil
    }
}
