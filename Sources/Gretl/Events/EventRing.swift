// The newest events, by their place in the order in which they happened. Places are counted without
// gaps, ids may skip: after a restart, or where a record was lost. A pure value: EventLog fills it
// and EventHub reads it.

import NetCore

/// A bounded list of numbered events.
package struct EventRing {
    /// Why what follows an id cannot be given whole.
    package enum Gap: String, Equatable, Sendable {
        /// Older than what is kept.
        case evicted
        /// A restart skipped ids or lost some: nobody can say what they were.
        case restart
        /// An id that was never given.
        case ahead
        /// Not an id.
        case invalid
        /// The client did not read fast enough.
        case slow
    }

    /// Where a client goes on.
    package struct Resume: Equatable, Sendable {
        /// The place of the first event it gets.
        package var place: Int
        /// What it has to be told first.
        package var gap: Gap?
    }

    /// An event stands at its place modulo `most`.
    private var slots: [KeptEvent?] = []
    private var bytes = 0
    private let most: Int
    private let mostBytes: Int
    /// The place of the oldest event, and the one behind the newest.
    package private(set) var first = 0
    package private(set) var end = 0
    /// Events were let go because there were too many.
    private var hasEvicted = false
    /// The id behind the last one that was, or may have been, given.
    package var nextID: Int64 = 1

    package init(most: Int = EventLimits.kept, mostBytes: Int = EventLimits.keptBytes) {
        self.most = most
        self.mostBytes = mostBytes
    }

    package var count: Int { end - first }
    /// The id of the oldest event, or of the next one when there is none.
    package var oldestID: Int64 { count > 0 ? self[first].id : nextID }
    /// The newest id that was, or may have been, given; 0 before the first.
    package var latestID: Int64 { nextID - 1 }

    /// The event at a place from `first` to before `end`.
    package subscript(place: Int) -> KeptEvent {
        precondition(place >= first && place < end)
        guard let event = slots[place % most] else { preconditionFailure("a place is empty") }
        return event
    }

    /// Adds the newest event; its id is higher than all before.
    package mutating func append(_ event: KeptEvent) {
        precondition(event.id >= nextID)
        nextID = event.id + 1
        if count == most { evict() }
        if slots.count < most { slots.append(event) } else { slots[end % most] = event }
        bytes += event.frame.count
        end += 1
        while bytes > mostBytes, count > 1 { evict() }
    }

    private mutating func evict() {
        bytes -= self[first].frame.count
        slots[first % most] = nil
        first += 1
        hasEvicted = true
    }

    /// Where a client goes on that has seen everything up to `id`.
    package func resume(after id: Int64) -> Resume {
        guard id < nextID else { return Resume(place: first, gap: .ahead) }
        var low = first
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if self[middle].id > id { high = middle } else { low = middle + 1 }
        }
        // Whole when every id behind it is there.
        guard Int64(end - low) != latestID - id else { return Resume(place: low) }
        let isOlder = id < oldestID - 1 && (hasEvicted || count == most)
        return Resume(place: low, gap: isOlder ? .evicted : .restart)
    }
}
