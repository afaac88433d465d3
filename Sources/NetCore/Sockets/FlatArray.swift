// Plain values in memory of their own, fixed when made: read on the hot path without counting
// references or copying. For tables that are built once and looked up for ever.

/// A fixed array of trivial values.
@safe  // owns its memory; every index is checked
struct FlatArray<Element: BitwiseCopyable>: ~Copyable {
    private let memory: UnsafeMutablePointer<Element>
    let count: Int

    init(_ elements: [Element]) {
        count = elements.count
        unsafe memory = .allocate(capacity: max(1, elements.count))
        for (index, element) in elements.enumerated() {
            unsafe (memory + index).initialize(to: element)
        }
    }

    deinit { unsafe memory.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Element {
        precondition(index >= 0 && index < count)
        return unsafe memory[index]
    }
}
