// One process as /proc describes it: who it is, whose child, in which session, of which user. Read
// by the scan of ports, adoption and whoever signals a process that is not our child. For the
// background thread: a file of /proc takes microseconds, but there can be thousands of them.

import Glibc

/// A process for good: a pid alone is given away again.
package struct ProcessIdentity: Equatable, Hashable, Sendable {
    package var pid: Int32
    /// Field 22 of /proc/PID/stat.
    package var startTime: UInt64

    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// Whether that process lives; one that only waits to be reaped does not.
    package var isAlive: Bool { ProcessEntry.read(pid)?.identity == self }
}

/// What is known of a living process.
package struct ProcessEntry: Equatable, Sendable {
    package var identity: ProcessIdentity
    package var parent: Int32
    package var group: Int32
    package var session: Int32
    /// It has a controlling terminal.
    package var hasTerminal: Bool
    /// The name of the program, at most 15 bytes.
    package var program: String
    /// The real, effective and saved users, when they are one.
    package var uid: UInt32?
    /// It is a `gr` daemon, which keeps the sockets and programs of its services.
    package var isDaemon: Bool

    package var pid: Int32 { identity.pid }

    package init(
        identity: ProcessIdentity, parent: Int32, group: Int32, session: Int32, hasTerminal: Bool,
        program: String, uid: UInt32?,
        isDaemon: Bool = false
    ) {
        self.identity = identity
        self.parent = parent
        self.group = group
        self.session = session
        self.hasTerminal = hasTerminal
        self.program = program
        self.uid = uid
        self.isDaemon = isDaemon
    }

    /// Nil when it does not live or cannot be seen.
    static func read(_ pid: Int32) -> ProcessEntry? {
        guard pid > 0, let bytes = ProcFile.read("/proc/\(pid)/stat", most: 4_096),
            // The name may hold anything, brackets and line ends too.
            let open = bytes.firstIndex(of: UInt8(ascii: "(")),
            let close = bytes.lastIndex(of: UInt8(ascii: ")")), open < close
        else { return nil }
        let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " ")).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard fields.count > 19, !["Z", "X", "x"].contains(fields[0]),
            let parent = Int32(fields[1]), let group = Int32(fields[2]),
            let session = Int32(fields[3]), let startTime = UInt64(fields[19])
        else { return nil }
        let program = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
        return ProcessEntry(
            identity: ProcessIdentity(pid: pid, startTime: startTime), parent: parent,
            group: group, session: session, hasTerminal: fields[4] != "0",
            program: program, uid: uid(of: pid), isDaemon: program == "gr" && serves(pid))
    }

    /// Whether a process named `gr` is told to be a daemon, and is no command of a user.
    private static func serves(_ pid: Int32) -> Bool {
        words(of: pid).dropFirst().prefix(8).contains(Array("serve".utf8))
    }

    private static func uid(of pid: Int32) -> UInt32? {
        guard let bytes = ProcFile.read("/proc/\(pid)/status", most: 8_192) else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: prefix) {
            let uids = line.dropFirst(prefix.count).split(separator: UInt8(ascii: "\t")).map {
                UInt32(String(decoding: $0, as: UTF8.self))
            }
            guard uids.count >= 3, let first = uids[0], uids.prefix(3).allSatisfy({ $0 == first })
            else { return nil }
            return first
        }
        return nil
    }

    private static let prefix = Array("Uid:\t".utf8)

    /// The words of its command line; empty for a kernel thread.
    static func words(of pid: Int32) -> [[UInt8]] {
        let bytes = ProcFile.read("/proc/\(pid)/cmdline", most: 256 << 10) ?? []
        var words = bytes.split(separator: 0, omittingEmptySubsequences: false).map(Array.init)
        // Each word is ended by NUL; a process that renamed itself leaves a row of them.
        while words.last?.isEmpty == true { words.removeLast() }
        return words
    }

    /// The living children of `pid`.
    static func children(of pid: Int32) -> [Int32] { ProcessTree.children(of: pid) }

    /// The directory it works in; nil when that is unknown or gone. Asks the kernel for the name
    /// only, so that a dead network mount holds nobody up.
    static func directory(of pid: Int32) -> String? {
        guard let bytes = ProcFile.target("/proc/\(pid)/cwd"), bytes.first == UInt8(ascii: "/"),
            let text = String(validating: bytes, as: UTF8.self), !text.hasSuffix(" (deleted)")
        else { return nil }
        return text
    }
}
