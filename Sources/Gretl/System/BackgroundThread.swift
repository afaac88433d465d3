// The one thread beside the reactor's: it owns SQLite and takes what must not block the reactor.
// Jobs run one after the other in the order they came; results return through ReactorActor.post.
// Idle it sleeps in the kernel without a timer; behind many jobs it first has the memory that they
// needed given back. It never touches what belongs to the reactor.

import Glibc
package import NetCore

/// A named thread that runs jobs from a bounded queue.
package final class BackgroundThread: Sendable {
    /// Why a job was not taken.
    package enum Refusal: Error, Equatable {
        /// As many jobs wait as the queue has room for.
        case full
        /// `stop` was called.
        case stopped
    }

    private enum State {
        /// The first job starts it.
        case unstarted(ThreadStart)
        case running(pthread_t)
        case over
    }

    private let queue: JobQueue
    private let state: Lock<State>

    /// Starts the thread. `name` is cut to the kernel's 15 bytes; all signals stay blocked in it,
    /// so that they go to the reactor's signalfd. `rested` is called on the thread when nothing is
    /// left to do behind many jobs.
    package init(
        name: String, capacity: Int = 4_096,
        rested: @escaping @Sendable () -> Void = ProcessSetup.releaseUnused
    ) throws(SystemError) {
        queue = JobQueue(capacity: capacity)
        let start = ThreadStart(queue: queue, name: name, rested: rested)
        state = Lock(.running(try Self.start(start)))
    }

    /// Starts no thread before there is a job; when none can be started then, jobs are refused as
    /// if too many waited.
    package init(atFirstJob name: String, capacity: Int = 4_096) {
        queue = JobQueue(capacity: capacity)
        state = Lock(
            .unstarted(
                ThreadStart(queue: queue, name: name, rested: ProcessSetup.releaseUnused)))
    }

    deinit { stop() }

    /// Runs `work` on the thread and brings its value back to the reactor.
    @ReactorActor
    package func perform<Value: Sendable>(
        _ work: @escaping @Sendable () -> Value
    ) async throws(Refusal) -> Value {
        let result: Result<Value, Refusal> = await withCheckedContinuation { continuation in
            do throws(Refusal) {
                try submit {
                    let value = work()
                    ReactorActor.post { continuation.resume(returning: .success(value)) }
                }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// Queues `job`; callable from every thread.
    package func submit(_ job: @escaping @Sendable () -> Void) throws(Refusal) {
        let isReady = state.withLock { state in
            guard case .unstarted(let start) = state else { return true }
            guard let thread = try? Self.start(start) else { return false }
            state = .running(thread)
            return true
        }
        guard isReady else { throw .full }
        try queue.append(job)
    }

    /// Runs what is queued, then ends the thread. Blocks until that is done; later calls do
    /// nothing.
    package func stop() {
        let last = state.withLock { state in
            defer { state = .over }
            return state
        }
        queue.close()
        guard case .running(let running) = last else { return }
        if pthread_equal(running, pthread_self()) != 0 {
            // The last owner went away inside a job: a thread cannot join itself.
            pthread_detach(running)
        } else {
            pthread_join(running, nil)
        }
    }

    private static func start(_ start: ThreadStart) throws(SystemError) -> pthread_t {
        // Every pointer here is to a local that outlives the call. The mask is inherited by the
        // new thread, which takes over the one reference made for it.
        let every = UnsafeMutablePointer<sigset_t>.allocate(capacity: 1)
        let before = UnsafeMutablePointer<sigset_t>.allocate(capacity: 1)
        defer {
            unsafe every.deallocate()
            unsafe before.deallocate()
        }
        unsafe sigfillset(every)
        unsafe pthread_sigmask(SIG_BLOCK, every, before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, before, nil) }
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(start)
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            unsafe context.release()
            throw SystemError("pthread_create", result)
        }
        return thread
    }
}

/// What a new thread needs to know.
private final class ThreadStart: Sendable {
    private let queue: JobQueue
    private let name: String
    private let rested: @Sendable () -> Void

    init(queue: JobQueue, name: String, rested: @escaping @Sendable () -> Void) {
        self.queue = queue
        self.name = name
        self.rested = rested
    }

    func run() {
        setName()
        while let job = queue.next(rested: rested) { job() }
    }

    /// By way of /proc, since the C function is hidden from Swift. A missing /proc costs the name.
    private func setName() {
        let file = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        let bytes = Array(name.utf8.prefix(15))
        _ = unsafe write(file, bytes, bytes.count)
        _ = close(file)
    }
}

/// The bounded queue between the callers and the thread.
///
/// `@unchecked`: every access to `jobs` and `isOpen` holds `mutex`.
@safe  // the two kernel objects are owned here, initialised in init and destroyed in deinit
private final class JobQueue: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let capacity: Int
    private var jobs: [@Sendable () -> Void] = []
    /// Jobs before this index were taken already.
    private var first = 0
    private var isOpen = true
    /// Jobs taken since the last rest.
    private var taken = 0

    /// A rest is told of behind so many jobs, once this many seconds went by without one.
    private static let jobsBeforeRest = 256
    private static let restSeconds = 1

    init(capacity: Int) {
        self.capacity = capacity
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    func append(_ job: @escaping @Sendable () -> Void) throws(BackgroundThread.Refusal) {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        guard isOpen else { throw .stopped }
        guard jobs.count - first < capacity else { throw .full }
        jobs.append(job)
        unsafe pthread_cond_signal(condition)
    }

    func close() {
        unsafe pthread_mutex_lock(mutex)
        isOpen = false
        unsafe pthread_cond_signal(condition)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// The next job, waiting for one; nil once closed and empty.
    func next(rested: () -> Void) -> (@Sendable () -> Void)? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while first == jobs.count {
            jobs.removeAll(keepingCapacity: jobs.capacity <= 256)
            first = 0
            guard isOpen else { return nil }
            guard taken >= Self.jobsBeforeRest else {
                unsafe pthread_cond_wait(condition, mutex)
                continue
            }
            var end = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &end)
            end.tv_sec += Self.restSeconds
            guard unsafe pthread_cond_timedwait(condition, mutex, &end) != 0, first == jobs.count,
                isOpen
            else { continue }
            taken = 0
            // Nobody waits for this thread meanwhile.
            unsafe pthread_mutex_unlock(mutex)
            rested()
            unsafe pthread_mutex_lock(mutex)
        }
        taken += 1
        defer { first += 1 }
        let job = jobs[first]
        // Lets go of what the job captured as soon as it ran.
        jobs[first] = {}
        return job
    }
}
