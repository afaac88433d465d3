// Who watches runs. Every watcher first gets what is stored, page by page as fast as it reads, and
// then what happens, in the very turn in which it has caught up: no gap and no event twice. One
// that reads too slowly goes back to the pages, so that nothing is queued for it without bound and
// nothing is lost; one that reads nothing at all is ended by its socket.

package import NetCore

/// The far end of a watcher, as its socket shows it.
@ReactorActor
package protocol RunListener: AnyObject {
    /// Whether it takes more at once; when not, `RunWatcher.drained` is called once it does.
    var hasRoom: Bool { get }
    /// Sends a whole event, rendered as a frame.
    func send(_ frame: ByteChunk)
    /// Ends the stream when everything is sent.
    func finish(code: UInt16, reason: String)
}

/// One who watches one run.
@ReactorActor
package final class RunWatcher {
    fileprivate let run: String
    fileprivate let listener: any RunListener
    /// The number of the last event it was sent.
    fileprivate var sent: Int64
    /// It has everything that is stored, and gets what comes.
    fileprivate var isLive = false
    fileprivate var isReading = false
    fileprivate let wantsProgress: Bool
    fileprivate weak var feeds: RunFeeds?
    package private(set) var isOver = false

    fileprivate init(
        _ run: String, _ listener: any RunListener, after seq: Int64, wantsProgress: Bool,
        _ feeds: RunFeeds
    ) {
        self.run = run
        self.listener = listener
        sent = seq
        self.wantsProgress = wantsProgress
        self.feeds = feeds
    }

    /// The socket takes more again.
    package func drained() { feeds?.read(self) }

    /// The socket is gone.
    package func closed() {
        isOver = true
        feeds?.remove(self)
    }

    fileprivate func finish(code: UInt16, reason: String) {
        guard !isOver else { return }
        isOver = true
        listener.finish(code: code, reason: reason)
    }
}

/// All watchers.
@ReactorActor
package final class RunFeeds {
    private let store: RunStore
    private var watchers: [String: [RunWatcher]] = [:]
    package private(set) var count = 0
    private var isClosing = false
    /// The record of a run as it is committed; nil when there is none.
    var find: (@ReactorActor (String) -> RunRecord?)?

    /// Watchers of all runs together.
    package static let watchersMost = 4_096
    private static let eventsOfPage = 128

    package init(_ store: RunStore) { self.store = store }

    package var hasRoom: Bool { !isClosing && count < RunFeeds.watchersMost }

    /// Begins to feed a listener with what is behind `seq`.
    package func watch(
        _ run: String, after seq: Int64, wantsProgress: Bool, _ listener: any RunListener
    ) -> RunWatcher {
        let watcher = RunWatcher(run, listener, after: seq, wantsProgress: wantsProgress, self)
        watchers[run, default: []].append(watcher)
        count += 1
        read(watcher)
        return watcher
    }

    fileprivate func remove(_ watcher: RunWatcher) {
        guard var all = watchers[watcher.run],
            let index = all.firstIndex(where: { $0 === watcher })
        else { return }
        all.remove(at: index)
        count -= 1
        watchers[watcher.run] = all.isEmpty ? nil : all
    }

    // MARK: What happens

    /// Tells those who have everything else already.
    func publish(_ run: String, _ events: [RunEvent]) {
        guard let all = watchers[run], let first = events.first else { return }
        let frames = events.map { RunFeeds.frame($0.body) }
        for watcher in all where watcher.isLive && !watcher.isOver {
            guard watcher.sent + 1 == first.seq, watcher.listener.hasRoom else {
                // What it lacks is stored: it reads that when it has room.
                watcher.isLive = false
                if watcher.listener.hasRoom { read(watcher) }
                continue
            }
            for frame in frames { watcher.listener.send(frame) }
            watcher.sent = events.last?.seq ?? watcher.sent
        }
    }

    /// A piece of text for those who asked for it and are not behind.
    func publish(progress body: [UInt8], of run: String) {
        guard let all = watchers[run] else { return }
        var frame: ByteChunk?
        for watcher in all where watcher.wantsProgress && watcher.isLive && !watcher.isOver {
            guard watcher.listener.hasRoom else { continue }
            let rendered = frame ?? RunFeeds.frame(body)
            frame = rendered
            watcher.listener.send(rendered)
        }
    }

    /// The run has ended; `isWhole` is false when its end could not be stored.
    func end(_ run: String, isWhole: Bool) {
        for watcher in watchers[run] ?? [] {
            if !isWhole {
                watcher.finish(code: 1_011, reason: "the run's steps could not be stored")
            } else if watcher.isLive {
                watcher.finish(code: 1_000, reason: "the run has ended")
            }
        }
    }

    /// The run is forgotten.
    func forget(_ run: String) {
        for watcher in watchers[run] ?? [] {
            watcher.finish(code: 1_000, reason: "the run was removed")
        }
    }

    /// The daemon ends.
    func close() {
        isClosing = true
        for watcher in watchers.values.joined() {
            watcher.finish(code: 1_001, reason: "the daemon is ending")
        }
    }

    // MARK: What is stored

    fileprivate func read(_ watcher: RunWatcher) {
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
            guard let record = find?(watcher.run) else {
                return watcher.finish(code: 1_000, reason: "the run was removed")
            }
            if watcher.sent >= record.lastSeq {
                if record.status.isFinal {
                    return watcher.finish(code: 1_000, reason: "the run has ended")
                }
                // In this turn it has everything: from here on `publish` feeds it.
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
            for event in page { watcher.listener.send(RunFeeds.frame(event.body)) }
            watcher.sent = page.last?.seq ?? watcher.sent
        }
    }

    private static func frame(_ body: [UInt8]) -> ByteChunk { WebSocketFrames.text(body) }
}
