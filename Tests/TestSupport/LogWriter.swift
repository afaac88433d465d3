// Writes and rotates a log as the monitor does: whole writes, a time index beside each file, and
// rotation by renaming.

import Glibc

/// The writer of one log.
package final class LogWriter: @unchecked Sendable {
    // Used by one thread at a time: the test's own, or the one it starts and waits for.
    package let path: String
    private var file: Int32 = -1
    private var times: Int32 = -1
    private var size: UInt64 = 0
    /// Rotated files that are kept.
    private static let rotated = 4

    package init(_ path: String) {
        self.path = path
        open()
    }

    deinit {
        _ = close(file)
        _ = close(times)
    }

    package func write(_ text: String) { write(Array(text.utf8)) }

    package func write(_ bytes: [UInt8]) {
        var now = timespec()
        // The pointer is to a local.
        _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
        let time = UInt64(now.tv_sec) * 1_000 + UInt64(now.tv_nsec) / 1_000_000
        put(times, [size, time].flatMap { word in (0..<8).map { UInt8(word >> ($0 * 8) & 255) } })
        put(file, bytes)
        size += UInt64(bytes.count)
    }

    package func rotate() {
        for number in (0..<LogWriter.rotated).reversed() {
            for ending in ["", ".times"] {
                _ = unsafe rename(name(number) + ending, name(number + 1) + ending)
            }
        }
        _ = close(file)
        _ = close(times)
        open()
    }

    private func name(_ number: Int) -> String { number == 0 ? path : "\(path).\(number)" }

    private func put(_ descriptor: Int32, _ bytes: [UInt8]) {
        var written = 0
        while written < bytes.count {
            // The rest of the array, and its true size.
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            precondition(count > 0)
            written += count
        }
    }

    private func open() {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
        file = unsafe Glibc.open(path, flags, 0o600)
        times = unsafe Glibc.open(path + ".times", flags, 0o600)
        precondition(file >= 0 && times >= 0)
        size = UInt64(lseek(file, 0, SEEK_END))
    }
}
