// Runs a program of the system to its end, for a client command: systemctl. What it said is kept up
// to a bound, and a program that does not end in time is killed. The daemon must never use it.

import Glibc
import NetCore

/// A program that was run.
package struct HelperProgram: Sendable {
    /// The exit code, or -signal; nil when it had to be killed.
    package let exit: Int32?
    /// Both outputs as they came.
    package let said: String

    private static let saidMost = 64 << 10

    /// Where PATH has `name`; nil when nowhere.
    package static func find(_ name: String, environment: [String: String]) -> String? {
        let folders = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        return folders.lazy.map { "\($0)/\(name)" }
            .first { $0.hasPrefix("/") && ProcessFacts.isExecutable($0) }
    }

    /// Nil when it cannot be started.
    package init?(
        _ path: String, _ words: [String], environment: [String: String], seconds: Int64 = 30
    ) {
        var ends: [Int32] = [-1, -1]
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { if null >= 0 { close(null) } }
        // The kernel fills the two numbers.
        guard null >= 0, unsafe pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        let started = try? DetachedProgram.start(
            path, arguments: [path] + words,
            environment: environment.map { "\($0.key)=\($0.value)" }.sorted(),
            descriptors: [null, ends[1], ends[1]])
        close(ends[1])
        guard let started else { return nil }
        let deadline = SystemTime.shared.now() + .seconds(seconds)
        said = Self.read(ends[0], until: deadline)
        let left = (deadline - SystemTime.shared.now()).inNanoseconds / 1_000_000
        let isOver = started.ends(within: Int32(clamping: max(100, left)))
        if !isOver { started.kill() }
        var status: Int32 = 0
        // Our child, which has ended or was killed: this does not wait.
        let reaped = unsafe waitpid(started.pid, &status, 0)
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
        exit = isOver && reaped == started.pid ? code : nil
    }

    private static func read(_ descriptor: Int32, until deadline: Instant) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < saidMost {
            let left = (deadline - SystemTime.shared.now()).inNanoseconds / 1_000_000
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // One entry, as the count says.
            guard left > 0, unsafe poll(&entry, 1, Int32(clamping: left)) > 0 else { break }
            // The kernel writes at most the array's count.
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
