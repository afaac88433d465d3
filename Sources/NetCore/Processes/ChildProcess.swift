// Starting helpers and reaping them. The daemon starts only its own programs (one gr-monitor for
// each service); users' programs are the monitors' children, and become the daemon's when a monitor
// is killed, since it is a subreaper: such strangers are reaped too, and how a followed one ended
// is kept. Exits arrive as SIGCHLD, which coalesces: `reapAll` loops until there are no more.

internal import CEpoll
import Glibc

/// The children of this process.
@ReactorActor
package final class ChildProcesses {
    /// How a child ended: its exit code, or the signal that killed it.
    package enum Ending: Equatable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    private var endings: [Int32: (Ending) -> Void] = [:]
    /// Programs that may become children of this process, and how they ended.
    private var followed: [Int32: Ending?] = [:]
    /// The last strangers that ended, oldest first: a program can end before it is followed.
    private var strangers: [(pid: Int32, ending: Ending)] = []
    private static let strangersMost = 64
    /// The soft descriptor limit children get back (the daemon raises its own).
    package var descriptorLimit: UInt64 = 0

    package init() {}

    package var count: Int { endings.count }

    /// Starts `path` with exactly `descriptors` as 0, 1, 2..., a clean signal state and only the
    /// environment given. `ended` is called in the reactor's turn. Throws what exec said.
    @discardableResult
    package func start(
        _ path: String, arguments: [String], environment: [String], descriptors: [Int32],
        ended: @escaping (Ending) -> Void
    ) throws(SystemError) -> Int32 {
        let limit = descriptorLimit
        let pid = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe descriptors.withUnsafeBufferPointer { descriptors in
                    unsafe cepoll_spawn(
                        path, arguments, environment, descriptors.baseAddress,
                        Int32(descriptors.count), limit, nil)
                }
            }
        }
        guard pid > 0 else { throw SystemError("start a program", pid) }
        endings[pid] = ended
        return pid
    }

    /// Starts a job: in a session of its own, killed when this thread ends, without core dumps, in
    /// the bounds of `bounds`. Gives a pidfd too, which tells of the end before SIGCHLD does; the
    /// caller owns it. `reap` then calls `ended`.
    package func startJob(
        _ path: String, arguments: [String], environment: [String], descriptors: [Int32],
        bounds: JobBounds, ended: @escaping (Ending) -> Void
    ) throws(SystemError) -> (pid: Int32, pidfd: Int32) {
        let limit = descriptorLimit
        var job = cepoll_job(
            file_bytes: bounds.fileBytes, memory_bytes: bounds.memoryBytes,
            niceness: bounds.niceness)
        var pidfd: Int32 = -1
        let pid = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe descriptors.withUnsafeBufferPointer { descriptors in
                    // All pointers live until the call returns, which is after the exec.
                    unsafe cepoll_spawn_job(
                        path, arguments, environment, descriptors.baseAddress,
                        Int32(descriptors.count), limit, &job, &pidfd)
                }
            }
        }
        guard pid > 0 else { throw SystemError("start a program", pid) }
        endings[pid] = ended
        return (pid, pidfd)
    }

    /// Collects this child if it has ended and nobody did so before.
    package func reap(_ pid: Int32) {
        guard endings[pid] != nil else { return }
        var code: Int32 = 0
        guard unsafe cepoll_reap_one(pid, &code) == pid else { return }
        let ending = code >= 0 ? Ending.exited(code) : .killed(signal: -code)
        endings.removeValue(forKey: pid)?(ending)
    }

    /// Kills a child that has not been reaped yet: its number is nobody else's.
    package func kill(_ pid: Int32) {
        if endings[pid] != nil { _ = Glibc.kill(pid, SIGKILL) }
    }

    /// Collects every ended child; to be called on SIGCHLD.
    package func reapAll() {
        // Bounded by the number of children there can be; ends at 0 (none ended) or ECHILD.
        for _ in 0..<100_000 {
            var code: Int32 = 0
            let pid = unsafe cepoll_reap(&code)
            guard pid > 0 else { return }
            let ending = code >= 0 ? Ending.exited(code) : .killed(signal: -code)
            guard let ended = endings.removeValue(forKey: pid) else {
                keep(ending, of: pid)
                continue
            }
            ended(ending)
        }
    }

    // MARK: Strangers

    private func keep(_ ending: Ending, of pid: Int32) {
        if followed[pid] != nil {
            followed[pid] = .some(ending)
            return
        }
        if strangers.count == ChildProcesses.strangersMost { strangers.removeFirst() }
        strangers.append((pid, ending))
    }

    /// Keeps how `pid`, a program that lost its monitor, ends or has ended.
    package func follow(_ pid: Int32) {
        // The last of that number is the program: it was alive when its monitor was.
        let known = strangers.last { $0.pid == pid }?.ending
        strangers.removeAll { $0.pid == pid }
        followed[pid] = .some(known)
    }

    package func unfollow(_ pid: Int32) { followed[pid] = nil }

    /// How a followed program ended; nil while it lives, or when it was never ours to reap.
    package func ending(ofFollowed pid: Int32) -> Ending? { followed[pid] ?? nil }
}

/// What a job may use.
package struct JobBounds: Sendable, Equatable {
    /// Largest file it may write; 0: as the system has it.
    package var fileBytes: UInt64
    /// Address space of each process; 0: as the system has it.
    package var memoryBytes: UInt64
    package var niceness: Int32

    package init(fileBytes: UInt64 = 0, memoryBytes: UInt64 = 0, niceness: Int32 = 0) {
        self.fileBytes = fileBytes
        self.memoryBytes = memoryBytes
        self.niceness = niceness
    }
}

/// Calls `body` with a NULL-terminated array of C strings that live until it returns.
func withCStrings<Value>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value
) -> Value {
    let copies = unsafe strings.map { unsafe strdup($0) }
    defer { unsafe copies.forEach { unsafe free($0) } }
    var pointers = unsafe copies.map { unsafe UnsafePointer($0) }
    unsafe pointers.append(nil)
    return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
}
