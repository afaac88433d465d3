// The reactor of a test process. Swift Testing runs tests on several threads while ReactorActor has
// exactly one: this file starts that one thread, once, and lets tests run bodies on it. Used by
// NetCoreTests and GretlTests; a test must never block inside a body, all others would wait.

import Glibc
package import NetCore
import Synchronization

/// Runs `body` on the process's reactor thread, which is started by the first call, and brings its
/// result or error back to the test.
package func onReactor<Value: Sendable>(
    _ body: @escaping @Sendable @ReactorActor () async throws -> Value
) async throws -> Value {
    ReactorThread.start()
    return try await withCheckedThrowingContinuation { continuation in
        ReactorActor.post {
            spawn {
                do {
                    continuation.resume(returning: try await body())
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}

/// The one thread that turns the reactor of a test process, for as long as the process lives.
package enum ReactorThread {
    private static let current = Mutex<Reactor?>(nil)
    private static let started = startOnce()

    /// The reactor, to be used inside `onReactor` only.
    @ReactorActor package static var reactor: Reactor {
        guard let reactor = current.withLock({ $0 }) else {
            preconditionFailure("asked for the reactor outside onReactor")
        }
        return reactor
    }

    /// Starts the thread unless it runs already.
    package static func start() {
        precondition(started, "no thread for the reactor")
    }

    private static func startOnce() -> Bool {
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { _ in
                ReactorActor.bindToCurrentThread()
                // As in the daemon: splice(2) has no flag against it.
                ProcessSetup.ignoreBrokenPipes()
                ReactorActor.assumeIsolated { ReactorThread.turn() }
                return nil
            }, nil)
        return result == 0
    }

    @ReactorActor private static func turn() {
        do {
            let reactor = try Reactor()
            current.withLock { $0 = reactor }
            reactor.run()
        } catch {
            preconditionFailure("no reactor: \(error)")
        }
    }
}
