// Character classes of HTTP and URIs, as bitmaps over the 128 ASCII codes.
//
// Everything in this module asks here which byte may stand where. A bitmap is two words, so it
// needs no table in memory and no global initialiser; ASCIITests holds each against its grammar.
// Bytes from 0x80 up are in no class. Nothing here may depend on a locale.

/// A set of ASCII codes: bit `code` of `low` (codes below 64) or `high`.
package struct ASCIISet: Sendable {
    let low: UInt64
    let high: UInt64

    @inline(__always)
    init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// True when `byte` is in the set; never for bytes from 0x80 up.
    @inline(__always)
    package func contains(_ byte: UInt8) -> Bool {
        let word = byte & 0x40 == 0 ? low : high
        return byte < 0x80 && (word &>> UInt64(byte & 0x3F)) & 1 != 0
    }
}

/// Byte values and classes (RFC 9110 section 5.6.2, RFC 3986 appendix A).
package enum ASCII {
    package static var tab: UInt8 { 0x09 }
    package static var lineFeed: UInt8 { 0x0A }
    package static var carriageReturn: UInt8 { 0x0D }
    package static var space: UInt8 { 0x20 }

    /// `tchar` of RFC 9110: methods, field names, list tokens.
    @inline(__always)
    package static var token: ASCIISet {
        ASCIISet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    }

    /// `pchar` without percent-encoding, and "/": RFC 3986 path bytes.
    @inline(__always)
    package static var uriPath: ASCIISet {
        ASCIISet(low: 0x2FFF_FFD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF)
    }

    /// ``uriPath`` and "?": RFC 3986 query bytes.
    @inline(__always)
    package static var uriQuery: ASCIISet {
        ASCIISet(low: 0xAFFF_FFD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF)
    }

    /// unreserved and sub-delims: the bytes of an RFC 3986 `reg-name`, percent-encoding apart.
    @inline(__always)
    package static var registeredName: ASCIISet {
        ASCIISet(low: 0x2BFF_7FD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    }

    /// What may stand in a quoted string without a backslash: HTAB, SP, VCHAR but '"' and "\".
    @inline(__always)
    package static var quotedText: ASCIISet {
        ASCIISet(low: 0xFFFF_FFFB_0000_0200, high: 0x7FFF_FFFF_EFFF_FFFF)
    }

    @inline(__always)
    package static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// The value of a hexadecimal digit of either case, nil for any other byte.
    @inline(__always)
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        let letter = lowercase(byte) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// A-Z become a-z, every other byte stays.
    @inline(__always)
    package static func lowercase(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// True for a byte that may stand in a field value (RFC 9110 section 5.5): HTAB, SP, VCHAR
    /// and obs-text; no other control byte.
    @inline(__always)
    package static func isFieldValue(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == tab
    }

    /// Compares a range with an ASCII literal, ignoring case.
    package static func equalIgnoringCase(
        _ bytes: Span<UInt8>, _ range: ByteRange, _ literal: StaticString
    ) -> Bool {
        let part = range.clamped(to: bytes.count)
        guard part.count == literal.utf8CodeUnitCount else { return false }
        for i in 0..<part.count
        where lowercase(bytes[part.lowerBound + i]) != lowercase(literal.byte(at: i)) {
            return false
        }
        return true
    }

    /// Compares a range with an ASCII literal, byte for byte.
    package static func equal(
        _ bytes: Span<UInt8>, _ range: ByteRange, _ literal: StaticString
    ) -> Bool {
        let part = range.clamped(to: bytes.count)
        guard part.count == literal.utf8CodeUnitCount else { return false }
        for i in 0..<part.count where bytes[part.lowerBound + i] != literal.byte(at: i) {
            return false
        }
        return true
    }

    /// Shrinks `from ..< to` by SP and HTAB at both ends (RFC 9110 OWS).
    @inline(__always)
    static func trimmed(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Range<Int> {
        var first = from
        var last = to
        while first < last, bytes[first] == space || bytes[first] == tab { first &+= 1 }
        while first < last, bytes[last &- 1] == space || bytes[last &- 1] == tab { last &-= 1 }
        return first..<last
    }
}
