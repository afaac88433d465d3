// A program that works for the daemon and ends with it: what it is started with, and the start,
// which any thread can make. ChildProcesses keeps account of it.

internal import CEpoll

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

/// A job that is to be started: in a session of its own, without core dumps, in its bounds.
package struct JobLaunch: Sendable {
    /// A job that was started; the pidfd is the receiver's.
    package struct Started: Sendable {
        package let pid: Int32
        package let pidfd: Int32
    }

    package typealias Outcome = Result<Started, SystemError>

    private let path: String
    private let arguments: [String]
    private let environment: [String]
    private let descriptors: [Int32]
    private let bounds: JobBounds

    /// `descriptors` become 0, 1, 2 and so on; they stay open until the start has returned.
    package init(
        _ path: String, arguments: [String], environment: [String], descriptors: [Int32],
        bounds: JobBounds
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.descriptors = descriptors
        self.bounds = bounds
    }

    /// Starts it, and returns when it is the program. It is killed when the thread that called this
    /// ends.
    func start(descriptorLimit: UInt64) -> Outcome {
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
                        Int32(descriptors.count), descriptorLimit, &job, &pidfd)
                }
            }
        }
        guard pid > 0 else { return .failure(SystemError("start a program", pid)) }
        return .success(Started(pid: pid, pidfd: pidfd))
    }
}
