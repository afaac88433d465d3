// Programs whose monitor was killed before anybody knew of them, or together with the daemon:
// nobody is left to ask, but every program has the name of its incarnation in its environment.
// Reads all of /proc, which takes milliseconds: for Recovery before the daemon listens, and only
// when a monitor is missing; on the background thread afterwards.

import Glibc
import NetCore

/// A program that runs without a monitor.
struct StrayProgram {
    let pid: Int32
    /// Field 22 of /proc/PID/stat.
    let startTime: UInt64
    /// GRETL_NAME.
    let service: String
    /// GRETL_INCARNATION: the id of its monitor.
    let incarnation: String

    var program: ProgramIdentity {
        ProgramIdentity(
            pid: pid, startTime: startTime, startedAt: ProcessFacts.startedAt(ticks: startTime))
    }

    var process: ProcessIdentity { ProcessIdentity(pid: pid, startTime: startTime) }

    /// Whether its pid is still its own.
    var isAlive: Bool {
        guard let facts = StrayProgram.facts(pid) else { return false }
        return facts.isLeader && facts.startTime == startTime
    }

    fileprivate enum Look {
        /// It carries the name of an incarnation.
        case member(StrayProgram, isLeader: Bool)
        /// The monitor of an incarnation, or what it forked and has not become the program yet.
        case monitor(String)
        /// A session leader that shows no environment: within exec it has none for a moment.
        case unknown
        case other
    }

    fileprivate static func look(at pid: Int32) -> Look {
        guard let facts = facts(pid) else { return .other }
        if facts.isMonitor {
            let words = (read("/proc/\(pid)/cmdline") ?? []).split(separator: 0)
            guard words.count > 1, words[0].elementsEqual("gr-monitor".utf8) else {
                return .unknown
            }
            return .monitor(String(decoding: words[1], as: UTF8.self))
        }
        // Another user's cannot be opened.
        guard let bytes = read("/proc/\(pid)/environ") else { return .other }
        guard !bytes.isEmpty else { return facts.isLeader ? .unknown : .other }
        var service: String?
        var incarnation: String?
        for entry in bytes.split(separator: 0) {
            // The first byte first: there are many environments with many entries.
            guard entry.first == UInt8(ascii: "G") else { continue }
            let text = String(decoding: entry, as: UTF8.self)
            if text.hasPrefix("GRETL_NAME=") { service = String(text.dropFirst(11)) }
            if text.hasPrefix("GRETL_INCARNATION=") { incarnation = String(text.dropFirst(18)) }
        }
        guard let service, let incarnation else { return .other }
        return .member(
            StrayProgram(
                pid: pid, startTime: facts.startTime, service: service, incarnation: incarnation),
            isLeader: facts.isLeader)
    }

    private struct Facts {
        let startTime: UInt64
        /// Of a session.
        let isLeader: Bool
        /// By its name, which a fork keeps until its exec.
        let isMonitor: Bool
    }

    /// Of a living process.
    private static func facts(_ pid: Int32) -> Facts? {
        let text = String(decoding: read("/proc/\(pid)/stat") ?? [], as: UTF8.self)
        guard let begin = text.firstIndex(of: "("), let end = text.lastIndex(of: ")"), begin < end
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X",
            let startTime = UInt64(fields[19])
        else { return nil }
        return Facts(
            startTime: startTime, isLeader: Int32(fields[3]) == pid,
            isMonitor: text[text.index(after: begin)..<end] == "gr-monitor")
    }

    /// At most 256 KiB of a file; nil when it cannot be opened.
    private static func read(_ path: String) -> ArraySlice<UInt8>? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
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

/// Everything that one look at /proc found.
struct StrayPrograms {
    /// The main program of each incarnation that still has one. A monitor makes it the leader of a
    /// session; what it forked into sessions of their own is younger.
    private(set) var programs: [String: StrayProgram] = [:]
    /// Everybody who carries the name of an incarnation, main program or not.
    private(set) var members: [String: [ProcessIdentity]] = [:]
    /// Monitors, and what they forked, by incarnation.
    private(set) var monitors: [String: Int32] = [:]
    /// Some of our user could not be told.
    private(set) var hasUnknown = false

    static func find() -> StrayPrograms {
        var found = StrayPrograms()
        guard let folder = unsafe opendir("/proc") else { return found }
        defer { unsafe closedir(folder) }
        for _ in 0..<200_000 {
            guard let entry = unsafe readdir(folder) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard let pid = Int32(name), pid > 1 else { continue }
            switch StrayProgram.look(at: pid) {
            case .member(let stray, let isLeader): found.keep(stray, isLeader: isLeader)
            case .monitor(let id): found.monitors[id] = pid
            case .unknown: found.hasUnknown = true
            case .other: break
            }
        }
        return found
    }

    private mutating func keep(_ stray: StrayProgram, isLeader: Bool) {
        members[stray.incarnation, default: []].append(stray.process)
        guard isLeader else { return }
        if let other = programs[stray.incarnation], other.startTime <= stray.startTime { return }
        programs[stray.incarnation] = stray
    }
}
