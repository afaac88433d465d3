// The small files of the run directory. `ID.new` says that a monitor is being started: without it a
// daemon that comes up in the milliseconds between the start of a monitor and the moment it can be
// found would miss it. It becomes `ID.run` with the program's start and says whose it is, should
// nobody be left to ask; `ID.pid` says which process that is. `ID.sock` and `ID.exit` are the
// monitor's.

import Glibc
import NetCore

/// Names and contents of the run directory.
package enum RunFiles {
    /// What is known of one incarnation.
    package struct Found: Sendable, Equatable {
        package var id: String
        package var hasIntent = false
        package var hasSocket = false
        package var hasRecord = false
    }

    /// What a program was started as.
    package struct Facts: Sendable, Equatable {
        package var name: String
        /// Of the spec it was started with, which may have changed since.
        package var port: Int?
    }

    /// Says that the monitor `id` is about to be started.
    static func writeIntent(_ id: String, _ facts: Facts, in directory: Int32) {
        let descriptor = unsafe openat(
            directory, "\(id).new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let port = facts.port.map { "\($0)" } ?? ""
        let bytes = Array("port=\(port) name=\(ServiceNames.encode(facts.name))\n".utf8)
        _ = unsafe write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    /// The program runs: its monitor can be found by its socket.
    static func settleIntent(_ id: String, in directory: Int32) {
        _ = unsafe renameat(directory, "\(id).new", directory, "\(id).run")
    }

    /// Says which process the program of an incarnation is: what it started has the same
    /// environment.
    static func writeProgram(_ program: ProgramIdentity, of id: String, in directory: Int32) {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
        let descriptor = unsafe openat(directory, "\(id).pid", flags, 0o600)
        guard descriptor >= 0 else { return }
        let bytes = Array("pid=\(program.pid) start=\(program.startTime)\n".utf8)
        _ = unsafe write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    /// The process an incarnation's program was; nil when nobody heard of it.
    static func program(_ id: String, in directory: Int32) -> ProcessIdentity? {
        guard let fields = readFields("\(id).pid", in: directory),
            let pid = fields["pid"].flatMap({ Int32($0) }),
            let start = fields["start"].flatMap({ UInt64($0) })
        else { return nil }
        return ProcessIdentity(pid: pid, startTime: start)
    }

    /// The monitor is gone, or about to end with everything known.
    static func removeIntent(_ id: String, in directory: Int32) {
        _ = unsafe unlinkat(directory, "\(id).pid", 0)
        _ = unsafe unlinkat(directory, "\(id).new", 0)
        _ = unsafe unlinkat(directory, "\(id).run", 0)
    }

    /// What the program of an incarnation was started as; nil when none was.
    static func facts(_ id: String, in directory: Int32) -> Facts? {
        guard let fields = readFields("\(id).run", in: directory),
            let name = fields["name"].flatMap(ServiceNames.decode)
        else { return nil }
        return Facts(name: name, port: fields["port"].flatMap { Int($0) })
    }

    /// Forgets everything of an incarnation.
    static func removeAll(_ id: String, in directory: Int32) {
        for suffix in ["new", "run", "pid", "sock", "exit"] {
            _ = unsafe unlinkat(directory, "\(id).\(suffix)", 0)
        }
    }

    /// Whether the monitor's socket is there.
    static func hasSocket(_ id: String, in directory: Int32) -> Bool {
        unsafe faccessat(directory, "\(id).sock", F_OK, 0) == 0
    }

    /// Whether the process `pid` is the monitor of that incarnation.
    static func isMonitor(_ pid: Int32, of id: String) -> Bool { monitorID(pid) == id }

    /// The incarnation whose monitor the process `pid` is; nil for any other.
    static func monitorID(_ pid: Int32) -> String? {
        // gr-monitor, NUL, sixteen digits, NUL.
        guard let bytes = ProcFile.read("/proc/\(pid)/cmdline", most: 28), bytes.count == 28,
            bytes.prefix(11).elementsEqual("gr-monitor\0".utf8), bytes[27] == 0
        else { return nil }
        return String(decoding: bytes[11..<27], as: UTF8.self)
    }

    /// Everything in the run directory, by incarnation.
    static func scan(_ path: String) -> [Found] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var found: [String: Found] = [:]
        for _ in 0..<200_000 {
            guard let entry = unsafe readdir(folder) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, isID(parts[0]) else { continue }
            let id = String(parts[0])
            switch parts[1] {
            case "new": found[id, default: Found(id: id)].hasIntent = true
            case "run": found[id] = found[id] ?? Found(id: id)
            case "sock": found[id, default: Found(id: id)].hasSocket = true
            case "exit": found[id, default: Found(id: id)].hasRecord = true
            default: continue
            }
        }
        return found.values.sorted { $0.id < $1.id }
    }

    private static func isID(_ text: Substring) -> Bool {
        text.utf8.count == 16
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            }
    }

    /// The exit record of an incarnation: its one line as key=value pairs.
    static func readRecord(_ id: String, in directory: Int32) -> [String: String]? {
        readFields("\(id).exit", in: directory)
    }

    private static func readFields(_ file: String, in directory: Int32) -> [String: String]? {
        let descriptor = unsafe openat(directory, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        var fields: [String: String] = [:]
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        for pair in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
        }
        return fields
    }
}
