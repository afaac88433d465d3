// The three byte searches a head is made of, and the portable way to do them.
//
// HeaderFields and RequestHead are generic over a scanner: VectorScanner on x86-64, WordScanner
// (eight bytes at a time in a plain integer) elsewhere. Both must give the same answers for all
// bytes; ScannerTests holds them against each other. No search reads at or behind `limit`.

/// Searches over `bytes[start ..< limit]`. Each returns `limit` when nothing is found.
protocol ByteScanner {
    /// The first byte that is no token character.
    static func nameEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int
    /// The first control byte other than HTAB.
    static func valueEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int
    /// The first byte that is not printable ASCII, SP counting as not printable.
    static func targetEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int
}

#if arch(x86_64)
typealias NativeScanner = VectorScanner
#else
typealias NativeScanner = WordScanner
#endif

/// Eight bytes at a time. In each word a hit is the top bit of its byte; carries never cross
/// bytes because the top bits are cleared before each addition.
enum WordScanner: ByteScanner {
    @inline(__always)
    private static func each(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

    private static var tops: UInt64 { @inline(__always) get { 0x8080_8080_8080_8080 } }

    /// Bytes of `word` (top bits clear) that are at least `bound` (1...128).
    @inline(__always)
    private static func atLeast(_ word: UInt64, _ bound: UInt8) -> UInt64 {
        (word &+ each(0x80 &- bound)) & tops
    }

    @inline(__always)
    static func nameEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        var at = start
        while at &+ 8 <= limit {
            let word = bytes.word(at: at)
            let low = word & ~tops
            let folded = low | each(0x20)
            let letter = atLeast(folded, 0x61) & ~atLeast(folded, 0x7B)
            let digit = atLeast(low, 0x30) & ~atLeast(low, 0x3A)
            let dash = atLeast(low, 0x2D) & ~atLeast(low, 0x2E)
            let common = (letter | digit | dash) & ~(word & tops)
            let other = ~common & tops
            if other == 0 {
                at &+= 8
                continue
            }
            // Usually the colon; else a rarer token character, one at a time.
            at &+= other.trailingZeroBitCount &>> 3
            if !ASCII.token.contains(bytes[at]) { return at }
            at &+= 1
        }
        while at < limit, ASCII.token.contains(bytes[at]) { at &+= 1 }
        return at
    }

    @inline(__always)
    static func valueEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        var at = start
        while at &+ 8 <= limit {
            let word = bytes.word(at: at)
            let low = word & ~tops
            let control = (~atLeast(low, 0x20) | atLeast(low, 0x7F)) & ~word & tops
            if control == 0 {
                at &+= 8
                continue
            }
            at &+= control.trailingZeroBitCount &>> 3
            if bytes[at] != ASCII.tab { return at }
            at &+= 1
        }
        while at < limit, ASCII.isFieldValue(bytes[at]) { at &+= 1 }
        return at
    }

    @inline(__always)
    static func targetEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        var at = start
        while at &+ 8 <= limit {
            let word = bytes.word(at: at)
            let low = word & ~tops
            let other = (~atLeast(low, 0x21) | atLeast(low, 0x7F) | word) & tops
            if other != 0 { return at &+ other.trailingZeroBitCount &>> 3 }
            at &+= 8
        }
        while at < limit, bytes[at] &- 0x21 < 0x5E { at &+= 1 }
        return at
    }
}
