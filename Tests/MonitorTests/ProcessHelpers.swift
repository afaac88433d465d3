// What the tests ask the machine: children, folders, processes, waits with a limit.

import CEpoll
import Glibc
import TestSupport

/// A child started by the function under test.
struct Spawned {
    let pid: Int32
    let pidfd: Int32

    init(
        _ path: String, _ arguments: [String], environment: [String] = [], descriptors: [Int32],
        descriptorLimit: UInt64 = 0
    ) throws {
        var pidfd: Int32 = -1
        let pid = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                // All pointers live until the call returns, which is after the child's exec.
                unsafe cepoll_spawn(
                    path, arguments, environment, descriptors, Int32(descriptors.count),
                    descriptorLimit, &pidfd)
            }
        }
        guard pid > 0 else { throw HarnessError.failed("spawn", -pid) }
        self.pid = pid
        self.pidfd = pidfd
    }

    /// Reaps exactly this child: its exit code, or -signal.
    static func collect(_ pid: Int32) -> Int32? {
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, 0) == pid else { return nil }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
    }
}

/// Passes the strings as a NULL-ended array of C strings.
private func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    var copies = unsafe strings.map { unsafe UnsafePointer<CChar>(strdup($0)) }
    unsafe copies.append(nil)
    // Freed after the body, which must not keep them.
    defer { unsafe copies.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
    return unsafe copies.withUnsafeBufferPointer { buffer in
        // Never empty: it holds the final NULL.
        unsafe body(buffer.baseAddress!)
    }
}

/// Two ends of a SEQPACKET connection.
struct SocketPair {
    let ours: Int32
    let theirs: Int32

    init() throws {
        var pair: [Int32] = [-1, -1]
        let result = unsafe cepoll_socketpair(Int32(SOCK_SEQPACKET.rawValue), &pair)
        guard result == 0 else { throw HarnessError.failed("socketpair", -result) }
        (ours, theirs) = (pair[0], pair[1])
    }
}

enum TemporaryFolder {
    static func make() throws -> String {
        var template = Array("/tmp/gr-monitor-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw HarnessError.failed("mkdtemp", errno) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the folder and the files in it; it has no subfolders.
    static func remove(_ folder: String) {
        for name in names(folder) { unsafe unlink(folder + "/" + name) }
        unsafe rmdir(folder)
    }

    static func names(_ folder: String) -> [String] {
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
        return names
    }

    static func mode(_ path: String) -> UInt32 {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return 0 }
        return status.st_mode & 0o7777
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}

func waitReadable(_ descriptor: Int32, _ milliseconds: Int32) -> Bool {
    var set = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&set, 1, milliseconds) > 0
}

/// Looks every 5 ms until it holds, at most 10 s.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2000 {
        if condition() { return true }
        usleep(5000)
    }
    return condition()
}

/// Seconds on the monotonic clock.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = cepoll_monotonic()
    try body()
    return Double(cepoll_monotonic() - start) / 1e9
}

/// Alive and not a zombie.
func isAlive(_ pid: Int32) -> Bool {
    guard let text = TextFile.read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else {
        return false
    }
    return !text[end...].hasPrefix(") Z")
}

/// A numbered or named line of /proc/PID/status, without its key.
func statusLine(_ pid: Int32, _ key: String) -> String {
    let lines = (TextFile.read("/proc/\(pid)/status") ?? "").split(separator: "\n")
    let line = lines.first { $0.hasPrefix(key + ":") } ?? ""
    return String(line.dropFirst(key.count + 1).drop { $0 == " " || $0 == "\t" })
}
