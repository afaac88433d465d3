// A thread for blocking work: the clients of the kill loop and the pollers of the restart tests
// must not take the few threads the test runner has for everybody.

import Glibc
import Synchronization

/// A joinable thread.
final class Worker {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var thread = pthread_t()
    private var isJoined = false

    init(_ run: @escaping @Sendable () -> Void) {
        let body = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
        // The thread takes over the reference made above.
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, body)
        precondition(result == 0, "no thread")
    }

    /// Waits for its end; what it wrote may be read afterwards.
    func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(thread, nil)
    }
}

/// Milliseconds on the monotonic clock.
func milliseconds() -> Double {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) * 1_000 + Double(now.tv_nsec) / 1_000_000
}

func pause(milliseconds: Int) {
    usleep(UInt32(clamping: max(0, milliseconds) * 1_000))
}

/// Looks every 5 ms until `condition` holds, at most `patience` milliseconds.
func eventually(within patience: Double = 5_000, _ condition: () throws -> Bool) rethrows -> Bool {
    let end = milliseconds() + patience
    while milliseconds() < end {
        if try condition() { return true }
        pause(milliseconds: 5)
    }
    return try condition()
}

/// Set once by one thread, read by another.
final class Flag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
    func clear() { value.withLock { $0 = false } }
}

/// What a worker found out.
final class Outcome<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)
    var value: Value? { stored.withLock { $0 } }
    func set(_ value: Value) { stored.withLock { $0 = value } }
}
