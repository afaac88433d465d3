// What the kernel says runs, read from /proc: the judge of every claim the daemon makes about pids.
// Finds processes by a token in their environment, so that nothing else on the machine is touched.

import Glibc
import TestSupport

/// A living process (zombies do not count).
struct RunningProcess: Equatable {
    var pid: Int32
    var parent: Int32
    var session: Int32
    var command: String
    var environment: [String: String]

    /// Nil when it is gone or a zombie.
    init?(_ pid: Int32) {
        guard let stat = TextFile.read("/proc/\(pid)/stat"), let open = stat.firstIndex(of: "("),
            let close = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 4, fields[0] != "Z", fields[0] != "X",
            let parent = Int32(fields[1]), let session = Int32(fields[3])
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.session = session
        command = String(stat[stat.index(after: open)..<close])
        environment = [:]
    }

    /// Reads the environment; false when `marker` is not one of its entries.
    mutating func readEnvironment(with marker: [UInt8]) -> Bool {
        guard var bytes = TextFile.bytes("/proc/\(pid)/environ"), !bytes.isEmpty else {
            return false
        }
        bytes.append(0)
        let isMarked = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Self.hasEntry(bytes, marker)
        }
        guard isMarked else { return false }
        for entry in bytes.split(separator: 0) {
            let parts = entry.split(separator: UInt8(ascii: "="), maxSplits: 1)
            guard parts.count == 2 else { continue }
            environment[String(decoding: parts[0], as: UTF8.self)] =
                String(decoding: parts[1], as: UTF8.self)
        }
        return true
    }

    /// Entry by entry, as C would: a machine has hundreds of environments to look through.
    private static func hasEntry(_ bytes: UnsafeRawBufferPointer, _ marker: [UInt8]) -> Bool {
        var at = 0
        // `bytes` ends with NUL, so that neither call reads beyond it.
        while at < bytes.count, let base = bytes.baseAddress {
            let entry = unsafe (base + at).assumingMemoryBound(to: CChar.self)
            let length = unsafe strlen(entry)
            if length == marker.count, unsafe memcmp(entry, marker, length) == 0 { return true }
            at += length + 1
        }
        return false
    }
}

/// A monitor of one home folder.
struct RunningMonitor: Equatable {
    var pid: Int32
    var id: String
    var service: String
}

enum ProcessTable {
    static func pids() -> [Int32] { names("/proc").compactMap { Int32($0) } }

    /// Every process with `GR_TREE=token` in its environment.
    static func tree(_ token: String) -> [RunningProcess] {
        let marker = Array("GR_TREE=\(token)".utf8)
        return pids().compactMap { pid in
            guard pid > 1, var process = RunningProcess(pid),
                process.readEnvironment(with: marker)
            else { return nil }
            return process
        }
    }

    /// Every gr-monitor whose run directory is `path`.
    static func monitors(runDirectory path: String) -> [RunningMonitor] {
        pids().compactMap { pid in
            guard TextFile.read("/proc/\(pid)/comm") == "gr-monitor\n",
                link("/proc/\(pid)/fd/4") == path,
                let words = TextFile.bytes("/proc/\(pid)/cmdline")?.split(separator: 0),
                words.count == 3, RunningProcess(pid) != nil
            else { return nil }
            return RunningMonitor(
                pid: pid, id: String(decoding: words[1], as: UTF8.self),
                service: String(decoding: words[2], as: UTF8.self))
        }
    }

    static func isAlive(_ pid: Int32) -> Bool { RunningProcess(pid) != nil }

    static func names(_ path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var found: [String] = []
        while let entry = unsafe readdir(folder) {
            // d_name ends with NUL inside the entry, which lives until the next readdir.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != ".", name != ".." { found.append(name) }
        }
        return found
    }

    private static func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 1_024)
        // The kernel writes at most the count given.
        let count = unsafe readlink(path, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
