// The grammar of a head byte by byte: finds errors as they arrive and says which they are.
//
// The fast pass of RequestHead and ResponseHead handles heads that are there in one piece and
// valid. Whenever it says no, this machine decides between "incomplete" and a reason. Its state
// is eight bytes kept per connection, so each byte is looked at once however it is cut. It must
// accept exactly what the fast pass accepts; the fuzz targets hold the two against each other.

/// Where the reading of one head stands. Start each message with a fresh value.
package struct HeadScan: Equatable, Sendable {
    /// Bytes looked at.
    private(set) var position: UInt16 = 0
    /// Where the current method or target started.
    private var start: UInt16 = 0
    private var state = State.lead
    private var emptyLines: UInt8 = 0
    private var fields: UInt8 = 0
    private var digits: UInt8 = 0

    package init() {}

    /// No byte was looked at yet.
    @inline(__always)
    package var isFresh: Bool { position == 0 }

    /// The most empty lines before a request line (RFC 9112 section 2.2 asks for at least one).
    static var emptyLinesMost: UInt8 { 2 }
    /// The longest method that can be meant.
    static var methodMost: Int { 32 }

    private enum State: UInt8 {
        case lead, leadLineFeed, method, target, version, versionEnd, requestLineFeed
        case status, statusVersionEnd, statusCode, statusCodeEnd, reason
        case lineStart, name, value, valueLineFeed, lastLineFeed, done
    }

    enum Step: Equatable {
        case complete(length: Int)
        case incomplete
        case invalid(ParseFailure)
    }

    /// Looks at the bytes from where the last call ended.
    mutating func advanceRequest(_ bytes: Span<UInt8>, limits: HeadLimits) -> Step {
        advance(bytes, limits: limits)
    }

    /// The same for a response, which starts with a status line.
    mutating func advanceResponse(_ bytes: Span<UInt8>, limits: HeadLimits) -> Step {
        if position == 0 { state = .status }
        return advance(bytes, limits: limits)
    }

    private mutating func advance(_ bytes: Span<UInt8>, limits: HeadLimits) -> Step {
        let end = min(bytes.count, limits.headMost)
        while Int(position) < end, state != .done {
            let at = Int(position)
            if let reason = step(bytes[at], at, limits) {
                return .invalid(ParseFailure(reason, at: at))
            }
            position &+= 1
        }
        if state == .done { return .complete(length: Int(position)) }
        guard Int(position) >= limits.headMost else { return .incomplete }
        let reason: ParseFailure.Reason = state == .target ? .targetTooLong : .headTooLarge
        return .invalid(ParseFailure(reason, at: Int(position)))
    }

    private mutating func step(
        _ byte: UInt8, _ at: Int, _ limits: HeadLimits
    ) -> ParseFailure.Reason? {
        switch state {
        case .lead, .leadLineFeed, .method, .target, .version, .versionEnd, .requestLineFeed:
            stepRequestLine(byte, at, limits)
        case .status, .statusVersionEnd, .statusCode, .statusCodeEnd, .reason:
            stepStatusLine(byte)
        case .lineStart, .name, .value, .valueLineFeed, .lastLineFeed, .done:
            stepFields(byte, at, limits)
        }
    }

    private mutating func stepRequestLine(
        _ byte: UInt8, _ at: Int, _ limits: HeadLimits
    ) -> ParseFailure.Reason? {
        switch state {
        case .lead:
            if byte == ASCII.lineFeed { return .bareLineFeed }
            if byte == ASCII.carriageReturn {
                guard emptyLines < Self.emptyLinesMost else { return .leadingLines }
                state = .leadLineFeed
                return nil
            }
            guard ASCII.token.contains(byte) else { return .methodCharacter }
            start = position
            state = .method
        case .leadLineFeed:
            guard byte == ASCII.lineFeed else { return .bareCarriageReturn }
            emptyLines &+= 1
            state = .lead
        case .method:
            if byte == ASCII.space {
                start = position &+ 1
                state = .target
                return nil
            }
            guard ASCII.token.contains(byte) else { return .methodCharacter }
            guard at &- Int(start) < Self.methodMost else { return .methodTooLong }
        case .target:
            let count = at &- Int(start)
            if byte == ASCII.space, count > 0 {
                digits = 0
                state = .version
                return nil
            }
            guard byte &- 0x21 < 0x5E else { return .targetCharacter }
            guard count < limits.targetMost else { return .targetTooLong }
        case .version:
            return stepVersion(byte, next: .versionEnd)
        case .versionEnd:
            guard byte == ASCII.carriageReturn else { return .versionMalformed }
            if digits != 1 { return .versionUnsupported }
            state = .requestLineFeed
        default:
            guard byte == ASCII.lineFeed else { return .bareCarriageReturn }
            state = .lineStart
        }
        return nil
    }

    /// Reads "HTTP/" digit "." digit. `digits` counts bytes, then holds the major version.
    private mutating func stepVersion(_ byte: UInt8, next: State) -> ParseFailure.Reason? {
        let index = Int(digits & 0x0F)
        let pattern: StaticString = "HTTP/0.0"
        if index == 5 || index == 7 {
            guard ASCII.isDigit(byte) else { return .versionMalformed }
            if index == 5 { digits |= (byte &- 0x30) &<< 4 }
        } else {
            guard byte == pattern.byte(at: index) else { return .versionMalformed }
        }
        if index == 7 {
            digits &>>= 4
            state = next
        } else {
            digits &+= 1
        }
        return nil
    }

    private mutating func stepStatusLine(_ byte: UInt8) -> ParseFailure.Reason? {
        switch state {
        case .status:
            return stepVersion(byte, next: .statusVersionEnd)
        case .statusVersionEnd:
            guard byte == ASCII.space else { return .versionMalformed }
            if digits != 1 { return .versionUnsupported }
            digits = 0
            state = .statusCode
        case .statusCode:
            guard ASCII.isDigit(byte), digits > 0 || byte != 0x30 else { return .statusLine }
            digits &+= 1
            if digits == 3 { state = .statusCodeEnd }
        case .statusCodeEnd:
            if byte == ASCII.carriageReturn {
                state = .requestLineFeed
            } else {
                guard byte == ASCII.space else { return .statusLine }
                state = .reason
            }
        default:
            if byte == ASCII.carriageReturn {
                state = .requestLineFeed
            } else if byte == ASCII.lineFeed {
                return .bareLineFeed
            } else if !ASCII.isFieldValue(byte) {
                return .reasonCharacter
            }
        }
        return nil
    }

    private mutating func stepFields(
        _ byte: UInt8, _ at: Int, _ limits: HeadLimits
    ) -> ParseFailure.Reason? {
        switch state {
        case .lineStart:
            if byte == ASCII.carriageReturn {
                state = .lastLineFeed
                return nil
            }
            if byte == ASCII.lineFeed { return .bareLineFeed }
            if byte == ASCII.space || byte == ASCII.tab { return .foldedField }
            guard ASCII.token.contains(byte) else { return .fieldName }
            guard Int(fields) < limits.fieldsMost else { return .tooManyFields }
            fields &+= 1
            state = .name
        case .name:
            if byte == 0x3A {
                state = .value
            } else if byte == ASCII.space || byte == ASCII.tab {
                return .fieldNameSpace
            } else if !ASCII.token.contains(byte) {
                return .fieldName
            }
        case .value:
            if byte == ASCII.carriageReturn {
                state = .valueLineFeed
            } else if byte == ASCII.lineFeed {
                return .bareLineFeed
            } else if !ASCII.isFieldValue(byte) {
                return .fieldValueCharacter
            }
        case .valueLineFeed:
            guard byte == ASCII.lineFeed else { return .bareCarriageReturn }
            state = .lineStart
        default:
            guard byte == ASCII.lineFeed else { return .bareCarriageReturn }
            state = .done
        }
        return nil
    }
}
