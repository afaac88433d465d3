// Files only their owner may read or write. Used by the home folder, the database and the
// configuration; the mode is set explicitly, so the umask does not matter. Links are not followed:
// a planted one must not make us write elsewhere. Everything here may block: it is for the start
// and for the storage thread.

import Glibc

/// Reads and writes files of ours.
package enum PrivateFile {
    /// Owner, mode and kind, as far as they decide whether a file may be used.
    struct Facts {
        var owner: uid_t
        var mode: mode_t
        var size: Int64
        var isFolder: Bool { mode & S_IFMT == S_IFDIR }
        var isRegular: Bool { mode & S_IFMT == S_IFREG }
        var isSocket: Bool { mode & S_IFMT == S_IFSOCK }
        var isLink: Bool { mode & S_IFMT == S_IFLNK }
        var othersMayWrite: Bool { mode & 0o022 != 0 }
        var othersMayRead: Bool { mode & 0o044 != 0 }

        init(_ status: stat) {
            owner = status.st_uid
            mode = status.st_mode
            size = Int64(status.st_size)
        }
    }

    /// Of the path itself, not of what a link there points to.
    static func facts(of path: String) throws(FileError) -> Facts {
        var status = stat()
        // The pointer is to a local.
        guard unsafe lstat(path, &status) == 0 else { throw .failed("look at it", path, errno) }
        return Facts(status)
    }

    static func facts(of descriptor: Int32, _ path: String) throws(FileError) -> Facts {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .failed("look at it", path, errno)
        }
        return Facts(status)
    }

    /// Makes sure that `path` is a regular file of ours with mode 0600, creating an empty one.
    /// Returns its size in bytes.
    @discardableResult
    package static func prepare(_ path: String) throws(FileError) -> Int64 {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let file = unsafe open(path, flags, 0o600)
        guard file >= 0 else { throw .failed("open", path, errno) }
        defer { _ = close(file) }
        let facts = try facts(of: file, path)
        guard facts.isRegular else { throw FileError(path, .unsafe, "is not a regular file") }
        guard facts.owner == geteuid() else {
            throw FileError(path, .unsafe, "belongs to another user (uid \(facts.owner))")
        }
        if facts.mode & 0o777 != 0o600, fchmod(file, 0o600) != 0 {
            throw .failed("set its mode to 0600", path, errno)
        }
        return facts.size
    }

    /// The size in bytes of a file of ours that may be missing (nil). Refuses links and files of
    /// others.
    package static func sizeIfPresent(_ path: String) throws(FileError) -> Int64? {
        do throws(FileError) {
            let facts = try facts(of: path)
            guard facts.isRegular, facts.owner == geteuid() else {
                throw FileError(path, .unsafe, "is not a file of yours; remove it")
            }
            return facts.size
        } catch {
            if error.reason == .missing { return nil }
            throw error
        }
    }

    /// The whole file, at most `limit` bytes. Follows no link.
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        let file = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .failed("open", path, errno) }
        defer { _ = close(file) }
        return try contents(of: file, path, limit: limit)
    }

    static func contents(
        of file: Int32, _ path: String, limit: Int
    ) throws(FileError) -> [UInt8] {
        let facts = try facts(of: file, path)
        guard facts.isRegular else { throw FileError(path, .unsafe, "is not a regular file") }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 * 1_024)
        while true {
            let count = unsafe Glibc.read(file, &part, part.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .failed("read", path, errno) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: part[..<count])
            guard bytes.count <= limit else {
                throw FileError(path, .tooLarge, "is larger than \(limit) bytes")
            }
        }
    }

    /// Replaces `path` by a file of mode 0600 holding `bytes`: all or nothing, also over a crash.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let (folder, name) = split(path)
        let temporary = "\(folder)/.\(name.prefix(100)).\(RandomID.make()).tmp"
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = unsafe open(temporary, flags, 0o600)
        guard file >= 0 else { throw .failed("create", temporary, errno) }
        var failure: FileError?
        do throws(FileError) {
            // A umask may have taken bits away.
            guard fchmod(file, 0o600) == 0 else { throw .failed("set its mode", path, errno) }
            try writeAll(bytes, to: file, path)
            guard fsync(file) == 0 else { throw .failed("write", path, errno) }
        } catch {
            failure = error
        }
        if close(file) != 0, failure == nil { failure = .failed("write", path, errno) }
        if failure == nil, unsafe rename(temporary, path) != 0 {
            failure = .failed("replace", path, errno)
        }
        if let failure {
            _ = unsafe unlink(temporary)
            throw failure
        }
        try syncFolder(folder)
    }

    /// Removes `path`; missing is fine.
    package static func remove(_ path: String) throws(FileError) {
        if unsafe unlink(path) != 0, errno != ENOENT { throw .failed("remove", path, errno) }
    }

    /// Moves a file over another one, for good.
    static func move(_ path: String, to target: String) throws(FileError) {
        guard unsafe rename(path, target) == 0 else { throw .failed("rename", path, errno) }
        try syncFolder(split(target).folder)
    }

    /// Brings what was written to `path` to the disk.
    static func sync(_ path: String) throws(FileError) {
        let file = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { throw .failed("open", path, errno) }
        defer { _ = close(file) }
        guard fsync(file) == 0 else { throw .failed("write", path, errno) }
    }

    private static func syncFolder(_ path: String) throws(FileError) {
        let folder = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .failed("open", path, errno) }
        defer { _ = close(folder) }
        // Some file systems cannot sync a folder; the file itself was synced.
        if fsync(folder) != 0, errno != EINVAL { throw .failed("write", path, errno) }
    }

    private static func writeAll(
        _ bytes: [UInt8], to file: Int32, _ path: String
    ) throws(FileError) {
        var written = 0
        while written < bytes.count {
            // The pointer is used inside the closure, and the range is inside the array.
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .failed("write", path, count < 0 ? errno : EIO) }
            written += count
        }
    }

    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }
}
