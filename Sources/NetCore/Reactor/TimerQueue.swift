// Deadlines: a binary heap over stable slots, so that a timer can be moved or cancelled by its
// handle. Used by the reactor only; a connection keeps one timer for life and moves it when it
// fires (see HTTPConnection), so that requests never touch the heap.

/// Who is told that a deadline has passed.
@ReactorActor
package protocol TimerHandler: AnyObject {
    /// The timer scheduled under `tag` is due. It is gone; schedule again to go on.
    func timerFired(_ tag: UInt32)
}

/// Names one scheduled timer; stale handles are ignored.
package struct TimerHandle: Equatable, Sendable {
    var slot: UInt32
    var generation: UInt32
    /// Names no timer.
    package static let none = TimerHandle(slot: .max, generation: 0)
}

/// The deadlines of one reactor.
@ReactorActor
package struct TimerQueue: ~Copyable {
    private struct Entry {
        var deadline: Instant
        var handler: (any TimerHandler)?
        var tag: UInt32
        var generation: UInt32
        /// Place in the heap, -1 when free.
        var place: Int32
    }

    private var entries: [Entry] = []
    private var free: [UInt32] = []
    private var heap: [UInt32] = []

    package init() {}

    package var count: Int { heap.count }
    /// The earliest deadline, nil when nothing is scheduled.
    package var nextDeadline: Instant? {
        // No closure: one formed here checks its executor, 390 instructions each turn (callgrind).
        guard let first = heap.first else { return nil }
        return entries[Int(first)].deadline
    }

    /// Schedules `handler` for `deadline`.
    package mutating func schedule(
        at deadline: Instant, _ handler: any TimerHandler, tag: UInt32 = 0
    ) -> TimerHandle {
        let slot: UInt32
        if let reused = free.popLast() {
            slot = reused
        } else {
            slot = UInt32(entries.count)
            entries.append(
                Entry(deadline: deadline, handler: nil, tag: 0, generation: 1, place: -1))
        }
        entries[Int(slot)].deadline = deadline
        entries[Int(slot)].handler = handler
        entries[Int(slot)].tag = tag
        entries[Int(slot)].place = Int32(heap.count)
        heap.append(slot)
        siftUp(heap.count - 1)
        return TimerHandle(slot: slot, generation: entries[Int(slot)].generation)
    }

    /// Whether the timer is still to fire.
    package func isScheduled(_ handle: TimerHandle) -> Bool {
        Int(handle.slot) < entries.count
            && entries[Int(handle.slot)].generation == handle.generation
            && entries[Int(handle.slot)].place >= 0
    }

    /// Cancels; a handle that has fired or was cancelled is ignored.
    package mutating func cancel(_ handle: TimerHandle) {
        guard isScheduled(handle) else { return }
        remove(handle.slot)
    }

    /// Takes one due timer out, nil when none is due at `now`.
    package mutating func takeDue(
        _ now: Instant
    ) -> (handler: any TimerHandler, tag: UInt32)? {
        guard let slot = heap.first, entries[Int(slot)].deadline <= now,
            let handler = entries[Int(slot)].handler
        else { return nil }
        let tag = entries[Int(slot)].tag
        remove(slot)
        return (handler, tag)
    }

    private mutating func remove(_ slot: UInt32) {
        let place = Int(entries[Int(slot)].place)
        let last = heap.count - 1
        if place != last {
            heap.swapAt(place, last)
            entries[Int(heap[place])].place = Int32(place)
        }
        heap.removeLast()
        if place < heap.count {
            siftDown(place)
            siftUp(place)
        }
        entries[Int(slot)].place = -1
        entries[Int(slot)].handler = nil
        entries[Int(slot)].generation &+= 1
        free.append(slot)
    }

    private mutating func siftUp(_ start: Int) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard isBefore(place, parent) else { break }
            exchange(place, parent)
            place = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var place = start
        while true {
            var first = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < heap.count && isBefore(child, first) {
                first = child
            }
            guard first != place else { return }
            exchange(place, first)
            place = first
        }
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        entries[Int(heap[left])].deadline < entries[Int(heap[right])].deadline
    }

    private mutating func exchange(_ left: Int, _ right: Int) {
        heap.swapAt(left, right)
        entries[Int(heap[left])].place = Int32(left)
        entries[Int(heap[right])].place = Int32(right)
    }

    /// The heap order and the places agree; for tests.
    package func checkInvariants() {
        for place in heap.indices {
            precondition(entries[Int(heap[place])].place == Int32(place))
            precondition(place == 0 || !isBefore(place, (place - 1) / 2))
        }
        precondition(heap.count + free.count == entries.count)
    }
}
