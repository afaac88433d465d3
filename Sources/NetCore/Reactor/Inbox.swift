// The way into the reactor from other threads: results of the storage thread, jobs of the Swift
// runtime. A locked queue and an eventfd that is written only when the reactor may be asleep.

internal import CEpoll
import Glibc

/// A bounded-per-turn queue of work for the reactor's thread.
package final class Inbox: Sendable {
    /// One thing to do on the reactor's thread.
    package enum Item: Sendable {
        case job(UnownedJob)
        case work(@Sendable @ReactorActor () -> Void)
    }

    private struct State {
        var items: [Item] = []
        /// The reactor's thread, once it runs: its own posts need no wake-up.
        var owner: pthread_t?
        /// An eventfd write is on its way: further posts need none.
        var signalled = false
    }

    private let state = Lock(State())
    /// Readable when something was posted from another thread.
    package let wakeDescriptor: Int32

    init() {
        wakeDescriptor = cepoll_eventfd()
        precondition(wakeDescriptor >= 0, "no eventfd: the process cannot work")
    }

    deinit { _ = cepoll_close(wakeDescriptor) }

    /// From now on the calling thread is the reactor's.
    func bindToCurrentThread() {
        state.withLock { $0.owner = pthread_self() }
    }

    /// Whether the calling thread is the reactor's.
    var isOnOwnThread: Bool {
        state.withLock { $0.owner.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    /// Adds an item; callable from every thread.
    func post(_ item: Item) {
        let wake = state.withLock { state in
            state.items.append(item)
            let own = state.owner.map { pthread_equal($0, pthread_self()) != 0 } ?? false
            if own || state.signalled { return false }
            state.signalled = true
            return true
        }
        if wake { _ = cepoll_eventfd_signal(wakeDescriptor) }
    }

    /// Takes everything posted so far.
    func take() -> [Item] {
        state.withLock { state in
            guard !state.items.isEmpty else { return [] }
            var items: [Item] = []
            swap(&items, &state.items)
            return items
        }
    }

    var isEmpty: Bool { state.withLock { $0.items.isEmpty } }

    /// Empties the eventfd; called when it was reported readable.
    func drainWake() {
        // In this order: cleared first, a post between the two would have its signal drained while
        // `signalled` stays set, and no later post would wake the loop again.
        _ = cepoll_eventfd_drain(wakeDescriptor)
        state.withLock { $0.signalled = false }
    }
}
