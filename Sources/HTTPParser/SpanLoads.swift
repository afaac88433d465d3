// Wide loads from a span: with FieldTable and KnownHeaderTable the `unsafe` of this
// module.
//
// The scanners and the comparisons use these. Each load is checked against the span's bounds, by
// the standard library (it traps, it never reads outside) or by the guard beside it, and every bit
// pattern is a valid integer, so the callers need no proof beyond staying in bounds.

extension Span where Element == UInt8 {
    /// Eight bytes from `offset`, the first one in the lowest bits.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        // Bounds-checked by RawSpan; any eight bytes make a UInt64.
        UInt64(
            littleEndian: unsafe self.bytes.unsafeLoadUnaligned(
                fromByteOffset: offset, as: UInt64.self))
    }

    /// ``word(at:)`` without its check: the caller has shown that eight bytes are there, and says
    /// by what.
    @inline(__always)
    func word(proven offset: Int) -> UInt64 {
        assert(offset >= 0 && offset <= count &- 8)
        // In bounds by what the caller has shown.
        return UInt64(
            littleEndian: unsafe self.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// The byte at `offset`, unchecked: the caller has shown that it is there, and says by what.
    @inline(__always)
    func byte(proven offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < count)
        // In bounds by what the caller has shown.
        return unsafe self[unchecked: offset]
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
        /// Sixty-four bytes from `offset` as four vectors, nil when fewer are there. One check
        /// for the four loads.
        @inline(__always)
        func block(
            at offset: Int
        ) -> (SIMD16<UInt8>, SIMD16<UInt8>, SIMD16<UInt8>, SIMD16<UInt8>)? {
            guard offset >= 0, offset <= count &- 64 else { return nil }
            func vector(_ part: Int) -> SIMD16<UInt8> {
                // In bounds by the guard: part is 0, 16, 32 or 48.
                unsafe self.bytes.unsafeLoadUnaligned(
                    fromUncheckedByteOffset: offset &+ part, as: SIMD16<UInt8>.self)
            }
            return (vector(0), vector(16), vector(32), vector(48))
        }

        /// Sixteen bytes from `offset`, unchecked: the caller has shown that they are there, and
        /// says by what.
        @inline(__always)
        func vector(proven offset: Int) -> SIMD16<UInt8> {
            assert(offset >= 0 && offset <= count &- 16)
            // In bounds by what the caller has shown.
            return unsafe self.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset, as: SIMD16<UInt8>.self)
        }

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
