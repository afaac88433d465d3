// A piece of memory with a length: what finished answers, event frames and unsent bytes are kept
// in. A chunk that several queues share must not be appended to any more.

/// Counted bytes in memory of their own.
@safe  // owns its memory; every access is checked against `capacity` or `count`
package final class ByteChunk {
    private let memory: UnsafeMutablePointer<UInt8>
    package let capacity: Int
    package private(set) var count = 0

    package init(capacity: Int) {
        self.capacity = max(capacity, 16)
        unsafe memory = .allocate(capacity: max(capacity, 16))
    }

    package convenience init(_ bytes: [UInt8]) {
        self.init(capacity: bytes.count)
        append(bytes.span)
    }

    deinit { unsafe memory.deallocate() }

    package var room: Int { capacity - count }

    /// Appends; the caller made sure of the room.
    package func append(_ bytes: Span<UInt8>) {
        precondition(bytes.count <= room)
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe (memory + count).update(from: start, count: source.count)
        }
        count += bytes.count
    }

    /// Drops the first `dropped` bytes.
    package func removeFirst(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= count)
        unsafe memory.update(from: memory + dropped, count: count - dropped)
        count -= dropped
    }

    /// The bytes from `start` on, for a system call or a copy.
    @inline(__always)
    func withBytes<Value>(
        from start: Int = 0, _ body: (UnsafeBufferPointer<UInt8>) -> Value
    ) -> Value {
        precondition(start >= 0 && start <= count)
        return unsafe body(UnsafeBufferPointer(start: memory + start, count: count - start))
    }

    package func withSpan<Value>(_ body: (Span<UInt8>) -> Value) -> Value {
        unsafe body(Span(_unsafeElements: UnsafeBufferPointer(start: memory, count: count)))
    }
}
