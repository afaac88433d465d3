// A program that outlives its starter: how `gr` starts the daemon. The child gets exactly the
// descriptors given, so that a pipe behind `gr` ends with `gr`. For a process without a reactor;
// the daemon starts its children by ChildProcesses.

internal import CEpoll
import Glibc

/// Starts programs that nobody waits for.
package enum DetachedProgram {
    /// Starts `path` with `descriptors` as 0, 1, 2...; a handle that tells when it ends.
    package static func start(
        _ path: String, arguments: [String], environment: [String], descriptors: [Int32]
    ) throws(SystemError) -> ProcessHandle {
        let pid = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe descriptors.withUnsafeBufferPointer { descriptors in
                    // All pointers live until the call returns, which is after the exec.
                    unsafe cepoll_spawn(
                        path, arguments, environment, descriptors.baseAddress,
                        Int32(descriptors.count), 0, nil)
                }
            }
        }
        guard pid > 0 else { throw SystemError("start a program", pid) }
        // Ours and not reaped: the pid cannot be anybody else's.
        guard let handle = ProcessHandle(pid, isStill: { true }) else {
            throw SystemError("watch a program", -ESRCH)
        }
        return handle
    }
}
