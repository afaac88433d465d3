// What the kernel says about the processes of this machine, for tests that start some: who lives,
// whose child it is, what it holds open. Only reads; ending a process is done by pid with `end`.

import Glibc

/// A look into /proc.
package enum ProcessTable {
    /// Pid and parent of every living process; zombies do not count.
    package static func parents() -> [Int32: Int32] {
        var found: [Int32: Int32] = [:]
        for name in folderNames("/proc") {
            guard let pid = Int32(name), let status = stat(pid) else { continue }
            if status.count > 2, status[0] != "Z", status[0] != "X" {
                found[pid] = Int32(status[1])
            }
        }
        return found
    }

    /// Everything below the roots, without them.
    package static func descendants(of roots: Set<Int32>) -> Set<Int32> {
        let parents = parents()
        var found: Set<Int32> = []
        var grew = true
        while grew {
            grew = false
            for (pid, parent) in parents where !found.contains(pid) {
                if roots.contains(parent) || found.contains(parent) {
                    found.insert(pid)
                    grew = true
                }
            }
        }
        return found.subtracting(roots)
    }

    /// Ended children that `parent` has not reaped.
    package static func zombies(of parent: Int32) -> [Int32] {
        folderNames("/proc").compactMap { Int32($0) }.filter { pid in
            guard let status = stat(pid), status.count > 2 else { return false }
            return status[0] == "Z" && Int32(status[1]) == parent
        }
    }

    /// It exists and is no zombie.
    package static func isAlive(_ pid: Int32) -> Bool {
        guard let status = stat(pid) else { return false }
        return status[0] != "Z" && status[0] != "X"
    }

    /// Names in /proc/PID/fd, as numbers.
    package static func descriptors(_ pid: Int32) -> [Int] {
        folderNames("/proc/\(pid)/fd").compactMap { Int($0) }.sorted()
    }

    /// Resident memory in KiB.
    package static func residentKiB(_ pid: Int32) -> Int {
        let status = TextFile.read("/proc/\(pid)/status") ?? ""
        for line in status.split(separator: "\n") where line.hasPrefix("VmRSS:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return 0
    }

    /// User and system time used so far, in clock ticks of 10 ms.
    package static func ticks(_ pid: Int32) -> Int {
        guard let status = stat(pid), status.count > 12 else { return 0 }
        return (Int(status[11]) ?? 0) + (Int(status[12]) ?? 0)
    }

    /// The arguments or the environment: "cmdline" or "environ".
    package static func words(_ pid: Int32, _ file: String) -> [String] {
        let bytes = TextFile.bytes("/proc/\(pid)/\(file)") ?? []
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// KILL, unless it has ended already.
    package static func end(_ pid: Int32) {
        if pid > 1 { _ = Glibc.kill(pid, SIGKILL) }
    }

    /// Names in a folder, without "." and "..", sorted; empty when it cannot be read.
    package static func folderNames(_ folder: String) -> [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            // d_name is NUL-ended within the entry, which lives until the next readdir.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The fields of /proc/PID/stat from the state on: the name before it may hold anything.
    private static func stat(_ pid: Int32) -> [Substring]? {
        guard let text = TextFile.read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.isEmpty ? nil : fields
    }
}
