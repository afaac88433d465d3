// A file that somebody else appends to, read from its last lines on: the daemon's log in
// `gr daemon logs`. Follows a file that is cut or replaced. For a client command; it blocks.

import Glibc

/// The end of a file, and what comes behind it.
package final class GrowingFile {
    private let path: String
    private var descriptor: Int32
    private var offset: off_t = 0

    /// How far from its end a file is looked at for the last lines.
    private static let tailMost: off_t = 1 << 20
    private static let chunkBytes = 64 << 10

    /// Nil when it cannot be opened.
    package init?(_ path: String) {
        self.path = path
        descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// The last `count` lines there are now.
    package func lastLines(_ count: Int) -> [UInt8] {
        let size = size()
        offset = max(0, size - Self.tailMost)
        let isCut = offset > 0
        var bytes = rest(to: size)
        if isCut, let end = bytes.firstIndex(of: 0x0A) { bytes.removeFirst(end + 1) }
        var left = count
        // The end of the last line is not the begin of another.
        for index in bytes.indices.dropLast().reversed() where bytes[index] == 0x0A {
            left -= 1
            if left == 0 { return Array(bytes[(index + 1)...]) }
        }
        return count > 0 ? bytes : []
    }

    /// What came since, a bounded part at a time; waits up to `milliseconds` for it.
    package func next(within milliseconds: Int32) -> [UInt8] {
        for isLast in [false, true] {
            // Asked first: what is read then is all there ever was in a file that was moved.
            let hasGone = hasGone
            if size() < offset { reopen() }
            var bytes = rest(to: offset + off_t(Self.chunkBytes))
            if bytes.isEmpty, hasGone {
                reopen()
                bytes = rest(to: offset + off_t(Self.chunkBytes))
            }
            if !bytes.isEmpty || isLast { return bytes }
            _ = poll(nil, 0, milliseconds)
        }
        return []
    }

    private func size() -> off_t {
        var status = stat()
        // The pointer is to a local.
        return unsafe fstat(descriptor, &status) == 0 ? status.st_size : 0
    }

    /// Another file has the name by now.
    private var hasGone: Bool {
        var mine = stat()
        var named = stat()
        // The pointers are to locals.
        guard unsafe (fstat(descriptor, &mine) == 0 && lstat(path, &named) == 0) else {
            return false
        }
        return mine.st_ino != named.st_ino || mine.st_dev != named.st_dev
    }

    private func reopen() {
        let opened = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else { return }
        close(descriptor)
        descriptor = opened
        offset = 0
    }

    private func rest(to end: off_t) -> [UInt8] {
        var found: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        while offset < end {
            // The kernel writes at most the array's count.
            let count = unsafe pread(descriptor, &chunk, chunk.count, offset)
            guard count > 0 else { break }
            found += chunk[..<count]
            offset += off_t(count)
        }
        return found
    }
}
