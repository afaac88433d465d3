// What is kept of output that may be endless: its first bytes and its last, and how many came in
// all. Used for the output of programs; memory is bounded whatever they write.

/// The ends of a stream of bytes.
package struct HeadAndTail: Sendable, Equatable {
    package private(set) var head: [UInt8] = []
    private var ring: [UInt8] = []
    /// Where the oldest byte of a full ring stands.
    private var oldest = 0
    /// Bytes that came.
    package private(set) var total = 0
    private let headMost: Int
    private let tailMost: Int

    package init(head: Int, tail: Int) {
        headMost = max(0, head)
        tailMost = max(0, tail)
    }

    /// The last bytes of what `head` has not.
    package var tail: [UInt8] { Array(ring[oldest...] + ring[..<oldest]) }

    /// Bytes between the two that were not kept.
    package var cut: Int { total - head.count - ring.count }

    package mutating func append(_ bytes: ArraySlice<UInt8>) {
        total += bytes.count
        let room = min(headMost - head.count, bytes.count)
        head += bytes.prefix(room)
        var rest = bytes.dropFirst(room).suffix(tailMost)
        let free = min(tailMost - ring.count, rest.count)
        ring += rest.prefix(free)
        rest = rest.dropFirst(free)
        // The ring is full from here on.
        for byte in rest {
            ring[oldest] = byte
            oldest = oldest + 1 == tailMost ? 0 : oldest + 1
        }
    }
}
