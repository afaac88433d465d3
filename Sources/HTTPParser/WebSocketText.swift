// What is said inside of WebSocket frames: UTF-8 in pieces, and the bodies of close frames.
//
// A text message is checked as it arrives, whatever its cuts, also inside of a character
// (RFC 6455 section 8.1). Nothing here keeps bytes.

/// Whether bytes that arrive in pieces are UTF-8 (RFC 3629): no overlong form, no surrogate,
/// nothing above U+10FFFF.
package struct UTF8Check: Equatable, Sendable {
    /// Bytes the current character still lacks.
    private var due: UInt8 = 0
    /// The bounds of its next byte.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF
    private var hasFailed = false

    package init() {}

    /// Takes the next piece; false when a byte cannot be right, from then on always.
    package mutating func take(_ bytes: Span<UInt8>) -> Bool {
        guard !hasFailed else { return false }
        var at = 0
        while at < bytes.count {
            if due == 0, at <= bytes.count &- 8,
                bytes.word(proven: at) & 0x8080_8080_8080_8080 == 0
            {
                at &+= 8
                continue
            }
            guard step(bytes[at]) else {
                hasFailed = true
                return false
            }
            at &+= 1
        }
        return true
    }

    /// Whether the text may end here.
    package var isComplete: Bool { due == 0 && !hasFailed }

    @inline(__always)
    private mutating func step(_ byte: UInt8) -> Bool {
        if due > 0 {
            guard byte >= low, byte <= high else { return false }
            due &-= 1
            (low, high) = (0x80, 0xBF)
            return true
        }
        switch byte {
        case 0..<0x80: return true
        case 0xC2...0xDF: due = 1
        case 0xE0: (due, low) = (2, 0xA0)
        case 0xED: (due, high) = (2, 0x9F)
        case 0xE1...0xEF: due = 2
        case 0xF0: (due, low) = (3, 0x90)
        case 0xF4: (due, high) = (3, 0x8F)
        case 0xF1...0xF3: due = 3
        default: return false
        }
        return true
    }
}

/// The body of a close frame.
package enum WebSocketClose {
    /// The peer gave no code.
    package static var none: UInt16 { 1005 }

    /// The code in an unmasked body, or ``none`` for an empty one; its reason are the bytes from 2.
    package static func code(in body: Span<UInt8>) throws(WebSocketFailure) -> UInt16 {
        guard !body.isEmpty else { return none }
        guard body.count >= 2 else { throw .closeLength }
        let code = UInt16(body[0]) &<< 8 | UInt16(body[1])
        guard mayBeSent(code) else { throw .closeCode }
        var check = UTF8Check()
        guard check.take(body.extracting(2..<body.count)), check.isComplete else {
            throw .textNotUTF8
        }
        return code
    }

    /// Whether a frame may carry `code`: 1004 is reserved, 1005, 1006 and 1015 are for one's own
    /// use, others have no meaning (RFC 6455 section 7.4 and the registry).
    package static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
