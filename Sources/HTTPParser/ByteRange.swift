// A part of a message as offsets: what the parsers give out instead of strings or slices.
//
// Handlers keep ranges next to the bytes they point into. A range says nothing about which bytes
// those are: it must never be used with another message's buffer.

/// A run of bytes in a message head, counted from the start of the message.
///
/// Heads are bounded by ``HeadLimits/headMost``, so 16 bits are enough.
package struct ByteRange: BitwiseCopyable, Equatable, Sendable {
    /// The offset of the first byte.
    package var start: UInt16
    /// The number of bytes.
    package var count: UInt16

    package init(start: UInt16, count: UInt16) {
        self.start = start
        self.count = count
    }

    /// An empty range at offset 0.
    package init() {
        self.init(start: 0, count: 0)
    }

    /// The offsets `from ..< to`; values beyond 16 bits are cut to the last offset.
    @inline(__always)
    package init(from: Int, to: Int) {
        let first = UInt16(truncatingIfNeeded: max(0, min(from, 0xFFFF)))
        let last = UInt16(truncatingIfNeeded: max(0, min(to, 0xFFFF)))
        self.init(start: first, count: last > first ? last &- first : 0)
    }

    /// The offsets `from ..< to`, which the caller knows to be in order and to fit 16 bits.
    @inline(__always)
    init(unchecked from: Int, to: Int) {
        self.init(
            start: UInt16(truncatingIfNeeded: from), count: UInt16(truncatingIfNeeded: to &- from))
    }

    /// True when the range covers no byte.
    package var isEmpty: Bool { count == 0 }

    /// The offset of the first byte.
    @inline(__always)
    package var lower: Int { Int(start) }

    /// The offset behind the last byte.
    @inline(__always)
    package var end: Int { Int(start) &+ Int(count) }

    /// The same range, cut to a buffer of `count` bytes: no offset of it traps there.
    @inline(__always)
    func clamped(to count: Int) -> Range<Int> {
        let last = min(end, count)
        return min(lower, last)..<last
    }
}
