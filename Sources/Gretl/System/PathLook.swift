// What is at a path, and which Unix sockets somebody listens on: what a jail has to know of the
// machine before it is built. Blocking calls: for the storage thread.

import Glibc

/// Looks at paths.
enum PathLook {
    enum Kind: Sendable, Equatable { case folder, file, socket, other }

    /// Absolute, without symbolic links; nil when nothing is there, or it may not be seen.
    static func resolved(_ path: String) -> String? {
        guard path.hasPrefix("/"), !path.utf8.contains(0),
            let found = unsafe realpath(path, nil)
        else { return nil }
        // realpath allocated it for us.
        defer { unsafe free(found) }
        return unsafe String(validatingCString: found)
    }

    /// Links are not followed.
    static func kind(of path: String) -> Kind? {
        guard let facts = try? PrivateFile.facts(of: path) else { return nil }
        if facts.isFolder { return .folder }
        if facts.isRegular { return .file }
        return facts.isSocket ? .socket : .other
    }

    /// The home folder of this user by the system's own list.
    static func accountHome() -> String? {
        // Valid until the next look-up in this process; copied at once.
        guard let entry = unsafe getpwuid(geteuid()), let folder = unsafe entry.pointee.pw_dir
        else { return nil }
        return unsafe String(validatingCString: folder)
    }

    /// The paths of Unix sockets of this network namespace, at most `most`.
    static func unixSockets(most: Int) -> [String] {
        let bytes = ProcFile.read("/proc/net/unix", most: 4 << 20) ?? []
        var found: [String] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")).dropFirst() {
            // Seven columns, then the path, in which there may be blanks.
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")),
                slash > line.startIndex, line[slash - 1] == UInt8(ascii: " "),
                let path = String(validating: line[slash...], as: UTF8.self)
            else { continue }
            found.append(path)
            if found.count == most { break }
        }
        return found
    }
}
