// This process as the system knows it: executable, user, signals, standard streams.

import Glibc

/// Facts about this process.
package enum ProcessFacts {
    /// The program of this process; where a new one took its place, that one.
    package static func executable() -> String {
        var bytes = [CChar](repeating: 0, count: 4_096)
        // The kernel writes at most the count given.
        let count = unsafe readlink("/proc/self/exe", &bytes, bytes.count - 1)
        guard count > 0 else { return "./gr" }
        let path = String(
            decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
    }

    /// The folder this program was started from.
    package static func executableFolder() -> String {
        let path = executable()
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    /// The effective user.
    package static var uid: UInt32 { geteuid() }
    package static var pid: Int32 { getpid() }

    /// Whether `path` is a program that can be started.
    package static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    /// When a process with that start time (field 22 of its stat) started, in milliseconds since
    /// 1970, to a hundredth of a second.
    package static func startedAt(ticks: UInt64) -> Int64 {
        var wall = timespec()
        var boot = timespec()
        // The pointers are to locals.
        unsafe clock_gettime(CLOCK_REALTIME, &wall)
        unsafe clock_gettime(CLOCK_BOOTTIME, &boot)
        let perSecond = Int64(clamping: max(1, sysconf(Int32(_SC_CLK_TCK))))
        let age =
            Int64(boot.tv_sec) * 1_000 + Int64(boot.tv_nsec) / 1_000_000
            - Int64(clamping: ticks / UInt64(perSecond)) * 1_000
            - Int64(clamping: ticks % UInt64(perSecond)) * 1_000 / perSecond
        return Int64(wall.tv_sec) * 1_000 + Int64(wall.tv_nsec) / 1_000_000 - max(0, age)
    }

    /// The kernel's name of this boot; tests say another one, since they cannot boot.
    package static func bootID() -> String {
        if let given = HomeFolder.environment("GR_BOOT_ID") { return given }
        let file = unsafe open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)).prefix { $0 > 0x20 }, as: UTF8.self)
    }

    /// Signals the daemon handles.
    package static let handledSignals = [SIGCHLD, SIGTERM, SIGINT, SIGHUP]
    package static let childSignal = SIGCHLD
    package static let hangUpSignal = SIGHUP

    /// Writes a line to standard output; a closed one is no failure.
    package static func printLine(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = unsafe write(1, bytes, bytes.count)
    }

    /// Writes a line to standard error.
    package static func printError(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = unsafe write(2, bytes, bytes.count)
    }
}
