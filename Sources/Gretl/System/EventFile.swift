// The file events are written to before anybody is told of them: a header, then one line after the
// other, never synced. What write has taken survives the end of this process however it comes; a
// power cut may take the end of it, which a start notices by the boot id in the header. The other
// mark in the header, changed in place, says that not everything could be written. Called by
// EventLog; `append` on the reactor, everything else at the start or on the background thread.

import Glibc

/// The newest of two files, `PATH` and the one before it, `PATH.1`.
///
/// `@unchecked`: made on the background thread, used on the reactor from then on.
package final class EventFile: @unchecked Sendable {
    /// What the first line says.
    package struct Header: Equatable, Sendable {
        /// The boot of the machine in which it was begun.
        package var boot: String
        /// The id its first event would have.
        package var nextID: Int64
        /// Every event since then is in it.
        package var isWhole = true

        package init(boot: String, nextID: Int64) {
            self.boot = boot
            self.nextID = nextID
        }

        fileprivate var line: [UInt8] {
            Array("gretl-events 1 \(boot) \(nextID) \(isWhole ? "ok" : "no")\n".utf8)
        }

        fileprivate init?(_ line: ArraySlice<UInt8>) {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ")
            guard words.count == 5, words[0] == "gretl-events", words[1] == "1",
                let nextID = Int64(words[3]), nextID > 0
            else { return nil }
            boot = String(words[2])
            self.nextID = nextID
            isWhole = words[4] == "ok"
        }
    }

    /// What both files hold.
    package struct Contents: Sendable {
        /// Of the newer file; nil when there is none, or none that can be read.
        package var header: Header?
        package var older: [UInt8] = []
        /// The lines behind the header.
        package var newer: [UInt8] = []
        fileprivate var headerCount = 0
    }

    private let descriptor: Int32
    private var size: Int64
    private let markOffset: Int64
    /// Whether the header still says that everything is there.
    package private(set) var isWhole = true

    private init(_ descriptor: Int32, size: Int64, markOffset: Int64) {
        self.descriptor = descriptor
        self.size = size
        self.markOffset = markOffset
    }

    deinit { _ = close(descriptor) }

    // MARK: Start

    /// Reads what is there, after finishing a change of files that was interrupted.
    package static func read(_ path: String, limit: Int) throws(FileError) -> Contents {
        var contents = Contents()
        if try PrivateFile.sizeIfPresent(path + ".next") != nil {
            let next = try PrivateFile.read(path + ".next", limit: limit)
            let line = next.prefix { $0 != 0x0A }
            if line.count < next.count, Header(line) != nil {
                try advance(path)
            } else {
                // It was just being made.
                try PrivateFile.remove(path + ".next")
            }
        }
        if try PrivateFile.sizeIfPresent(path + ".1") != nil {
            contents.older = try PrivateFile.read(path + ".1", limit: limit)
        }
        guard try PrivateFile.sizeIfPresent(path) != nil else { return contents }
        contents.newer = try PrivateFile.read(path, limit: limit)
        if let end = contents.newer.firstIndex(of: 0x0A),
            let header = Header(contents.newer[..<end])
        {
            contents.header = header
            contents.headerCount = end + 1
            contents.newer.removeFirst(end + 1)
        }
        return contents
    }

    /// Goes on with the newer file behind the first `count` bytes of its lines.
    package static func resume(
        _ path: String, _ contents: Contents, count: Int
    ) throws(FileError) -> EventFile {
        let file = unsafe open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .failed("open", path, errno) }
        let size = Int64(contents.headerCount + count)
        guard ftruncate(file, off_t(size)) == 0 else {
            let code = errno
            _ = close(file)
            throw .failed("shorten", path, code)
        }
        return EventFile(file, size: size, markOffset: Int64(contents.headerCount - 3))
    }

    /// Begins a file with `lines` in the place of both.
    package static func replace(
        _ path: String, _ header: Header, lines: [UInt8]
    ) throws(FileError) -> EventFile {
        let file = try begin(path + ".next", header, lines: lines)
        guard unsafe rename(path + ".next", path) == 0 else {
            throw .failed("replace", path, errno)
        }
        try PrivateFile.remove(path + ".1")
        return file
    }

    // MARK: Change of files

    /// Begins the next file, at `PATH.next`. `advance` follows once nothing is written to the old.
    package static func prepare(
        _ path: String, _ header: Header
    ) throws(FileError) -> EventFile {
        try begin(path + ".next", header, lines: [])
    }

    /// The next file becomes the newer, the newer the one before it.
    package static func advance(_ path: String) throws(FileError) {
        if unsafe rename(path, path + ".1") != 0, errno != ENOENT {
            throw .failed("rename", path, errno)
        }
        guard unsafe rename(path + ".next", path) == 0 else {
            throw .failed("rename", path + ".next", errno)
        }
    }

    private static func begin(
        _ path: String, _ header: Header, lines: [UInt8]
    ) throws(FileError) -> EventFile {
        // Not one that is there: it may be a link somebody planted.
        try PrivateFile.remove(path)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = unsafe open(path, flags, 0o600)
        guard file >= 0 else { throw .failed("create", path, errno) }
        let first = header.line
        let made = EventFile(file, size: 0, markOffset: Int64(first.count - 3))
        guard made.write(first + lines) else { throw .failed("write", path, errno) }
        return made
    }

    // MARK: Writing

    /// Adds lines: all of them, or none. False when that failed; from then on the header says so.
    package func append(_ lines: [UInt8]) -> Bool {
        if size + Int64(lines.count) <= Int64(EventLimits.fileBytes / 2), write(lines) {
            return true
        }
        _ = ftruncate(descriptor, off_t(size))
        markIncomplete()
        return false
    }

    /// From now on a start cannot rely on the file's end.
    package func markIncomplete() {
        guard isWhole else { return }
        isWhole = false
        // In place, where no space is needed. Should even that fail, an empty file says the same.
        let word = Array("no".utf8)
        if unsafe pwrite(descriptor, word, word.count, off_t(markOffset)) != word.count {
            _ = ftruncate(descriptor, 0)
            size = 0
        }
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            // The pointer is used inside the closure, and the range is inside the array.
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe pwrite(
                    descriptor, $0.baseAddress, $0.count, off_t(size) + off_t(written))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        size += Int64(written)
        return true
    }
}
