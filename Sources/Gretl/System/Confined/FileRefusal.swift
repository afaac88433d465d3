// Why a file tool did nothing, in words that a model can act on. Paths in it are shown harmlessly
// (ShownName); it never holds content of a file that was refused.

import Glibc
import NetCore

/// What a file tool answers instead of doing something.
package struct FileRefusal: Error, Equatable {
    package let message: String
    /// Forbidden, as opposed to impossible: it leads out of the folder, or into the repository.
    package let isForbidden: Bool

    package init(_ message: String, isForbidden: Bool = false) {
        self.message = message
        self.isForbidden = isForbidden
    }

    /// For a system call about `shown`, a path fit to be shown.
    static func failed(_ operation: String, _ shown: String, _ code: Int32) -> FileRefusal {
        switch code {
        case ENOENT: FileRefusal("There is no \(shown). Use file_list or find_files to look.")
        case ENOTDIR: FileRefusal("A part of the path \(shown) is a file, not a folder.")
        case EXDEV:
            FileRefusal(
                "\(shown) leads out of the project folder by a symbolic link. "
                    + "Only what lies in the project folder can be used.", isForbidden: true)
        case ELOOP:
            FileRefusal("\(shown) is or contains a link that is not followed.", isForbidden: true)
        case EACCES, EPERM, EROFS:
            FileRefusal("Cannot \(operation) \(shown): \(SystemError.text(code)).")
        case ENAMETOOLONG: FileRefusal("The path is too long: \(shown)")
        case ENOSPC, EDQUOT: FileRefusal("Cannot \(operation) \(shown): the disk is full.")
        case EAGAIN, EINTR:
            FileRefusal("Cannot \(operation) \(shown) now: something renames folders. Try again.")
        default: FileRefusal("Cannot \(operation) \(shown): \(SystemError.text(code)).")
        }
    }
}
