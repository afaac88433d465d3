// Numbers events, keeps them and tells everybody who listens. Nobody has a queue: each listener is
// a place in the ring, and the hub goes round and sends what is lacking there, in one write, a
// bounded number of them in a turn (docs/decisions/0011). A listener that falls behind the ring is
// told so and let go; it comes back with its last id. Publishing never blocks and never fails.

package import NetCore

/// The stream of events.
@ReactorActor
package final class EventHub: EventSink {
    /// What happened so far, for GET /v1/daemon/stats.
    package struct Counts: Equatable, Sendable {
        package var published = 0
        /// Listeners let go because they did not read fast enough.
        package var slow = 0
    }

    let log: EventLog
    let reactor: Reactor
    private let services: EventServices
    private let stats: StatsFeed
    package private(set) var counts = Counts()
    /// By slot; a free one is nil, so that nobody moves while a round is under way.
    private var slots: [EventSubscriber?] = []
    private var free: [Int] = []
    package private(set) var count = 0
    private var statsListeners = 0
    private var round = EventRound()
    private var isScheduled = false
    private var pings = 0
    private var pingTimer = TimerHandle.none
    private var isClosing = false
    let batch = EventBatch()
    private let ping = ByteChunk(EventFrames.ping)

    /// How often a silent stream says that it is alive.
    private static let pingPause = Duration.seconds(15)

    package init(_ log: EventLog, services: EventServices, stats: StatsFeed, on reactor: Reactor) {
        self.log = log
        self.services = services
        self.stats = stats
        self.reactor = reactor
        stats.produced = { [weak self] in self?.goRound() }
    }

    // MARK: Publishing

    package func publish(_ event: Event) {
        guard log.append(event) else { return }
        counts.published += 1
        goRound()
    }

    /// Before the daemon ends: nobody new, no timers. The streams end with the server's drain.
    package func close() {
        isClosing = true
        reactor.timers.cancel(pingTimer)
        stats.stop()
        log.write()
    }

    // MARK: Listeners

    /// Whether one more can listen.
    package var hasRoom: Bool { !isClosing && count < EventLimits.subscribers }

    /// Feeds `stream` from now on.
    package func add(_ stream: EventStream, _ start: Start) {
        guard hasRoom else { return stream.end() }
        let subscriber = EventSubscriber(
            stream, start, hub: self, stats: stats.generation, pings: pings)
        stream.owner = subscriber
        if start.wantsSnapshot { subscriber.snapshot = services.all(start.filter) }
        if let slot = free.popLast() {
            subscriber.slot = slot
            slots[slot] = subscriber
        } else {
            subscriber.slot = slots.count
            slots.append(subscriber)
        }
        count += 1
        if count == 1 { schedulePing() }
        if subscriber.wantsStats {
            statsListeners += 1
            if statsListeners == 1 { stats.start() }
        }
        visitSoon(subscriber)
    }

    func remove(_ subscriber: EventSubscriber) {
        guard subscriber.slot >= 0, slots[subscriber.slot] === subscriber else { return }
        slots[subscriber.slot] = nil
        free.append(subscriber.slot)
        subscriber.slot = -1
        subscriber.snapshot = []
        count -= 1
        if subscriber.wantsStats {
            statsListeners -= 1
            if statsListeners == 0 { stats.stop() }
        }
        guard count == 0 else { return }
        reactor.timers.cancel(pingTimer)
        // Ten thousand that were there once leave nothing behind.
        slots = []
        free = []
        round = EventRound()
        batch.forget()
    }

    // MARK: Rounds

    /// Visits everybody, from this turn on.
    private func goRound() {
        round.left = slots.count
        schedule()
    }

    /// Visits `subscriber` in its turn.
    func visitSoon(_ subscriber: EventSubscriber) {
        guard !subscriber.isQueued else { return }
        subscriber.isQueued = true
        round.again.append(subscriber)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        reactor.flushAtEndOfTurn(self)
    }

    /// Sends `subscriber` what it lacks, in one write. The effort it took, in visits.
    @inline(__always)
    private func visit(_ subscriber: EventSubscriber, _ ring: borrowing EventRing) -> Int {
        // The way of nearly all: everything but the newest was sent before, nothing else is due.
        let end = ring.end
        let lacks = end - subscriber.place
        guard subscriber.isCaughtUp, subscriber.filter == nil, lacks > 0,
            lacks <= EventLimits.joinedEvents, subscriber.place >= ring.first,
            !subscriber.wantsStats || subscriber.statsSeen == stats.generation
        else { return visitFully(subscriber) }
        subscriber.stream.send(batch.joined(subscriber.place, end, ring))
        subscriber.place = end
        subscriber.lastID = ring.latestID
        subscriber.pingsSeen = pings
        subscriber.isCaughtUp = subscriber.stream.isDrained
        return EventRound.write
    }

    private func visitFully(_ subscriber: EventSubscriber) -> Int {
        let stream = subscriber.stream
        // What fills the socket is still under way: `streamDrained` brings it back.
        guard subscriber.slot >= 0, stream.isOpen, stream.isDrained else { return 1 }
        if let opening = subscriber.opening { open(subscriber, with: opening) }
        guard subscriber.place >= log.ring.first else { return letGo(subscriber) }
        var effort = 1
        if subscriber.snapshot.isEmpty {
            effort += appendEvents(to: subscriber)
            if subscriber.place == log.ring.end { appendRest(to: subscriber) }
        } else {
            let part = subscriber.snapshot.suffix(EventLimits.snapshotServices)
            subscriber.snapshot.removeLast(part.count)
            stream.append(services.frame(part, isLast: subscriber.snapshot.isEmpty))
            effort += EventRound.write
        }
        let isAll = subscriber.snapshot.isEmpty && subscriber.place == log.ring.end
        // The quick way knows the frames without times.
        let isPlain = isAll && !subscriber.wantsTimes
        subscriber.isCaughtUp = isPlain && stream.isDrained
        guard !stream.isDrained else {
            if !isAll { visitSoon(subscriber) }
            return effort
        }
        stream.flush()
        guard stream.isOpen, stream.isDrained else { return effort + EventRound.write }
        subscriber.isCaughtUp = isPlain
        if !isAll { visitSoon(subscriber) }
        return effort + EventRound.write
    }

    /// The first visit. What was the oldest event when the client asked may be gone by now, which
    /// is not the client's doing: then it begins as if it asked now.
    private func open(_ subscriber: EventSubscriber, with opening: ByteChunk) {
        subscriber.opening = nil
        var opening = opening
        if subscriber.place < log.ring.first, subscriber.from != .now {
            (subscriber.place, opening) = beginning(subscriber.from)
        }
        subscriber.stream.append(opening)
    }

    /// Appends the next events the client wants, at most a write full; the effort of looking.
    private func appendEvents(to subscriber: EventSubscriber) -> Int {
        let end = log.ring.end
        var looked = 0
        var appended = 0
        while subscriber.place < end, appended < Limits.piecesPerWrite - 4 {
            let event = log.ring[subscriber.place]
            subscriber.place += 1
            subscriber.lastID = event.id
            looked += 1
            guard subscriber.filter?.passes(event) ?? true else { continue }
            subscriber.stream.append(subscriber.wantsTimes ? event.timedFrame : event.frame)
            appended += 1
        }
        return looked / 8
    }

    /// Appends the newest statistics, or a ping when nothing else is sent.
    private func appendRest(to subscriber: EventSubscriber) {
        if subscriber.wantsStats, subscriber.statsSeen != stats.generation {
            subscriber.statsSeen = stats.generation
            if let chunk = stats.chunk(for: subscriber.filter) { subscriber.stream.append(chunk) }
        }
        if subscriber.pingsSeen != pings, subscriber.stream.isDrained {
            subscriber.stream.append(ping)
        }
        subscriber.pingsSeen = pings
    }

    /// What it lacks is gone: tells it, and ends. It comes back with the last id it has.
    private func letGo(_ subscriber: EventSubscriber) -> Int {
        counts.slow += 1
        let stream = subscriber.stream
        stream.append(
            ByteChunk(EventFrames.gap(.slow, requested: subscriber.lastID, log.ring)))
        remove(subscriber)
        stream.end()
        return EventRound.write
    }

    // MARK: Timers

    private func schedulePing() {
        pingTimer = reactor.timers.schedule(at: reactor.now + EventHub.pingPause, self)
    }
}

extension EventHub: DeferredHandler {
    /// A part of a round. The file comes first: nobody is told of what is not in it. What a write
    /// costs goes from 3 us to 50, with the length of the piece and who wakes of it: so the clock
    /// has a say too, but for the first few, or a busy daemon would tell nobody anything.
    package func runDeferred() {
        log.write()
        var effort = 0
        var steps = 0
        var queued = round.again.count
        while queued > 0 || round.left > 0, effort < EventRound.effortPerTurn,
            steps < EventLimits.leastStepsPerTurn || !reactor.isTurnSpent
        {
            steps += 1
            // Those who wait for another visit and those of the round take turns.
            if queued > 0 {
                queued -= 1
                if let subscriber = round.takeQueued() { effort += visit(subscriber, log.ring) }
            }
            guard round.left > 0, !slots.isEmpty else { continue }
            if let subscriber = slots[round.next(of: slots.count)] {
                effort += visit(subscriber, log.ring)
            }
        }
        isScheduled = round.left > 0 || !round.again.isEmpty
        if isScheduled { reactor.runNextTurn(self) }
    }
}

extension EventHub: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        guard count > 0 else { return }
        pings += 1
        schedulePing()
        goRound()
    }
}
