// The parts of a WebSocket frame (RFC 6455 section 5): its header, its mask, and why one is wrong.
//
// For both ends of a connection: what forwards a port through a cluster speaks as a client, what
// serves agents as a server. Writing a header is here, reading one is in WebSocketDecoder. No
// extension is ever agreed on, so the reserved bits are always 0. Nothing here keeps bytes.

/// The meaning of a frame.
package enum WebSocketOpcode: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    /// Close, ping and pong: short, whole, and allowed between the fragments of a message.
    @inline(__always)
    package var isControl: Bool { rawValue >= 8 }
}

/// The end of the connection whose bytes are read: a client masks what it sends, a server must not.
package enum WebSocketRole: Sendable {
    case client, server
}

/// The first rule that a peer's bytes break.
package enum WebSocketFailure: UInt8, Error, Sendable, CaseIterable {
    case reservedBits, opcode, controlFragmented, controlTooLong
    case lengthNotMinimal, lengthSign, frameTooLarge
    case maskMissing, maskForbidden
    case continuationUnexpected, continuationMissing
    case textNotUTF8, closeLength, closeCode

    /// What the close frame says that answers it (RFC 6455 section 7.4.1).
    package var closeCode: UInt16 {
        switch self {
        case .frameTooLarge: 1009
        case .textNotUTF8: 1007
        default: 1002
        }
    }

    /// One sentence, without any byte of the peer.
    package var explanation: StaticString {
        switch self {
        case .reservedBits: "a reserved bit is set though no extension was agreed on"
        case .opcode: "the opcode is not a known one"
        case .controlFragmented: "a control frame is fragmented"
        case .controlTooLong: "a control frame has more than 125 bytes"
        case .lengthNotMinimal: "a length is written in more bytes than it needs"
        case .lengthSign: "the highest bit of a length is set"
        case .frameTooLarge: "a frame is longer than is taken here"
        case .maskMissing: "a client's frame is not masked"
        case .maskForbidden: "a server's frame is masked"
        case .continuationUnexpected: "a continuation has no message to continue"
        case .continuationMissing: "a new message begins inside of a fragmented one"
        case .textNotUTF8: "a text is not UTF-8"
        case .closeLength: "the body of a close frame is one byte"
        case .closeCode: "the code of a close frame is not one to be sent"
        }
    }
}

/// What is said of a frame before its payload.
package struct WebSocketHeader: BitwiseCopyable, Equatable, Sendable {
    package var opcode: WebSocketOpcode
    /// Whether it ends its message.
    package var isFinal: Bool
    /// Bytes of payload, at most 2^63 - 1.
    package var length: Int
    /// With what the payload is masked.
    package var mask: WebSocketMask?

    package init(
        _ opcode: WebSocketOpcode, length: Int, isFinal: Bool = true, mask: WebSocketMask? = nil
    ) {
        self.opcode = opcode
        self.isFinal = isFinal
        self.length = length
        self.mask = mask
    }

    /// The most bytes of any header.
    package static var bytesMost: Int { 14 }
    /// The most payload of a control frame.
    package static var controlMost: Int { 125 }

    /// The bytes that ``write(into:)`` appends.
    package var encodedCount: Int {
        (length < 126 ? 2 : length <= 0xFFFF ? 4 : 10) &+ (mask == nil ? 0 : 4)
    }

    /// Appends the header; false, and nothing appended, when there is no room or the header is one
    /// that no peer may send.
    package func write(into output: inout OutputSpan<UInt8>) -> Bool {
        guard output.freeCapacity >= encodedCount, length >= 0,
            !opcode.isControl || (isFinal && length <= Self.controlMost)
        else { return false }
        output.append((isFinal ? 0x80 : 0) | opcode.rawValue)
        let masked: UInt8 = mask == nil ? 0 : 0x80
        if length < 126 {
            output.append(masked | UInt8(truncatingIfNeeded: length))
        } else {
            let isShort = length <= 0xFFFF
            output.append(masked | (isShort ? 126 : 127))
            var shift = isShort ? 8 : 56
            while shift >= 0 {
                output.append(UInt8(truncatingIfNeeded: length &>> shift))
                shift &-= 8
            }
        }
        guard let mask else { return true }
        for i in 0..<4 { output.append(mask.byte(i)) }
        return true
    }
}

/// The four bytes a client's payload is combined with, turned to where the payload stands.
///
/// A sender makes one of four random bytes for each frame (RFC 6455 section 5.3).
package struct WebSocketMask: BitwiseCopyable, Equatable, Sendable {
    /// The next byte to use is the lowest one.
    private(set) var key: UInt32

    /// The first byte on the wire is the lowest one.
    package init(_ key: UInt32) { self.key = key }

    /// The byte for the payload's byte `index`, counted from where the mask stands.
    @inline(__always)
    func byte(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: key &>> UInt32(truncatingIfNeeded: (index & 3) &* 8))
    }

    /// The mask for the bytes behind the next `count` ones.
    @inline(__always)
    package func advanced(by count: Int) -> WebSocketMask {
        let bits = UInt32(truncatingIfNeeded: (count & 3) &* 8)
        // By none on its own: a masking shift by 32 would be one by 0, which only looks right.
        return WebSocketMask(bits == 0 ? key : key &>> bits | key &<< (32 &- bits))
    }

    /// Masks or unmasks all of `bytes`, in place; doing it twice restores them. For a payload in
    /// pieces, go on with ``advanced(by:)``.
    package func apply(to bytes: inout MutableSpan<UInt8>) {
        let wide = (UInt64(key) | UInt64(key) &<< 32).littleEndian
        let count = bytes.count
        var at = 0
        // Any bytes make a UInt8, so whatever is stored below leaves valid elements.
        var raw = unsafe bytes.mutableBytes
        while at <= count &- 8 {
            // In bounds by the loop's condition; any eight bytes make a UInt64 and back.
            let word = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self)
            unsafe raw.storeBytes(of: word ^ wide, toUncheckedByteOffset: at, as: UInt64.self)
            at &+= 8
        }
        while at < count {
            bytes[at] ^= byte(at)
            at &+= 1
        }
    }
}
