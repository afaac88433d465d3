// The one parsed head of a server, at an address that never changes: the connection parses into it,
// the exchange reads from it, and neither counts a reference for that.

internal import HTTPParser

/// Memory of one RequestHead.
@safe  // owns its memory, initialised for as long as it lives
struct HeadMemory: ~Copyable {
    let pointer: UnsafeMutablePointer<RequestHead>

    init() {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: RequestHead())
    }

    deinit {
        unsafe pointer.deinitialize(count: 1)
        unsafe pointer.deallocate()
    }
}
