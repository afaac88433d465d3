// Recognises known header names without branching on them: one multiplication, one look-up.
//
// HeaderFields asks once per line. Names in real traffic come in every order, so a chain of
// comparisons costs a wrong guess of the processor at nearly each line. A name is taken as its
// first and last eight bytes, lower-cased by setting one bit: among token characters that is
// exact for names of letters, digits and "-".

/// A perfect hash over ``KnownHeader``'s names, in memory owned by the head object.
@safe
struct KnownHeaderTable: ~Copyable {
    private struct Entry {
        var first: UInt64 = 0
        var last: UInt64 = 0
        /// 0 in free slots, which no token has.
        var count = 0
        var header: UInt8 = 0xFF
    }

    /// What ``recognise(_:_:_:)`` answers for names it does not know.
    static var unknown: UInt8 { 0xFF }

    private static var slotBits: UInt64 { 6 }
    private static var fold: UInt64 { 0x2020_2020_2020_2020 }
    /// Found by trial: the names fall into 27 different slots. Checked at start and in a test.
    private static var multiplier: UInt64 { 0x6816_DE06_0A04_EF49 }

    private let slots: UnsafeMutablePointer<Entry>

    init() {
        let count = 1 << Int(Self.slotBits)
        unsafe slots = .allocate(capacity: count)
        unsafe slots.initialize(repeating: Entry(), count: count)
        for header in KnownHeader.allCases {
            let name = header.name
            let length = name.utf8CodeUnitCount
            let first = name.word(at: 0)
            let last = name.word(at: max(length, 8) - 8)
            let slot = Self.slot(first, last)
            precondition(unsafe slots[slot].count == 0, "two known headers share a slot")
            unsafe slots[slot] = Entry(
                first: first, last: last, count: length, header: header.rawValue)
        }
    }

    deinit {
        // Trivial elements: nothing to deinitialise.
        unsafe slots.deallocate()
    }

    @inline(__always)
    private static func slot(_ first: UInt64, _ last: UInt64) -> Int {
        let mixed = (first ^ (last &<< 23 | last &>> 41)) &* multiplier
        return Int(truncatingIfNeeded: mixed &>> (64 &- slotBits))
    }

    /// The raw value of the header named by the token `bytes[start ..< start + count]`.
    @inline(__always)
    func recognise(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt8 {
        // A name of four or more bytes in a complete head has eight bytes from its start.
        guard count >= 4, start &+ 8 <= bytes.count else { return Self.unknown }
        let ones = ~UInt64(0) &>> UInt64(truncatingIfNeeded: 64 &- 8 &* min(count, 8))
        let first = (bytes.word(at: start) | Self.fold) & ones
        let last = (bytes.word(at: start &+ max(count, 8) &- 8) | Self.fold) & ones
        // In bounds: the slot has as many bits as the table has index bits.
        let entry = unsafe slots[Self.slot(first, last)]
        let differs = (entry.first ^ first) | (entry.last ^ last)
        let header = differs == 0 && entry.count == count ? entry.header : Self.unknown
        // Two words cover 16 bytes; the middle of a longer name is compared when they fit.
        if count > 16, header != Self.unknown { return confirmed(bytes, start, count, header) }
        return header
    }

    @inline(never)
    private func confirmed(
        _ bytes: Span<UInt8>, _ start: Int, _ count: Int, _ header: UInt8
    ) -> UInt8 {
        guard let known = KnownHeader(rawValue: header),
            ASCII.equalIgnoringCase(
                bytes, ByteRange(unchecked: start, to: start &+ count), known.name)
        else { return Self.unknown }
        return header
    }
}
