// Whether a log may be written where a registration wants it: in the service's own folder, or among
// the daemon's logs, wherever symbolic links lead. A gr.toml comes with somebody's repository; it
// must not have us append to the files of the user or of the daemon. Blocking calls: for the
// storage thread, before a registration and again before a start.

import Glibc

/// Checks the path of a log.
package struct LogPlace: Sendable {
    /// Absolute, without ways back.
    package var path: String
    /// The folder of its gr.toml, else that of the service; nil when it has none.
    package var directory: String?
    /// The daemon's home folder.
    package var home: String

    package init(path: String, directory: String?, home: String) {
        self.path = path
        self.directory = directory
        self.home = home
    }

    /// Why `path` may not be used; nil when it may. With `isNew` nothing of somebody else's may be
    /// there: it would be appended to, and renamed when it is full.
    package func refusal(isNew: Bool = false) -> String? {
        guard let slash = path.lastIndex(of: "/") else { return "it is no absolute path" }
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        guard let folder = LogPlace.resolve(parent) else {
            return "the folder \(parent) does not exist"
        }
        let home = LogPlace.resolve(home) ?? home
        let isOurs = LogPlace.contains(home, folder)
        let isLog = LogPlace.contains("\(home)/logs", folder)
        let isInside =
            directory.flatMap(LogPlace.resolve).map { LogPlace.contains($0, folder) } ?? false
        guard isLog || (isInside && !isOurs) else {
            guard !isOurs else {
                return "it leads to \(folder), the daemon's own folder, where only logs may be, in "
                    + "\(home)/logs"
            }
            let name = directory ?? "'cwd'"
            return "it leads to \(folder), which is outside of \(name)"
        }
        if let refusal = LogPlace.refusalOfFile(path) { return refusal }
        guard isNew, let file = LogFiles(path).foreign() else { return nil }
        return "\(file) is there already and is no log of a service"
    }

    /// A file that is there has to be a plain one with this name alone.
    private static func refusalOfFile(_ path: String) -> String? {
        var status = stat()
        // The pointer is to a local.
        guard unsafe lstat(path, &status) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFREG else { return "it is no regular file" }
        guard status.st_nlink == 1 else { return "the file has another name too" }
        return nil
    }

    private static func resolve(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        // realpath allocated it for us.
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private static func contains(_ folder: String, _ path: String) -> Bool {
        path == folder || path.hasPrefix(folder == "/" ? folder : folder + "/")
    }
}
