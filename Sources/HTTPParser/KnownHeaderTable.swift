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
        /// The last eight bytes, or the whole of a shorter name.
        var last: UInt64 = 0
        /// The first eight bytes of a name of more than eight, else 0 like its mask.
        var first: UInt64 = 0
        var firstMask: UInt64 = 0
        /// 0 in free slots, which no token has.
        var count: UInt32 = 0
        var header: UInt8 = 0xFF
    }

    /// What ``recognise(_:_:_:)`` answers for names it does not know.
    static var unknown: UInt8 { 0xFF }

    private static var slotBits: UInt64 { 6 }
    private static var fold: UInt64 { 0x2020_2020_2020_2020 }
    /// Found by trial: the names fall into different slots. Checked at start.
    private static var multiplier: UInt64 { 0x0E72_C596_447D_1661 }

    private let slots: UnsafeMutablePointer<Entry>

    init() {
        let count = 1 << Int(Self.slotBits)
        unsafe slots = .allocate(capacity: count)
        unsafe slots.initialize(repeating: Entry(), count: count)
        for header in KnownHeader.allCases {
            let name = header.name
            let length = name.utf8CodeUnitCount
            let last = name.word(at: max(length, 8) - 8)
            let slot = Self.slot(last)
            precondition(unsafe slots[slot].count == 0, "two known headers share a slot")
            unsafe slots[slot] = Entry(
                last: last, first: length > 8 ? name.word(at: 0) : 0,
                firstMask: length > 8 ? .max : 0, count: UInt32(length), header: header.rawValue)
        }
    }

    deinit {
        // Trivial elements: nothing to deinitialise.
        unsafe slots.deallocate()
    }

    @inline(__always)
    private static func slot(_ last: UInt64) -> Int {
        Int(truncatingIfNeeded: (last &* multiplier) &>> (64 &- slotBits))
    }

    /// The raw value of the header named by the token `bytes[start ..< start + count]`, which is
    /// not empty, starts behind eight bytes of its message, and has eight from its start on.
    @inline(__always)
    func recognise(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt8 {
        let shift = UInt64(truncatingIfNeeded: 64 &- 8 &* min(count, 8))
        // Both are proven by what the caller promises.
        let last = (bytes.word(proven: start &+ count &- 8) | Self.fold) &>> shift
        let first = bytes.word(proven: start) | Self.fold
        // In bounds: the slot has as many bits as the table has index bits.
        let entry = unsafe slots[Self.slot(last)]
        let differs =
            (entry.last ^ last) | ((first & entry.firstMask) ^ entry.first)
            | UInt64(entry.count ^ UInt32(truncatingIfNeeded: count))
        let header = differs == 0 ? entry.header : Self.unknown
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
