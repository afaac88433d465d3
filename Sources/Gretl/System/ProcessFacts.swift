// This process as the system knows it: executable, user, signals, standard streams.

import Glibc

/// Facts about this process.
package enum ProcessFacts {
    /// The folder this program was started from.
    package static func executableFolder() -> String {
        var bytes = [CChar](repeating: 0, count: 4_096)
        let count = unsafe readlink("/proc/self/exe", &bytes, bytes.count - 1)
        guard count > 0 else { return "." }
        let path = String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    /// The effective user.
    package static var uid: UInt32 { geteuid() }
    package static var pid: Int32 { getpid() }

    /// Whether `path` is a program that can be started.
    package static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

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
