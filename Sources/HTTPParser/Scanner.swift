// The byte searches a head is made of, and the portable way to do them.
//
// HeaderFields and RequestHead are generic over a scanner: VectorScanner on x86-64, WordScanner
// (eight bytes at a time in a plain integer) elsewhere. Both must give the same answers for all
// bytes; ScannerTests holds them against each other. Nothing here reads at or behind `limit`.

/// Searches over `bytes[start ..< limit]`.
protocol ByteScanner {
    /// The first byte that is neither letter, digit, "-" nor ".", or `limit`.
    static func plainEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int
    /// The first byte that is neither letter, digit, "-", ".", "/", ":" nor "_", or `limit`.
    static func pathEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int
    /// The first byte that is not printable ASCII, SP counting as not printable, or `limit`.
    static func targetEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int

    /// How many bytes ``controls(_:_:_:)`` looks at.
    static var blockBytes: Int { get }
    /// How many bits it has for each byte, as a power of two.
    static var bitsShift: Int { get }
    /// The control bytes (HTAB and DEL among them) of the block from `start`: one bit each in
    /// ascending order. Bytes from `limit` on count as none. `start` is below `limit`.
    static func controls(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> UInt64
}

extension ByteScanner {
    /// The first byte that is no token character, or `limit`.
    @inline(__always)
    static func nameEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        var at = plainEnd(bytes, start, limit)
        // Usually the colon; else a rarer token character, one at a time.
        while at < limit, bytes[at] != 0x3A, ASCII.token.contains(bytes[at]) {
            at = plainEnd(bytes, at &+ 1, limit)
        }
        return at
    }
}

#if arch(x86_64) && !PORTABLE_SCANNER
    typealias NativeScanner = VectorScanner
#else
    typealias NativeScanner = WordScanner
#endif

/// Steps through the control bytes of a message in ascending order.
///
/// Line ends are found this way and names apart from them, so that the search for the next line
/// does not wait for what is done with this one.
struct ControlCursor<Scanner: ByteScanner> {
    private var base: Int
    private var pending: UInt64 = 0
    private var next: Int

    @inline(__always)
    init(from start: Int) {
        base = start
        next = start
    }

    /// The next control byte, or the end of `bytes`.
    @inline(__always)
    mutating func advance(_ bytes: Span<UInt8>) -> Int {
        while pending == 0 {
            guard next < bytes.count else { return bytes.count }
            base = next
            pending = Scanner.controls(bytes, base, bytes.count)
            next = base &+ Scanner.blockBytes
        }
        let found = base &+ (pending.trailingZeroBitCount &>> Scanner.bitsShift)
        pending &= pending &- 1
        return found
    }

    /// Steps over the line feed behind the carriage return that ``advance(_:)`` found at `end`.
    @inline(__always)
    mutating func skipLineFeed(after end: Int) {
        // With nothing pending the line feed is the first byte of the next block.
        if pending == 0 {
            next = end &+ 2
        } else {
            pending &= pending &- 1
        }
    }
}

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
    static func plainEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        var at = start
        while at &+ 8 <= limit {
            let word = bytes.word(at: at)
            let low = word & ~tops
            let folded = low | each(0x20)
            let letter = atLeast(folded, 0x61) & ~atLeast(folded, 0x7B)
            let digit = atLeast(low, 0x30) & ~atLeast(low, 0x3A)
            let mark = atLeast(low, 0x2D) & ~atLeast(low, 0x2F)
            let other = (~(letter | digit | mark) | word) & tops
            if other != 0 { return at &+ other.trailingZeroBitCount &>> 3 }
            at &+= 8
        }
        while at < limit, isPlain(bytes[at]) { at &+= 1 }
        return at
    }

    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || ASCII.isDigit(byte) || byte &- 0x2D < 2
    }

    @inline(__always)
    static func pathEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        var at = start
        while at &+ 8 <= limit {
            let word = bytes.word(at: at)
            let low = word & ~tops
            let folded = low | each(0x20)
            let letter = atLeast(folded, 0x61) & ~atLeast(folded, 0x7B)
            let mark = atLeast(low, 0x2D) & ~atLeast(low, 0x3B)
            let line = atLeast(low, 0x5F) & ~atLeast(low, 0x60)
            let other = (~(letter | mark | line) | word) & tops
            if other != 0 { return at &+ other.trailingZeroBitCount &>> 3 }
            at &+= 8
        }
        while at < limit, isPlain(bytes[at]) || bytes[at] &- 0x2D < 14 || bytes[at] == 0x5F {
            at &+= 1
        }
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

    static var blockBytes: Int { 8 }
    static var bitsShift: Int { 3 }

    @inline(__always)
    static func controls(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> UInt64 {
        if start &+ 8 <= limit {
            let word = bytes.word(at: start)
            let low = word & ~tops
            return (~atLeast(low, 0x20) | atLeast(low, 0x7F)) & ~word & tops
        }
        var found: UInt64 = 0
        for at in start..<limit where bytes[at] < 0x20 || bytes[at] == 0x7F {
            found |= 0x80 &<< UInt64(8 &* (at &- start))
        }
        return found
    }
}
