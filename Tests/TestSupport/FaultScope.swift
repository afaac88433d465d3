// Faults of wrapped system calls, limited to a body. Faults belong to a thread: the body must make
// its calls on the thread it runs on, and must not await. Debug builds only, as the hook itself;
// perf/sync builds the fake cluster, which links this target, for release.

#if DEBUG
    package import CEpoll
    import Glibc

    /// The next `times` calls of `call` within `body` fail with `error`.
    package func withFault<Value>(
        _ call: cepoll_call, error: Int32, times: Int = .max, _ body: () throws -> Value
    ) rethrows -> Value {
        cepoll_fault_set(call, error, 0, Int32(clamping: times))
        defer { cepoll_fault_clear() }
        return try body()
    }

    /// The next `times` calls of `call` within `body` move at most `count` bytes.
    package func withShort<Value>(
        _ call: cepoll_call, count: Int, times: Int = .max, _ body: () throws -> Value
    ) rethrows -> Value {
        cepoll_fault_set(call, 0, Int64(count), Int32(clamping: times))
        defer { cepoll_fault_clear() }
        return try body()
    }
#endif
