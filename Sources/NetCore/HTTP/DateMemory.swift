// The 29 bytes of the Date header, rendered once a second and copied into every answer.

internal import HTTPParser

/// The current date in its final bytes.
@safe  // owns 29 initialised bytes
struct DateMemory: ~Copyable {
    private let memory: UnsafeMutablePointer<UInt8>

    init() {
        unsafe memory = .allocate(capacity: HTTPServer.dateCount)
        unsafe memory.initialize(repeating: 0x20, count: HTTPServer.dateCount)
    }

    deinit { unsafe memory.deallocate() }

    /// Renders the date in place.
    func render(secondsSince1970 seconds: Int) {
        let room = unsafe UnsafeMutableBufferPointer(start: memory, count: HTTPServer.dateCount)
        var output = unsafe OutputSpan(buffer: room, initializedCount: 0)
        HTTPDate.write(secondsSince1970: seconds, into: &output)
        _ = unsafe output.finalize(for: room)
    }

    @inline(__always)
    var bytes: UnsafeBufferPointer<UInt8> {
        unsafe UnsafeBufferPointer(start: memory, count: HTTPServer.dateCount)
    }
}
