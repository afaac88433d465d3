// WebSocket frames, read as they arrive (RFC 6455 section 5).
//
// A connection keeps one decoder and calls `next` until it asks for more. The decoder copies
// nothing and unmasks nothing: it says which of the given bytes are payload of which frame, and
// with what they are masked. It holds no bytes either, so a frame may be as long as its owner
// allows. Strict: what RFC 6455 forbids ends the connection with the close code of the failure.

/// One step through a connection's frames; offsets and counts within the bytes of that call.
package enum WebSocketStep: Equatable, Sendable {
    /// A frame begins. Also given for one without payload.
    case header(WebSocketHeader, consumed: Int)
    /// Payload of the frame that began last, to be unmasked with `mask` from its first byte.
    case payload(offset: Int, count: Int, mask: WebSocketMask?, consumed: Int)
    /// The frame is over; for the last one of a message `WebSocketHeader.isFinal` was set.
    case end(consumed: Int)
    /// All bytes are used up.
    case needMore(consumed: Int)
    case invalid(WebSocketFailure)
}

/// Where the reading of one connection stands; cut points may be anywhere.
package struct WebSocketDecoder: Equatable, Sendable {
    /// While a header is read its length so far, then the payload still to come.
    private var remaining: UInt64 = 0
    private let frameMost: UInt64
    private var key: UInt32 = 0
    private var opcode = WebSocketOpcode.continuation
    private var state = State.first
    /// Bytes of the length or of the key that are still to come.
    private var due: UInt8 = 0
    private var isFinal = false
    private var isMasked = false
    /// The length is written in eight bytes.
    private var isLong = false
    private let masksExpected: Bool
    /// Between the fragments of a message.
    private var isInMessage = false
    private var failure: WebSocketFailure?

    private enum State: UInt8 {
        case first, second, length, key, headerDone, payload, end
    }

    /// A decoder for the bytes that `peer` sends, in frames of at most `frameMost` bytes.
    package init(from peer: WebSocketRole, frameMost: Int) {
        self.frameMost = UInt64(max(0, frameMost))
        masksExpected = peer == .client
    }

    /// True when a message has begun and its last frame has not ended.
    package var isInsideMessage: Bool { isInMessage || state != .first }

    /// Takes the next step. `bytes` are those behind the last step's `consumed`.
    package mutating func next(_ bytes: Span<UInt8>) -> WebSocketStep {
        if let failure { return .invalid(failure) }
        var at = 0
        while true {
            switch state {
            case .headerDone:
                state = remaining == 0 ? .end : .payload
                return .header(header, consumed: at)
            case .end:
                state = .first
                return .end(consumed: at)
            case .payload:
                guard at < bytes.count else { return .needMore(consumed: at) }
                return payload(bytes.count &- at, at: at)
            case .first, .second, .length, .key:
                guard at < bytes.count else { return .needMore(consumed: at) }
                if let reason = step(bytes[at]) {
                    failure = reason
                    return .invalid(reason)
                }
                at &+= 1
            }
        }
    }

    private var header: WebSocketHeader {
        WebSocketHeader(
            opcode, length: Int(truncatingIfNeeded: remaining), isFinal: isFinal,
            mask: isMasked ? WebSocketMask(key) : nil)
    }

    private mutating func payload(_ available: Int, at: Int) -> WebSocketStep {
        let count = Int(truncatingIfNeeded: min(remaining, UInt64(available)))
        remaining &-= UInt64(count)
        if remaining == 0 { state = .end }
        guard isMasked else {
            return .payload(offset: at, count: count, mask: nil, consumed: at &+ count)
        }
        let mask = WebSocketMask(key)
        key = mask.advanced(by: count).key
        return .payload(offset: at, count: count, mask: mask, consumed: at &+ count)
    }

    private mutating func step(_ byte: UInt8) -> WebSocketFailure? {
        switch state {
        case .first:
            return stepFirst(byte)
        case .second:
            return stepSecond(byte)
        case .length:
            // The highest bit of the first of eight bytes.
            if due == 8, byte >= 0x80 { return .lengthSign }
            remaining = remaining &<< 8 | UInt64(byte)
            due &-= 1
            guard due == 0 else { return nil }
            return endLength(least: isLong ? 0x1_0000 : 126)
        default:
            // The first byte on the wire ends up as the lowest one.
            key = key &>> 8 | UInt32(byte) &<< 24
            due &-= 1
            if due == 0 { state = .headerDone }
            return nil
        }
    }

    private mutating func stepFirst(_ byte: UInt8) -> WebSocketFailure? {
        guard byte & 0x70 == 0 else { return .reservedBits }
        guard let opcode = WebSocketOpcode(rawValue: byte & 0x0F) else { return .opcode }
        self.opcode = opcode
        isFinal = byte >= 0x80
        if opcode.isControl {
            guard isFinal else { return .controlFragmented }
        } else {
            guard isInMessage == (opcode == .continuation) else {
                return isInMessage ? .continuationMissing : .continuationUnexpected
            }
            isInMessage = !isFinal
        }
        state = .second
        return nil
    }

    private mutating func stepSecond(_ byte: UInt8) -> WebSocketFailure? {
        isMasked = byte >= 0x80
        guard isMasked == masksExpected else { return isMasked ? .maskForbidden : .maskMissing }
        let short = byte & 0x7F
        guard !opcode.isControl || short <= 125 else { return .controlTooLong }
        isLong = short == 127
        if short < 126 {
            remaining = UInt64(short)
            return endLength(least: 0)
        }
        remaining = 0
        due = isLong ? 8 : 2
        state = .length
        return nil
    }

    private mutating func endLength(least: UInt64) -> WebSocketFailure? {
        guard remaining >= least else { return .lengthNotMinimal }
        guard remaining <= frameMost else { return .frameTooLarge }
        due = 4
        key = 0
        state = isMasked ? .key : .headerDone
        return nil
    }
}
