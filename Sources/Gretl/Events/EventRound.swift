// How far EventHub has got with visiting its listeners, and the piece that most of them get.

import NetCore

/// A round over all slots, and a queue of those who need another visit.
@ReactorActor
struct EventRound {
    /// What a write costs, in looks at a listener.
    static let write = EventLimits.visitsPerTurn / EventLimits.writesPerTurn
    static let effortPerTurn = EventLimits.visitsPerTurn

    /// Slots the round still has to see.
    var left = 0
    private var at = 0
    /// Each at most once, so that it has an end.
    var again = VisitQueue<EventSubscriber>()

    /// The next slot of the round.
    mutating func next(of count: Int) -> Int {
        left -= 1
        at = at < count - 1 ? at + 1 : 0
        return at
    }

    mutating func takeQueued() -> EventSubscriber? {
        guard let subscriber = again.take() else { return nil }
        subscriber.isQueued = false
        return subscriber
    }
}

/// The events that most listeners lack, in one piece.
@ReactorActor
final class EventBatch {
    private var start = 0
    private var end = 0
    private var chunk: ByteChunk?

    /// The frames from `start` to before `end`; the same piece for everybody who asks for the same.
    @inline(__always)
    func joined(_ start: Int, _ end: Int, _ ring: borrowing EventRing) -> ByteChunk {
        if start == self.start, end == self.end, let chunk { return chunk }
        return join(start, end, ring)
    }

    private func join(_ start: Int, _ end: Int, _ ring: borrowing EventRing) -> ByteChunk {
        let made: ByteChunk
        if end - start == 1 {
            made = ring[start].frame
        } else {
            made = ByteChunk(
                capacity: (start..<end).reduce(0) { $0 + ring[$1].frame.count })
            for place in start..<end { ring[place].frame.withSpan { made.append($0) } }
        }
        (self.start, self.end, chunk) = (start, end, made)
        return made
    }

    func forget() { (start, end, chunk) = (0, 0, nil) }
}
