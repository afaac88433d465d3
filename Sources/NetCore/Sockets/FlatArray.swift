// Plain values in memory of their own, fixed when made: read on the hot path without counting
// references or copying. For tables that are built once and looked up for ever.

import Glibc

/// A fixed array of trivial values.
@safe  // owns its memory; every index is checked
package struct FlatArray<Element: BitwiseCopyable>: ~Copyable {
    private let memory: UnsafeMutablePointer<Element>
    package let count: Int

    package init(_ elements: [Element]) {
        count = elements.count
        unsafe memory = .allocate(capacity: max(1, elements.count))
        for (index, element) in elements.enumerated() {
            unsafe (memory + index).initialize(to: element)
        }
    }

    deinit { unsafe memory.deallocate() }

    @inline(__always)
    package subscript(index: Int) -> Element {
        // In place: a copy of a whole element for one of its fields would cost more than the look.
        @inline(__always)
        unsafeAddress {
            precondition(index >= 0 && index < count)
            return unsafe UnsafePointer(memory + index)
        }
    }

    /// The elements in place, for a comparison.
    @inline(__always)
    func withElements<Value>(_ body: (UnsafeBufferPointer<Element>) -> Value) -> Value {
        unsafe body(UnsafeBufferPointer(start: memory, count: count))
    }

    /// The elements, for code that has checked its indices where the array was built.
    @inline(__always)
    var base: UnsafePointer<Element> { unsafe UnsafePointer(memory) }
}

extension FlatArray<UInt8> {
    /// Whether these are the same bytes.
    package func isEqual(to bytes: Span<UInt8>) -> Bool {
        guard bytes.count == count else { return false }
        return unsafe bytes.withUnsafeBufferPointer { other in
            guard let start = other.baseAddress else { return true }
            return unsafe memcmp(start, base, count) == 0
        }
    }
}
