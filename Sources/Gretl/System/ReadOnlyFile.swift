// A file that is only read, and may be anything: what a program's output was written to, at a path
// a user may have chosen. Links are not followed and a FIFO does not hang; what is no regular file
// is refused. Blocking calls: for the storage thread.

import Glibc
package import NetCore

/// An open regular file.
package struct ReadOnlyFile: ~Copyable {
    private let descriptor: Int32
    /// As they were when it was opened.
    package let facts: FileFacts

    /// Nil when there is no such file, or one that must not be read.
    package init?(_ path: String) {
        let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let file = unsafe open(path, flags)
        guard file >= 0 else { return nil }
        guard let facts = try? FileFacts(of: file), facts.isRegular else {
            _ = close(file)
            return nil
        }
        descriptor = file
        self.facts = facts
    }

    deinit { _ = close(descriptor) }

    /// At most `count` bytes from `offset` on; fewer at the end of the file or on an error.
    package func read(at offset: Int64, count: Int) -> [UInt8] {
        guard count > 0, offset >= 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { memory, filled in
            while filled < count {
                // The rest of the memory, and its true size.
                let moved = unsafe pread(
                    descriptor, memory.baseAddress! + filled, count - filled,
                    off_t(offset) + off_t(filled))
                if moved < 0 && errno == EINTR { continue }
                guard moved > 0 else { return }
                filled += moved
            }
        }
    }
}
