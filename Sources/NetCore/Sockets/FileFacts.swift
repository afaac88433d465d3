// What an open file is: kind, size, times, and an identity that survives renaming. Asked for by
// readers of rotated logs, off the reactor's thread.

internal import CEpoll

/// Names one file, whatever it is called now. An inode alone is used again after a file is removed;
/// with the time of birth it is not.
package struct FileIdentity: Hashable, Sendable {
    package var inode: UInt64
    /// Nanoseconds since 1970; 0 where the file system does not keep it.
    package var born: Int64

    package init(inode: UInt64, born: Int64) {
        self.inode = inode
        self.born = born
    }
}

/// What the kernel says about an open file.
package struct FileFacts: Sendable {
    package let identity: FileIdentity
    package let size: Int64
    /// Nanoseconds since 1970.
    package let modified: Int64
    package let isRegular: Bool

    package init(of descriptor: Int32) throws(SystemError) {
        var file = cepoll_file()
        // The pointer is to a local.
        let result = unsafe cepoll_file_facts(descriptor, &file)
        guard result == 0 else { throw SystemError("statx", result) }
        identity = FileIdentity(inode: file.inode, born: file.born)
        size = file.size
        modified = file.modified
        isRegular = file.is_regular != 0
    }
}
