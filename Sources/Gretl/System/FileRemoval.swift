// Removes files by path, the last part of which is not followed when it is a link. Blocking calls:
// for the storage thread.

import Glibc

/// Removes files.
enum FileRemoval {
    /// Removes the file at `path`; false when there was none. `isDone` becomes false when one is
    /// there and stays, or cannot be reached.
    static func remove(_ path: String, _ isDone: inout Bool) -> Bool {
        if unsafe unlink(path) == 0 { return true }
        if errno != ENOENT && errno != ENOTDIR { isDone = false }
        return false
    }
}
