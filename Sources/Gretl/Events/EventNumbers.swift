// Ids that never repeat. They are used up to a mark that the database holds: it is moved on, a
// block at a time and long before it is reached, by a write that nobody waits for. While the
// database cannot be written, ids go on beyond the mark, but only so far as a start that knows
// nothing else skips: that is how they stay unique over a power cut without ever stopping an event.

package import NetCore

/// Gives the next id.
@ReactorActor
package final class EventNumbers {
    /// What JavaScript can count to.
    package nonisolated static let most: Int64 = 1 << 53 - 1

    private let reactor: Reactor
    /// Makes a mark durable.
    private let store: @ReactorActor (Int64) async throws(StorageError) -> Void
    package private(set) var next: Int64
    /// All ids below are reserved.
    private var mark: Int64
    private var isReserving = false
    private var retryAt: Instant
    private var hasFailed = false

    package init(
        on reactor: Reactor, next: Int64, mark: Int64,
        store: @escaping @ReactorActor (Int64) async throws(StorageError) -> Void
    ) {
        self.reactor = reactor
        self.next = next
        self.mark = mark
        self.store = store
        retryAt = reactor.now
    }

    /// The first id of a start that found `mark` in the database (nil: nothing yet) and `seen` as
    /// the first id behind all it knows of. `isCertain`: none but those it knows of were given.
    package nonisolated static func first(mark: Int64?, seen: Int64, isCertain: Bool) -> Int64 {
        // Nothing known of: the very first start.
        if isCertain || (mark == nil && seen <= 1) { return max(1, seen) }
        return min(max(mark ?? 1, seen), most) + Int64(EventLimits.idSlack)
    }

    /// The next id; nil when so many were used without a reservation that none is certain to be
    /// new.
    package func take() -> Int64? {
        guard next < mark + Int64(EventLimits.idSlack), next <= EventNumbers.most else {
            reserveSoon()
            return nil
        }
        defer { next += 1 }
        if mark - next <= Int64(EventLimits.idBlock) { reserveSoon() }
        return next
    }

    /// Reserves two blocks from the next id on, if that is not so yet. Returns when it is durable.
    package func reserve() async throws(StorageError) {
        let block = Int64(EventLimits.idBlock)
        guard mark < next + 2 * block else { return }
        let wanted = next + 2 * block
        try await store(wanted)
        mark = max(mark, wanted)
    }

    private func reserveSoon() {
        guard !isReserving, reactor.now >= retryAt else { return }
        isReserving = true
        spawn { [self] in
            do throws(StorageError) {
                try await reserve()
                hasFailed = false
            } catch {
                if !hasFailed {
                    hasFailed = true
                    Log.shared.error("event ids cannot be reserved", ["why": "\(error)"])
                }
                // With the next event after this; no timer wakes for it.
                retryAt = reactor.now + .seconds(1)
            }
            isReserving = false
        }
    }
}
