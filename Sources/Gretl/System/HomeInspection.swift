// The home folder and the machine as `gr doctor` looks at them: nothing is opened that could hang,
// nothing is changed, no link is followed, and a folder full of files is read in part.

import Glibc
import NetCore

/// Looks without touching.
package enum HomeInspection {
    /// What is at a path.
    package struct Facts: Sendable, Equatable {
        package enum Kind: Sendable, Equatable { case folder, file, socket, link, other }

        package let kind: Kind
        package let uid: UInt32
        /// The lowest nine bits.
        package let permissions: UInt32
        /// Seconds since 1970.
        package let modified: Int64
        package let size: Int64
    }

    /// Room on a disk for this user.
    package struct Space: Sendable, Equatable {
        package let freeBytes: UInt64
        package let freeFiles: UInt64
        /// Disks that count no files say 0.
        package let allFiles: UInt64
    }

    /// Nil when there is nothing at `path`, or nothing that can be seen.
    package static func facts(_ path: String) -> Facts? {
        var status = stat()
        // The pointer is to a local.
        guard unsafe lstat(path, &status) == 0 else { return nil }
        let kind: Facts.Kind =
            switch status.st_mode & S_IFMT {
            case S_IFDIR: .folder
            case S_IFREG: .file
            case S_IFSOCK: .socket
            case S_IFLNK: .link
            default: .other
            }
        return Facts(
            kind: kind, uid: status.st_uid, permissions: status.st_mode & 0o777,
            modified: Int64(status.st_mtim.tv_sec), size: Int64(status.st_size))
    }

    /// Nil when the disk does not say.
    package static func space(_ path: String) -> Space? {
        var status = statvfs()
        // The pointer is to a local.
        guard unsafe statvfs(path, &status) == 0 else { return nil }
        let free = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return Space(
            freeBytes: free.overflow ? .max : free.partialValue,
            freeFiles: UInt64(status.f_favail), allFiles: UInt64(status.f_files))
    }

    /// The newest change among the entries of a folder, at most `most` of them.
    package static func newestChange(in folder: String, most: Int = 4_096) -> Int64? {
        guard let directory = unsafe opendir(folder) else { return nil }
        defer { unsafe closedir(directory) }
        var newest: Int64?
        for _ in 0..<most {
            guard let entry = unsafe readdir(directory) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                // d_name is NUL-ended within the entry, which lives until the next readdir.
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard name != ".", name != "..", let facts = facts("\(folder)/\(name)"),
                facts.kind == .file || facts.kind == .socket
            else { continue }
            newest = max(newest ?? .min, facts.modified)
        }
        return newest
    }

    /// As in `6.18.5-generic`; empty when the kernel does not say.
    package static func kernelRelease() -> String {
        let bytes = ProcFile.read("/proc/sys/kernel/osrelease", most: 256) ?? []
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }

    /// Why the kernel does not tell who owns a socket; nil when it does.
    package static func socketOwnersRefusal() -> String? {
        do throws(SystemError) {
            try SocketOwners.probe()
            return nil
        } catch { return SystemError.text(error.code) }
    }
}

/// Monitors of one home folder, found without a daemon.
package enum MonitorProcesses {
    package struct Found: Sendable, Equatable {
        package let pid: Int32
        /// Its program was replaced since it was started.
        package let isOlder: Bool
    }

    /// The living monitors whose socket is in `run`, and the ids whose monitor is gone.
    package static func scan(run: String) -> (living: [Found], gone: [String]) {
        let known = Set(RunFiles.scan(run).filter(\.hasSocket).map(\.id))
        guard !known.isEmpty,
            case .numbers(let pids) = ProcFile.numbers(in: "/proc", most: 200_000)
        else { return ([], known.sorted()) }
        var living: [Found] = []
        var gone = known
        for pid in pids {
            guard let id = RunFiles.monitorID(pid), known.contains(id) else { continue }
            gone.remove(id)
            living.append(Found(pid: pid, isOlder: isReplaced(pid)))
        }
        return (living, gone.sorted())
    }

    /// Whether the program file of a process is not the one it was started from any more.
    package static func isReplaced(_ pid: Int32) -> Bool {
        guard let target = ProcFile.target("/proc/\(pid)/exe") else { return false }
        return target.count > 10 && target.suffix(10).elementsEqual(" (deleted)".utf8)
    }

    /// The parent of a living process.
    package static func parent(of pid: Int32) -> Int32? { ProcessEntry.read(pid)?.parent }
}

/// Who listens on this machine, looked at by the client itself.
package enum ListenerScan {
    /// Who holds `port`, in words; nil when nobody does or nobody can be told.
    package static func holder(of port: UInt16) -> String? {
        guard var scan = try? PortScan(port: port, known: PortScan.Known()) else { return nil }
        // Ends: each slice looks at one process at least, and their list is fixed.
        while !scan.isDone { scan.step() }
        return scan.holders().first.map { $0.words(own: ProcessFacts.uid) }
    }
}
