// A file system so small that a test can fill it.

import Glibc

/// A mounted tmpfs, gone when the test lets go of it.
package final class SmallDisk: Sendable {
    package let path: String
    private let folder = TemporaryFolder()

    /// Whether this process may mount; tests that need a disk are skipped without.
    package static let isPossible = SmallDisk(kilobytes: 16) != nil

    package init?(kilobytes: Int) {
        path = folder.file("disk")
        guard unsafe mkdir(path, 0o700) == 0,
            unsafe mount("tmpfs", path, "tmpfs", 0, "size=\(kilobytes)k,mode=700") == 0
        else { return nil }
    }

    deinit {
        // MNT_DETACH: also when something in it is still open.
        _ = unsafe umount2(path, 2)
    }
}
