// Finds and reads a gr.toml: upwards from a folder as git does, else in the user's own folder. Such
// a file says what is run, so one that another user has put into a folder above ours, or can
// change, is not taken.
// Blocking calls: for the client commands.

import Glibc
import NetCore

/// A gr.toml as it was read, once: what is checked, asked about and run are the same bytes.
package struct ProjectFile: Sendable {
    package static let name = "gr.toml"
    /// As the user finds it.
    package var path: String
    /// Its folder, without symbolic links.
    package var folder: String
    package var bytes: [UInt8]

    /// The deepest folder looked up from.
    private static let levelsMost = 256

    /// The path of the file for the folder `directory`; nil when there is none.
    package static func find(from directory: String?, userHome: String?) -> String? {
        var folder = directory ?? ""
        for _ in 0..<levelsMost where folder.hasPrefix("/") {
            let path = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
            if exists(path) { return path }
            guard folder != "/" else { break }
            folder = PrivateFile.split(folder).folder
        }
        guard let userHome, userHome.hasPrefix("/") else { return nil }
        let path = "\(userHome)/\(name)"
        return exists(path) ? path : nil
    }

    private static func exists(_ path: String) -> Bool { (try? PrivateFile.facts(of: path)) != nil }

    /// A file beside it, such as its env_file; links are followed. Nil when there is none. One that
    /// `isToRun` must not be every user's to change.
    package static func contents(
        of path: String, limit: Int, isToRun: Bool
    ) throws(FileError) -> [UInt8]? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw .failed("open", path, errno)
        }
        defer { _ = close(file) }
        if isToRun { try refuseOpen(try PrivateFile.facts(of: file, path), path) }
        return try PrivateFile.contents(of: file, path, limit: limit)
    }

    /// Refuses a file that every user of the machine can change; of a folder that means to put
    /// another file in its place, which the sticky bit forbids.
    private static func refuseOpen(
        _ facts: PrivateFile.Facts, _ path: String
    ) throws(FileError) {
        let isSticky = facts.isFolder && facts.mode & S_ISVTX != 0
        guard facts.isFolder || facts.isRegular, facts.mode & S_IWOTH != 0, !isSticky else {
            return
        }
        throw FileError(path, .open, "can be changed by every user of this machine")
    }

    /// Whether there is no such folder; not when it only cannot be looked at.
    package static func isGone(folder: String) -> Bool {
        var facts = stat()
        guard unsafe stat(folder, &facts) != 0 else { return facts.st_mode & S_IFMT != S_IFDIR }
        return errno == ENOENT || errno == ENOTDIR
    }

    /// Why nothing can run in a folder; nil when it can.
    package static func unusable(folder: String) -> String? {
        var facts = stat()
        guard unsafe stat(folder, &facts) == 0 else {
            return errno == ENOENT || errno == ENOTDIR
                ? "there is no folder \(folder)"
                : "the folder \(folder) cannot be used: \(SystemError.text(errno))"
        }
        return facts.st_mode & S_IFMT == S_IFDIR ? nil : "\(folder) is no folder"
    }

    /// Reads the file at `path`. One that was looked for and not named has to be the user's own, or
    /// root's, and when it `isToRun`, not every user's to change.
    package static func read(
        _ path: String, limit: Int, isNamed: Bool, isToRun: Bool
    ) throws(FileError) -> ProjectFile {
        let folder = PrivateFile.split(path).folder
        guard let resolved = unsafe realpath(folder, nil) else {
            throw .failed("find the folder", path, errno)
        }
        // realpath allocated it for us.
        defer { unsafe free(resolved) }
        // Without O_NONBLOCK a planted pipe would hold the command for ever.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw .failed("open", path, errno) }
        defer { _ = close(file) }
        let facts = try PrivateFile.facts(of: file, path)
        guard isNamed || facts.owner == geteuid() || facts.owner == 0 else {
            throw FileError(
                path, .unsafe,
                "belongs to another user (uid \(facts.owner)); if that is meant: --file \(path)")
        }
        if isToRun, !isNamed {
            try refuseOpen(facts, path)
            let name = unsafe String(cString: resolved)
            try refuseOpen(try PrivateFile.facts(of: name), name)
        }
        let bytes = try PrivateFile.contents(of: file, path, limit: limit)
        return ProjectFile(path: path, folder: unsafe String(cString: resolved), bytes: bytes)
    }
}
