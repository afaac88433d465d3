// Memory that bytes pass through on their way between two sockets: one for all pairs of them, since
// each is done with it before the next has its turn. So an idle pair owns none.

/// A fixed piece of memory.
@safe  // owns its memory; every access is checked against `capacity`
package final class WorkingMemory {
    private let memory: UnsafeMutablePointer<UInt8>
    package let capacity: Int

    package init(capacity: Int) {
        self.capacity = max(capacity, 16)
        unsafe memory = .allocate(capacity: self.capacity)
        unsafe memory.initialize(repeating: 0, count: self.capacity)
    }

    deinit { unsafe memory.deallocate() }

    /// The bytes of `range`, to be changed.
    package func change<Value>(
        _ range: Range<Int>, _ body: (inout MutableSpan<UInt8>) -> Value
    ) -> Value {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        let part = unsafe UnsafeMutableBufferPointer(
            start: memory + range.lowerBound, count: range.count)
        var span = unsafe MutableSpan(_unsafeElements: part)
        return body(&span)
    }

    /// The bytes of `range`.
    package func look<Value>(_ range: Range<Int>, _ body: (Span<UInt8>) -> Value) -> Value {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        let part = unsafe UnsafeBufferPointer(start: memory + range.lowerBound, count: range.count)
        return body(unsafe Span(_unsafeElements: part))
    }
}
