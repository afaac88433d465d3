// The header lines of one head as ranges, in a fixed table: no allocation, no strings.
//
// RequestHead and ResponseHead each own one and fill it in a single pass. The pass only says yes
// or no: the reason of a refusal comes from HeadScan, which walks the same grammar byte by byte.

/// Header lines in order of arrival, and where the known ones stand.
struct HeaderFields: ~Copyable {
    /// The most lines the table holds.
    static var capacity: Int { 100 }

    private static var unknown: UInt8 { 0xFF }

    struct Field: BitwiseCopyable {
        var name: ByteRange
        var value: ByteRange
    }

    private var table = InlineArray<100, Field>(
        repeating: Field(name: ByteRange(), value: ByteRange()))
    /// For each line the raw value of its known header, or ``unknown``.
    private var header = InlineArray<100, UInt8>(repeating: 0)
    /// For each known header its first line; meaningful where `present` has the bit.
    private var first = InlineArray<32, UInt8>(repeating: 0)
    /// The known headers seen at least once, as ``KnownHeader/bit``.
    private(set) var present: UInt32 = 0
    /// Those seen more than once.
    private(set) var repeated: UInt32 = 0
    private(set) var count = 0

    subscript(_ index: Int) -> Field { table[index] }

    /// The first line with this name, O(1).
    @inline(__always)
    func value(of header: KnownHeader) -> ByteRange? {
        guard present & header.bit != 0 else { return nil }
        return table[Int(first[Int(header.rawValue)])].value
    }

    /// How many lines have this name.
    func count(of known: KnownHeader) -> Int {
        guard repeated & known.bit != 0 else { return present & known.bit != 0 ? 1 : 0 }
        var lines = 0
        for i in 0..<count where header[i] == known.rawValue { lines += 1 }
        return lines
    }

    /// True when line `index` is a `known` one.
    func isLine(_ index: Int, _ known: KnownHeader) -> Bool { header[index] == known.rawValue }

    /// Reads lines from `start` to the empty line. Returns the offset behind it, nil when the
    /// bytes before `limit` are not a complete and valid section of at most `most` lines.
    @inline(__always)
    mutating func fill<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, from start: Int, limit: Int, most: Int, with: Scanner.Type
    ) -> Int? {
        var at = start
        var line = 0
        var seen: UInt32 = 0
        var again: UInt32 = 0
        while at &+ 2 <= limit {
            if bytes.pair(at: at) == 0x0A0D {
                count = line
                present = seen
                repeated = again
                return at &+ 2
            }
            guard line < most else { return nil }
            let colon = Scanner.nameEnd(bytes, at, limit)
            guard colon > at, colon < limit, bytes[colon] == 0x3A else { return nil }
            let from = colon &+ 1
            let end = Scanner.valueEnd(bytes, from, limit)
            guard end &+ 2 <= limit, bytes.pair(at: end) == 0x0A0D else { return nil }
            let value = ASCII.trimmed(bytes, from, end)
            table[line] = Field(
                name: ByteRange(from: at, to: colon),
                value: ByteRange(from: value.lowerBound, to: value.upperBound))
            if let known = KnownHeader.recognise(bytes, at, colon &- at) {
                again |= seen & known.bit
                if seen & known.bit == 0 {
                    first[Int(known.rawValue)] = UInt8(truncatingIfNeeded: line)
                }
                seen |= known.bit
                header[line] = known.rawValue
            } else {
                header[line] = Self.unknown
            }
            line &+= 1
            at = end &+ 2
        }
        return nil
    }
}
