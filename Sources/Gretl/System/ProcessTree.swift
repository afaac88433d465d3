// What a process tree uses, from /proc. Costs up to some milliseconds, so it runs on the background
// thread, never on the reactor. Processes that end while it looks are simply not counted.

import Glibc

/// CPU time and memory of a process and everything below it.
package struct ProcessUsage: Equatable, Sendable {
    /// User and system time, ended children of the processes included.
    package var cpuNanoseconds: Int64
    /// Sum of the resident sizes: pages that processes share count for each of them.
    package var residentBytes: Int64
    /// Milliseconds since 1970.
    package var sampledAt: Int64
    /// Cores used since the sample before, or since the start.
    package var cores: Double
}

/// Reads process trees.
package enum ProcessTree {
    /// Most processes looked at in one tree.
    private static let processesMost = 4_096

    /// CPU nanoseconds and resident bytes of `root` and its descendants; nil when it is gone.
    static func measure(_ root: Int32) -> (cpu: Int64, resident: Int64)? {
        guard var total = measureOne(root) else { return nil }
        var waiting = children(of: root)
        var seen = 1
        while let pid = waiting.popLast(), seen < processesMost {
            seen += 1
            if let one = measureOne(pid) {
                total.cpu += one.cpu
                total.resident += one.resident
            }
            waiting += children(of: pid)
        }
        return total
    }

    private static func measureOne(_ pid: Int32) -> (cpu: Int64, resident: Int64)? {
        guard let text = read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else {
            return nil
        }
        // Fields from the third on: utime is 14, stime 15, cutime 16, cstime 17, rss 24.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 21 else { return nil }
        let ticks = fields[11...14].reduce(Int64(0)) { $0 + (Int64($1) ?? 0) }
        let perTick = 1_000_000_000 / max(1, Int64(sysconf(Int32(_SC_CLK_TCK))))
        let pages = Int64(fields[21]) ?? 0
        return (ticks * perTick, pages * Int64(sysconf(Int32(_SC_PAGESIZE))))
    }

    static func children(of pid: Int32) -> [Int32] {
        var found: [Int32] = []
        guard let tasks = unsafe opendir("/proc/\(pid)/task") else { return [] }
        defer { unsafe closedir(tasks) }
        for _ in 0..<processesMost {
            guard let entry = unsafe readdir(tasks) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard let task = Int32(name),
                let text = read("/proc/\(pid)/task/\(task)/children")
            else { continue }
            found += text.split(separator: " ").compactMap { Int32($0) }
        }
        return found
    }

    /// A small file of /proc as text.
    private static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}
