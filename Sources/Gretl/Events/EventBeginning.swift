// Where a client that begins to listen stands in the order of events, and what it is told first:
// how long to wait before it comes back, and a gap where what it asks for is not kept. Used by
// EventRoutes when the request comes, by EventHub once more when the ring has moved on since.

import NetCore

extension EventHub {
    /// Where a new listener begins, fixed when its request came.
    package struct Start {
        let from: EventQuery.Start
        var place: Int
        var lastID: Int64
        var opening: ByteChunk
        var filter: EventFilter?
        var wantsStats: Bool
        var wantsTimes: Bool
        var wantsSnapshot: Bool
    }

    /// What a listener that asks for `query` gets first.
    package func start(_ query: EventQuery) -> Start {
        let (place, opening) = beginning(query.start)
        var requested: Int64?
        if case .after(let id) = query.start { requested = id }
        return Start(
            from: query.start, place: place, lastID: requested ?? log.ring.latestID,
            opening: opening, filter: query.filter, wantsStats: query.wantsStats,
            wantsTimes: query.wantsTimes, wantsSnapshot: query.wantsSnapshot)
    }

    /// The place in the ring, and what is sent before the events there.
    func beginning(_ start: EventQuery.Start) -> (place: Int, opening: ByteChunk) {
        let ring = log.ring
        var resume = EventRing.Resume(place: ring.first)
        var requested: Int64?
        switch start {
        case .now: resume.place = ring.end
        case .oldest: break
        case .after(let id):
            resume = ring.resume(after: id)
            requested = id
        case .invalid: resume.gap = .invalid
        }
        var opening = EventFrames.retry
        if let gap = resume.gap { opening += EventFrames.gap(gap, requested: requested, ring) }
        return (resume.place, ByteChunk(opening))
    }
}
