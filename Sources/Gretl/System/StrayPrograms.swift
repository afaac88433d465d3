// Programs whose monitor and daemon were both killed: nobody is left to ask, but every program has
// the name of its incarnation in its environment. Reads all of /proc, which takes milliseconds: for
// Recovery before the daemon listens, and only when a monitor is missing.

import Glibc

/// A program that runs without a monitor.
struct StrayProgram {
    let pid: Int32
    /// Field 22 of /proc/PID/stat.
    let startTime: UInt64
    /// GRETL_NAME.
    let service: String
    /// GRETL_INCARNATION: the id of its monitor.
    let incarnation: String

    /// The main program of each incarnation that still has one. A monitor makes it the leader of a
    /// session; what it forked into sessions of their own is younger.
    static func find() -> [String: StrayProgram] {
        guard let folder = unsafe opendir("/proc") else { return [:] }
        defer { unsafe closedir(folder) }
        var found: [String: StrayProgram] = [:]
        for _ in 0..<200_000 {
            guard let entry = unsafe readdir(folder) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard let pid = Int32(name), pid > 1, let stray = StrayProgram(pid) else { continue }
            if let other = found[stray.incarnation], other.startTime <= stray.startTime { continue }
            found[stray.incarnation] = stray
        }
        return found
    }

    private init?(_ pid: Int32) {
        guard let startTime = StrayProgram.leaderStart(pid) else { return nil }
        var service: String?
        var incarnation: String?
        for entry in StrayProgram.read("/proc/\(pid)/environ").split(separator: 0) {
            // The first byte first: there are many environments with many entries.
            guard entry.first == UInt8(ascii: "G") else { continue }
            let text = String(decoding: entry, as: UTF8.self)
            if text.hasPrefix("GRETL_NAME=") { service = String(text.dropFirst(11)) }
            if text.hasPrefix("GRETL_INCARNATION=") { incarnation = String(text.dropFirst(18)) }
        }
        guard let service, let incarnation else { return nil }
        self.pid = pid
        self.startTime = startTime
        self.service = service
        self.incarnation = incarnation
    }

    /// The start time of a living session leader; nil for every other process.
    static func leaderStart(_ pid: Int32) -> UInt64? {
        let text = String(decoding: read("/proc/\(pid)/stat"), as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X", Int32(fields[3]) == pid
        else { return nil }
        return UInt64(fields[19])
    }

    /// At most 256 KiB of a file; empty when it cannot be read.
    private static func read(_ path: String) -> ArraySlice<UInt8> {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        var used = 0
        while used < 256 << 10 {
            if used == bytes.count { bytes += [UInt8](repeating: 0, count: bytes.count) }
            let count = unsafe bytes.withUnsafeMutableBytes { bytes in
                // Within the array: `used` is less than its count.
                unsafe Glibc.read(file, bytes.baseAddress! + used, bytes.count - used)
            }
            guard count > 0 else { break }
            used += count
        }
        return bytes[..<used]
    }
}
