// A file in the user's own folders that others may read, such as a systemd unit: replaced all or
// nothing, its folders made when they are missing. For client commands.

import Glibc

/// Writes files of the user's.
package enum UserFile {
    /// Replaces the file at an absolute path.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let parts = path.split(separator: "/").dropLast()
        var folder = ""
        for part in parts {
            folder += "/\(part)"
            // One that is there is fine; one that cannot be made shows below.
            _ = unsafe mkdir(folder, 0o755)
        }
        let temporary = "\(path).\(RandomID.make())"
        let file = unsafe open(
            temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .failed("create", temporary, errno) }
        // The kernel reads at most the array's count.
        let written = unsafe Glibc.write(file, bytes, bytes.count)
        let isWhole = written == bytes.count && close(file) == 0
        guard isWhole, unsafe rename(temporary, path) == 0 else {
            let code = errno
            _ = unsafe unlink(temporary)
            throw .failed("write", path, code)
        }
    }
}
