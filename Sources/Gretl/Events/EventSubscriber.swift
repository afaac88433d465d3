// A client that listens to events, as EventHub sees it: a place in the order of events, and what it
// wants. It has no queue: what it lacks is read from the ring when its socket has room.

import NetCore

/// One listener.
@ReactorActor
final class EventSubscriber: EventStreamOwner {
    let stream: EventStream
    private unowned let hub: EventHub
    let filter: EventFilter?
    let wantsStats: Bool
    let wantsTimes: Bool
    let from: EventQuery.Start
    /// Where it stands in the hub's table.
    var slot = -1
    /// The place of the next event it gets.
    var place: Int
    /// The newest id it was sent or did not want.
    var lastID: Int64
    /// Sent first.
    var opening: ByteChunk?
    /// Services it is still to be told of.
    var snapshot: [Service] = []
    /// It had everything at the last visit, and its socket took it; never with times.
    var isCaughtUp = false
    /// It waits for another visit.
    var isQueued = false
    var statsSeen: Int
    var pingsSeen: Int

    init(_ stream: EventStream, _ start: EventHub.Start, hub: EventHub, stats: Int, pings: Int) {
        self.stream = stream
        self.hub = hub
        from = start.from
        filter = start.filter
        wantsStats = start.wantsStats
        wantsTimes = start.wantsTimes
        place = start.place
        lastID = start.lastID
        opening = start.opening
        statsSeen = stats
        pingsSeen = pings
    }

    func streamDrained(_ stream: EventStream) { hub.visitSoon(self) }
    func streamClosed(_ stream: EventStream) { hub.remove(self) }
}
