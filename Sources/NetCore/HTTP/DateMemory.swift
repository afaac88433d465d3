// The 29 bytes of the Date header, rendered once a second and copied into every answer.

/// The current date in its final bytes.
@safe  // owns 29 initialised bytes
struct DateMemory: ~Copyable {
    private let memory: UnsafeMutablePointer<UInt8>

    init() {
        unsafe memory = .allocate(capacity: HTTPServer.dateCount)
        unsafe memory.initialize(repeating: 0x20, count: HTTPServer.dateCount)
    }

    deinit { unsafe memory.deallocate() }

    /// Replaces the bytes; anything but 29 of them is ignored.
    func set(_ bytes: [UInt8]) {
        guard bytes.count == HTTPServer.dateCount else { return }
        for (index, byte) in bytes.enumerated() { unsafe memory[index] = byte }
    }

    @inline(__always)
    var bytes: UnsafeBufferPointer<UInt8> {
        unsafe UnsafeBufferPointer(start: memory, count: HTTPServer.dateCount)
    }
}
