// The byte searches with SSE2, which every x86-64 has: sixteen bytes at a time.
//
// A search near the limit loads the last sixteen bytes before it and shifts the mask, so it never
// reads outside and needs no byte loop. Heads are parsed through this on x86-64 (Scanner.swift).

#if arch(x86_64)
internal import CMovemask

enum VectorScanner: ByteScanner {
    /// Bit i: byte `at + i`; zeros from `limit` on. `limit` must be at least 16.
    @inline(__always)
    private static func mask(
        _ bytes: Span<UInt8>, _ at: Int, _ limit: Int,
        _ hits: (SIMD16<UInt8>) -> SIMDMask<SIMD16<Int8>>
    ) -> UInt32 {
        let base = min(at, limit &- 16)
        let lanes = hits(bytes.vector(at: base))
        let bits = movemask(
            SIMD16<Int8>(repeating: 0).replacing(with: SIMD16<Int8>(repeating: -1), where: lanes))
        let shift = at &- base
        return shift > 15 ? 0 : bits &>> UInt32(truncatingIfNeeded: shift)
    }

    @inline(__always)
    static func nameEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        guard limit >= 16 else { return WordScanner.nameEnd(bytes, start, limit) }
        var at = start
        while at < limit {
            let other = mask(bytes, at, limit) { lanes in
                let letter = ((lanes | 0x20) &- 0x61) .< 26
                let digit = (lanes &- 0x30) .< 10
                return .!(letter .| digit .| (lanes .== 0x2D))
            }
            if other == 0 {
                at &+= 16
                continue
            }
            at &+= other.trailingZeroBitCount
            // Usually the colon; else a rarer token character, one at a time.
            if !ASCII.token.contains(bytes[at]) { return at }
            at &+= 1
        }
        return limit
    }

    @inline(__always)
    static func valueEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        guard limit >= 16 else { return WordScanner.valueEnd(bytes, start, limit) }
        var at = start
        while at < limit {
            let control = mask(bytes, at, limit) { ($0 .< 0x20) .| ($0 .== 0x7F) }
            if control == 0 {
                at &+= 16
                continue
            }
            at &+= control.trailingZeroBitCount
            if bytes[at] != ASCII.tab { return at }
            at &+= 1
        }
        return limit
    }

    @inline(__always)
    static func targetEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        guard limit >= 16 else { return WordScanner.targetEnd(bytes, start, limit) }
        var at = start
        while at < limit {
            let other = mask(bytes, at, limit) { ($0 &- 0x21) .>= 0x5E }
            if other != 0 { return at &+ other.trailingZeroBitCount }
            at &+= 16
        }
        return limit
    }
}
#endif
