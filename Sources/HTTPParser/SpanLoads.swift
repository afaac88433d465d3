// Wide loads from a span: the only file of this module with `unsafe` in it.
//
// The scanners and the comparisons use these. Each load is checked against the span's bounds by
// the standard library (it traps, it never reads outside), and every bit pattern is a valid
// integer, so the callers need no proof beyond staying in bounds.

extension Span where Element == UInt8 {
    /// Eight bytes from `offset`, the first one in the lowest bits.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        // Bounds-checked by RawSpan; any eight bytes make a UInt64.
        UInt64(
            littleEndian: unsafe self.bytes.unsafeLoadUnaligned(
                fromByteOffset: offset, as: UInt64.self))
    }

    /// Two bytes from `offset`, the first one in the lowest bits.
    @inline(__always)
    func pair(at offset: Int) -> UInt16 {
        // Bounds-checked by RawSpan; any two bytes make a UInt16.
        UInt16(
            littleEndian: unsafe self.bytes.unsafeLoadUnaligned(
                fromByteOffset: offset, as: UInt16.self))
    }

    #if arch(x86_64)
        /// Sixteen bytes from `offset`.
        @inline(__always)
        func vector(at offset: Int) -> SIMD16<UInt8> {
            // Bounds-checked by RawSpan; any sixteen bytes make a vector of bytes.
            unsafe self.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
        }
    #endif
}

extension StaticString {
    /// Byte `index` of an ASCII literal, 0 outside of it.
    @inline(__always)
    func byte(at index: Int) -> UInt8 {
        guard hasPointerRepresentation, index >= 0, index < utf8CodeUnitCount else { return 0 }
        // In bounds by the guard; a literal's bytes live as long as the program.
        return unsafe utf8Start[index]
    }

    /// Up to eight bytes from `index` as a little-endian word, zeros behind the end. Folds to a
    /// constant when the receiver is a literal.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        var word: UInt64 = 0
        for i in 0..<8 {
            word |= UInt64(byte(at: index &+ i)) &<< UInt64(8 &* i)
        }
        return word
    }
}
