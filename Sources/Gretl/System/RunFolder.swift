// The folder a run works in, looked at before the run is made: it has to be there, absolute, and
// ours to write.

import Glibc

/// Looks at folders.
enum RunFolder {
    /// The folder with its symbolic links resolved. Touches the file system: not for the reactor.
    static func resolve(_ path: String) throws(APIError) -> String {
        guard path.hasPrefix("/") else {
            throw invalid(
                "'\(shown(path))' is no absolute path",
                hint: "send the folder's whole path, such as /home/me/project")
        }
        guard path.utf8.count < 4_096, !path.utf8.contains(0) else {
            throw invalid("the path is too long or holds a NUL", hint: "send a folder's path")
        }
        guard let pointer = unsafe realpath(path, nil) else {
            let reason = unsafe String(cString: strerror(errno))
            throw invalid("'\(shown(path))' cannot be used: \(reason)", hint: "create it first")
        }
        defer { unsafe free(pointer) }
        guard let resolved = unsafe String(validatingCString: pointer) else {
            throw invalid("the folder's path is no UTF-8", hint: "rename the folder")
        }
        var facts = stat()
        // The struct is ours and lives for the call.
        guard unsafe stat(resolved, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw invalid("'\(shown(path))' is no folder", hint: "send a folder's path")
        }
        guard unsafe access(resolved, R_OK | W_OK | X_OK) == 0 else {
            throw invalid(
                "'\(shown(path))' cannot be written by the daemon's user",
                hint: "a run changes files: give it a folder of yours")
        }
        guard resolved != "/" else {
            throw invalid("a run cannot have the whole machine", hint: "send a project's folder")
        }
        return resolved
    }

    /// Whether one of two resolved folders is the other or inside it.
    static func overlap(_ left: String, _ right: String) -> Bool {
        left == right || left.hasPrefix(right + "/") || right.hasPrefix(left + "/")
    }

    private static func shown(_ path: String) -> String { ClusterFailure.clean(path, most: 200) }

    private static func invalid(_ message: String, hint: String) -> APIError {
        APIError(.invalidFolder, message, hint: hint)
    }
}
