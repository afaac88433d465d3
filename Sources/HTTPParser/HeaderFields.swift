// The header lines of one head as ranges, in a fixed table: no strings, no allocation a message.
//
// RequestHead and ResponseHead each own one and fill it in a single pass. The pass only says yes
// or no: the reason of a refusal comes from HeadScan, which walks the same grammar byte by byte.

/// Header lines in order of arrival, and where the known ones stand.
struct HeaderFields: ~Copyable {
    /// The most lines the table holds.
    static var capacity: Int { 100 }

    private let table = FieldTable()
    private let names = KnownHeaderTable()
    /// The known headers seen at least once, as ``KnownHeader/bit``.
    private(set) var present: UInt32 = 0
    /// Those seen more than once.
    private(set) var repeated: UInt32 = 0
    private(set) var count = 0

    func name(_ line: Int) -> ByteRange { table[line].name }

    func value(_ line: Int) -> ByteRange { table[line].value }

    /// The first line with this name, O(1).
    @inline(__always)
    func value(of header: KnownHeader) -> ByteRange? {
        guard present & header.bit != 0 else { return nil }
        return table[known: header.rawValue]
    }

    /// How many lines have this name.
    func count(of known: KnownHeader) -> Int {
        guard repeated & known.bit != 0 else { return present & known.bit != 0 ? 1 : 0 }
        var lines = 0
        for i in 0..<count where table[i].known == known.rawValue { lines += 1 }
        return lines
    }

    /// True when line `index` is a `known` one.
    func isLine(_ index: Int, _ known: KnownHeader) -> Bool { table[index].known == known.rawValue }

    /// Reads lines from `start`, which has eight bytes in front, to the empty line. `controls`
    /// stands behind the line end before `start`. Returns the offset behind the empty line, nil
    /// when `bytes` are not a complete and valid section of at most `most` lines.
    @inline(__always)
    mutating func fill<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, from start: Int, most: Int, controls: consuming ControlCursor<Scanner>
    ) -> Int? {
        // What the unchecked loads below rest on: eight bytes stand before every line, and within
        // a line at < end, with a CR at `end`, which ends every search, and a byte behind it.
        precondition(start >= 8)
        var at = start
        var line = 0
        var seen: UInt32 = 0
        var again: UInt32 = 0
        while true {
            let end = controls.advance(bytes)
            guard end &+ 2 <= bytes.count else { return nil }
            guard bytes.pair(at: end) == 0x0A0D else {
                if bytes[end] == ASCII.tab { continue }
                return nil
            }
            controls.skipLineFeed(after: end)
            if end <= at { break }
            // The line end stops the search at the latest. A rare character asks for a closer look.
            var colon = Scanner.plainEnd(bytes, at, bytes.count)
            if bytes.byte(proven: colon) != 0x3A {
                colon = Self.rareNameEnd(bytes, colon, with: Scanner.self)
                guard bytes[colon] == 0x3A else { return nil }
            }
            guard line < most, colon > at else { return nil }
            // A name of one or two bytes may lack the eight bytes that recognition reads.
            let known =
                at &+ 8 <= bytes.count
                ? names.recognise(bytes, at, colon &- at) : KnownHeaderTable.unknown
            let value = Self.value(bytes, colon &+ 1, end)
            table[line] = Field(
                name: ByteRange(unchecked: at, to: colon), value: value, known: known)
            // Without a branch: an unknown name has no bit, a repeated one goes to a spare slot.
            let bit: UInt32 = known == KnownHeaderTable.unknown ? 0 : 1 &<< UInt32(known)
            table[known: seen & bit == 0 ? known : KnownHeaderTable.unknown] = value
            again |= seen & bit
            seen |= bit
            line &+= 1
            at = end &+ 2
        }
        count = line
        present = seen
        repeated = again
        return at &+ 2
    }

    /// The end of a name of which all before `start` are token characters. A byte that is none
    /// follows within `bytes`.
    @inline(never)
    private static func rareNameEnd<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, _ start: Int, with: Scanner.Type
    ) -> Int {
        Scanner.nameEnd(bytes, start, bytes.count)
    }

    /// `from ..< end` without white space at its ends. A colon stands before `from`, a CR at `end`:
    /// the first three loads are in bounds.
    @inline(__always)
    private static func value(_ bytes: Span<UInt8>, _ from: Int, _ end: Int) -> ByteRange {
        // Nearly always one space in front and none behind.
        let start = bytes.byte(proven: from) == ASCII.space ? from &+ 1 : from
        if bytes.byte(proven: start) > ASCII.space,
            bytes.byte(proven: end &- 1) > ASCII.space
        {
            return ByteRange(unchecked: start, to: end)
        }
        let part = ASCII.trimmed(bytes, from, end)
        return ByteRange(unchecked: part.lowerBound, to: part.upperBound)
    }
}
