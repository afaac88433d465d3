// State shared between threads, behind a pthread mutex. Used where the reactor meets other threads:
// the inbox, the storage thread, the log. The library's Mutex does the same on a futex of its own,
// which the thread sanitizer cannot see: with this one `make test-thread` checks every access.

import Glibc

/// A value that one thread at a time can reach.
@safe  // the mutex has an address of its own, and `state` is touched only while it is held
package final class Lock<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    package init(_ state: sending State) {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        // Fails only for attributes, and none are given.
        unsafe pthread_mutex_init(mutex, nil)
        self.state = state
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Runs `body` alone. It must not take the same lock, nor block for long.
    package func withLock<Value, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
