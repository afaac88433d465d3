// One blocking call beside a client command that shows progress meanwhile. Only for the command
// line: the daemon has its reactor and its storage thread.

import Glibc
import Synchronization

/// A body that runs on a thread of its own, and its result.
package final class SideThread<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let body: @Sendable () -> Value

    /// Begins at once; nil when there can be no thread.
    package static func run(_ body: @escaping @Sendable () -> Value) -> SideThread? {
        let side = SideThread(body)
        let box = Box { side.perform() }
        var thread = pthread_t()
        // The box is retained until the thread has taken it over.
        let context = unsafe Unmanaged.passRetained(box)
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Box>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            return nil
        }
        pthread_detach(thread)
        return side
    }

    private init(_ body: @escaping @Sendable () -> Value) { self.body = body }

    private func perform() {
        let value = body()
        result.withLock { $0 = value }
    }

    /// The result; nil until it is there. Who shows progress looks now and then, and needs no
    /// condition variable.
    package var value: Value? { result.withLock { $0 } }
}

/// What crosses into the thread.
private final class Box: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
