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
    /// Jobs that are being started, and unknown children that ended meanwhile: one of them can be
    /// such a job.
    private var starting = 0
    private var early: [Int32: Ending] = [:]
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

    /// Starts a job on a thread of the caller's, which runs what it is given there: whoever starts
    /// a program waits until its exec, for some milliseconds where others want the core. Gives a
    /// pidfd too, which tells of the end before SIGCHLD does; the caller owns it. `reap` or
    /// `reapAll` then calls `ended`, which may be before this returns.
    package func startJob(
        _ launch: JobLaunch,
        on thread:
            @ReactorActor (@escaping @Sendable () -> JobLaunch.Outcome) async ->
            JobLaunch.Outcome,
        ended: @escaping (Ending) -> Void
    ) async throws(SystemError) -> JobLaunch.Started {
        let limit = descriptorLimit
        starting += 1
        let outcome = await thread { launch.start(descriptorLimit: limit) }
        starting -= 1
        defer { if starting == 0 { early = [:] } }
        let started = try outcome.get()
        if let ending = early.removeValue(forKey: started.pid) {
            strangers.removeAll { $0.pid == started.pid }
            ended(ending)
        } else {
            endings[started.pid] = ended
        }
        return started
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
        if starting > 0 { early[pid] = ending }
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
