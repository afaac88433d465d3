// Who watches runs. Every watcher first gets what is stored, page by page as fast as it reads, and
// then what happens, in the very turn in which it has caught up: no gap and no event twice. One
// that reads too slowly goes back to the pages, so that nothing is queued for it without bound and
// nothing is lost; one that reads nothing at all is ended by its socket. What happens goes out in
// rounds, a bounded number of watchers in a turn, so that a thousand of them delay nobody else.

package import NetCore

/// All watchers.
@ReactorActor
package final class RunFeeds {
    private let store: RunStore
    private let reactor: Reactor
    private var feeds: [String: RunFrames] = [:]
    /// Live watchers who may lack something.
    private var due = VisitQueue<RunWatcher>()
    private var isScheduled = false
    package private(set) var count = 0
    private var isClosing = false
    /// The record of a run as it is committed; nil when there is none.
    var find: (@ReactorActor (String) -> RunRecord?)?

    /// Watchers of all runs together.
    package static let watchersMost = 4_096
    private static let eventsOfPage = 128
    /// Watchers served in one turn; a write costs a few microseconds.
    private static let visitsPerTurn = 64
    /// Those that are served however late in a turn.
    private static let leastVisitsPerTurn = 4

    package init(_ store: RunStore, on reactor: Reactor) {
        self.store = store
        self.reactor = reactor
    }

    package var hasRoom: Bool { !isClosing && count < RunFeeds.watchersMost }

    /// Begins to feed a listener with what is behind `seq`.
    package func watch(
        _ run: String, after seq: Int64, wantsProgress: Bool, _ listener: any RunListener
    ) -> RunWatcher {
        let watcher = RunWatcher(run, listener, after: seq, wantsProgress: wantsProgress, self)
        let feed = feeds[run] ?? RunFrames()
        feeds[run] = feed
        feed.watchers.append(watcher)
        count += 1
        read(watcher)
        return watcher
    }

    func remove(_ watcher: RunWatcher) {
        guard let feed = feeds[watcher.run],
            let index = feed.watchers.firstIndex(where: { $0 === watcher })
        else { return }
        feed.watchers.remove(at: index)
        count -= 1
        if feed.watchers.isEmpty { feeds[watcher.run] = nil }
    }

    // MARK: What happens

    /// Tells those who have everything else already.
    func publish(_ run: String, _ events: [RunEvent]) {
        guard let feed = feeds[run], !events.isEmpty else { return }
        for event in events { feed.append(RunFeeds.frame(event.body), seq: event.seq) }
        visitAll(of: feed)
    }

    /// A piece of text for those who asked for it and are not behind.
    func publish(progress body: [UInt8], of run: String) {
        guard let feed = feeds[run], feed.watchers.contains(where: \.wantsProgress) else { return }
        feed.append(RunFeeds.frame(body), seq: nil)
        visitAll(of: feed)
    }

    /// The run has ended; `isWhole` is false when its end could not be stored.
    func end(_ run: String, isWhole: Bool) {
        guard let feed = feeds[run] else { return }
        guard isWhole else {
            for watcher in feed.watchers {
                watcher.finish(code: 1_011, reason: "the run's steps could not be stored")
            }
            return
        }
        feed.hasEnded = true
        visitAll(of: feed)
    }

    /// The run is forgotten.
    func forget(_ run: String) {
        for watcher in feeds[run]?.watchers ?? [] {
            watcher.finish(code: 1_000, reason: "the run was removed")
        }
    }

    /// The daemon ends.
    func close() {
        isClosing = true
        for watcher in feeds.values.lazy.flatMap(\.watchers) {
            watcher.finish(code: 1_001, reason: "the daemon is ending")
        }
    }

    // MARK: Rounds

    private func visitAll(of feed: RunFrames) {
        for watcher in feed.watchers where watcher.isLive { visitSoon(watcher) }
    }

    private func visitSoon(_ watcher: RunWatcher) {
        guard !watcher.isDue else { return }
        watcher.isDue = true
        due.append(watcher)
        guard !isScheduled else { return }
        isScheduled = true
        reactor.flushAtEndOfTurn(self)
    }

    /// Sends a live watcher what it lacks, in one write.
    private func visit(_ watcher: RunWatcher) {
        guard watcher.isLive, !watcher.isOver, let feed = feeds[watcher.run],
            watcher.listener.hasRoom
        else { return }
        guard let place = feed.send(to: watcher, from: watcher.place) else {
            // What it lacks is no longer here, but it is stored.
            watcher.isLive = false
            return read(watcher)
        }
        watcher.place = place
        watcher.listener.flush()
        guard place < feed.end else {
            if feed.hasEnded { watcher.finish(code: 1_000, reason: "the run has ended") }
            return
        }
        if watcher.listener.hasRoom { visitSoon(watcher) }
    }

    // MARK: What is stored

    /// The watcher's socket takes more again.
    func drained(_ watcher: RunWatcher) {
        if watcher.isLive { visitSoon(watcher) } else { read(watcher) }
    }

    private func read(_ watcher: RunWatcher) {
        guard !watcher.isReading, !watcher.isLive, !watcher.isOver else { return }
        watcher.isReading = true
        spawn { [self] in
            await readPages(watcher)
            watcher.isReading = false
            // Room may have come while the last page was on its way.
            if !watcher.isLive, !watcher.isOver, watcher.listener.hasRoom { read(watcher) }
        }
    }

    private func readPages(_ watcher: RunWatcher) async {
        while !watcher.isOver, watcher.listener.hasRoom {
            guard let record = find?(watcher.run), let feed = feeds[watcher.run] else {
                return watcher.finish(code: 1_000, reason: "the run was removed")
            }
            if watcher.sent >= record.lastSeq {
                if record.status.isFinal {
                    return watcher.finish(code: 1_000, reason: "the run has ended")
                }
                // In this turn it has everything: from here on the rounds feed it.
                watcher.place = feed.end
                watcher.isLive = true
                return
            }
            let page: [RunEvent]
            do throws(StorageError) {
                page = try await store.events(
                    of: watcher.run, after: watcher.sent, most: RunFeeds.eventsOfPage)
            } catch {
                return watcher.finish(code: 1_011, reason: "the events cannot be read")
            }
            guard !watcher.isOver else { return }
            guard !page.isEmpty else {
                // Numbers without rows: a record that is ahead of its events cannot be.
                return watcher.finish(code: 1_011, reason: "the events cannot be read")
            }
            for event in page { watcher.listener.append(RunFeeds.frame(event.body)) }
            watcher.listener.flush()
            watcher.sent = page.last?.seq ?? watcher.sent
        }
    }

    private static func frame(_ body: [UInt8]) -> ByteChunk { WebSocketFrames.text(body) }
}

extension RunFeeds: DeferredHandler {
    /// A part of a round; the rest follows in the next turn.
    package func runDeferred() {
        var visits = 0
        while visits < RunFeeds.visitsPerTurn,
            visits < RunFeeds.leastVisitsPerTurn || !reactor.isTurnSpent,
            let watcher = due.take()
        {
            visits += 1
            watcher.isDue = false
            visit(watcher)
        }
        isScheduled = !due.isEmpty
        if isScheduled { reactor.runNextTurn(self) }
    }
}
