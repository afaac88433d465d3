// The line of those who are about to start a daemon of a folder: one at a time. The kernel's lock
// on a file makes it, so whoever is killed leaves it. Held while the daemon comes up; those behind
// then find it running.

import Glibc
package import NetCore

/// The first place in the line, until it is let go of.
package struct StartLine: ~Copyable {
    private let lock: Descriptor

    /// How often a lock is looked at that nobody tells about.
    private static let lookAgain: Int32 = 10

    /// Waits for the place in the folder at `home`, which has to be there.
    package init(_ home: String, until deadline: Instant) throws(DaemonLaunch.Failure) {
        let path = "\(home)/\(HomeFolder.startLockName)"
        let file = unsafe open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            let error = FileError.failed("open", path, errno)
            throw DaemonLaunch.Failure(
                message: error.description, hint: "the home folder has to be writable")
        }
        // Closed when the wait fails.
        let lock = Descriptor(file)
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard SystemTime.shared.now() < deadline else {
                throw DaemonLaunch.Failure(
                    message: "somebody else has been starting the daemon for too long",
                    hint: "try again, or: gr daemon status")
            }
            _ = poll(nil, 0, Self.lookAgain)
        }
        self.lock = lock
    }
}
