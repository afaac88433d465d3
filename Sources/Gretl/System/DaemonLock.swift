// One daemon per home folder. The kernel's lock on a file decides, so a killed daemon leaves
// nothing behind that would have to be cleaned up; the pid inside is only for the message.

import Glibc

/// Held for the life of the daemon.
package final class DaemonLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock at `path`, or says who holds it.
    package init(path: String) throws(FileError) {
        let file = unsafe open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .failed("open", path, errno) }
        do throws(FileError) {
            guard fchmod(file, 0o600) == 0 else { throw .failed("set its mode", path, errno) }
            try Self.lock(file, path)
        } catch {
            _ = close(file)
            throw error
        }
        descriptor = file
    }

    deinit { _ = close(descriptor) }

    /// The pid in the file at `path` when a running daemon holds its lock, else nil.
    package static func holder(path: String) -> Int32? {
        let file = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { _ = close(file) }
        guard flock(file, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        return storedPID(file)
    }

    /// Whether the process in the file is a daemon. Whoever can write to the folder can have the
    /// lock and any number in its file: nobody is signalled for being named there.
    package static func isDaemon(_ pid: Int32) -> Bool { ProcessEntry.read(pid)?.isDaemon == true }

    /// Whether a daemon held the lock at `path` and none does now.
    package static func isAbandoned(path: String) -> Bool {
        let file = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { _ = close(file) }
        return flock(file, LOCK_SH | LOCK_NB) == 0
    }

    private static func lock(_ file: Int32, _ path: String) throws(FileError) {
        var refusal = flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
        var tries = 1
        // Whoever only looks whether a daemon runs has it for a moment. A daemon keeps it.
        while refusal == EWOULDBLOCK, tries < triesMost, isSharable(file) {
            _ = poll(nil, 0, lookAgain)
            refusal = flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
            tries += 1
        }
        guard refusal == 0 else {
            guard refusal == EWOULDBLOCK else { throw .failed("lock", path, refusal) }
            let holder = storedPID(file).map { "pid \($0)" } ?? "another process"
            throw FileError(
                path, .locked,
                "a daemon runs already (\(holder)); stop it with: gr daemon stop")
        }
        // The holder may have died and its file been removed between our open and our lock.
        var mine = stat()
        var named = stat()
        // The pointers are to locals.
        let known = unsafe (fstat(file, &mine) == 0 && lstat(path, &named) == 0)
        let same = known && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
        guard same else { throw FileError(path, .other, "was replaced meanwhile; try again") }
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(file, 0) == 0 else { throw .failed("write", path, errno) }
        guard unsafe pwrite(file, text, text.count, 0) == text.count else {
            throw .failed("write", path, errno)
        }
    }

    /// How often a lock is asked for that nobody keeps, and the milliseconds in between.
    private static let triesMost = 100
    private static let lookAgain: Int32 = 10

    /// Whether nobody has the lock alone.
    private static func isSharable(_ file: Int32) -> Bool {
        guard flock(file, LOCK_SH | LOCK_NB) == 0 else { return false }
        _ = flock(file, LOCK_UN)
        return true
    }

    private static func storedPID(_ file: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe pread(file, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let digits = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }
        return Int32(String(decoding: digits, as: UTF8.self))
    }
}
