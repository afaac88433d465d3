// What a file or folder of ours is refused for. The text names the path and, where a person can
// help, the command that does; it never holds content.

import Glibc
import NetCore

/// A file operation that failed, or a file that must not be used.
package struct FileError: Error, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        case missing
        case full
        case tooLarge
        /// Owner, mode or kind of the file make it unsafe.
        case unsafe
        /// Every user of the machine can change it.
        case open
        /// Another process holds the lock.
        case locked
        case other
    }

    package let path: String
    package let reason: Reason
    /// What is wrong, and what to do about it.
    package let message: String

    package init(_ path: String, _ reason: Reason, _ message: String) {
        self.path = path
        self.reason = reason
        self.message = message
    }

    /// For a system call that set `code`.
    static func failed(_ operation: String, _ path: String, _ code: Int32) -> FileError {
        let reason: Reason =
            switch code {
            case ENOENT, ENOTDIR: .missing
            case ENOSPC, EDQUOT, EFBIG: .full
            case ELOOP: .unsafe
            default: .other
            }
        let hint = code == ELOOP ? " (a symbolic link is not followed here)" : ""
        return FileError(path, reason, "cannot \(operation): \(SystemError.text(code))\(hint)")
    }

    package var description: String { "\(path): \(message)" }
}
