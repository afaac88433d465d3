// One client that follows logs. It is sent what is there, then waits for the watches. A look is
// taken only when the client has taken everything it was sent: the log's files are the buffer of a
// slow one, and nobody waits for it. What was rotated away meanwhile it is told (`log.gap`); one
// that takes nothing for the server's writeTimeout is given up by its stream.

import NetCore

/// The way of one stream through its logs.
@ReactorActor
final class LogFollower {
    private struct Log {
        let name: String
        var trail: LogTrail
        /// The watch it waits for.
        var watch: LogGlance.Watch?
        var needsLook = true
        /// Not looked at again before this: a fast writer costs a look now and then, not for each
        /// of its lines.
        var notBefore = Instant(nanoseconds: .min)
        /// When a line that was begun is sent as far as it goes.
        var unfinishedUntil = Instant.distantFuture
        /// When it is looked at without a watch.
        var lookAt = Instant.distantFuture
    }

    private let follow: LogFollow
    private let stream: EventStream
    private let followers: LogFollowers
    private var reactor: Reactor { followers.reactor }
    private var logs: [Log]
    private var cursor = 0
    private var pingAt = Instant.distantFuture
    /// It ends when everything is sent.
    private var isEnding = false
    private var isOver = false
    /// The operation waits here for something to do.
    private var waiting: CheckedContinuation<Void, Never>?
    private var isWoken = false

    private static let pingPause = Duration.seconds(15)
    /// The monitor holds a begun line back for 200 ms: one that is there will hardly be ended soon.
    private static let unfinishedPause = Duration.milliseconds(250)
    private static let lookPause = Duration.milliseconds(20)
    private static let unwatchedPause = Duration.milliseconds(500)
    private static let busyPause = Duration.seconds(1)

    init(_ follow: LogFollow, _ stream: EventStream, _ followers: LogFollowers) {
        self.follow = follow
        self.stream = stream
        self.followers = followers
        logs = follow.sources.map {
            Log(
                name: $0.name,
                trail: LogTrail($0.files, from: nil, needle: follow.query.needle))
        }
        stream.owner = self
    }

    var logCount: Int { logs.count }

    /// Follows until the stream is over.
    func run() async {
        await begin()
        while !isOver {
            let now = reactor.now
            guard stream.isDrained else {
                await wait(until: .distantFuture)
                continue
            }
            markDue(now)
            if let index = nextLog(now) {
                await look(index)
            } else if isEnding, !logs.contains(where: \.needsLook) {
                end()
            } else {
                if pingAt <= now { send(LogFrames.ping) }
                await wait(until: nextDeadline)
            }
        }
        for index in logs.indices { unwatch(index) }
        followers.ended(self)
    }

    func serviceRemoved(_ name: String) {
        guard follow.isSingle, logs[0].name == name else { return }
        isEnding = true
        logs[0].needsLook = true
        wake()
    }

    // MARK: The beginning

    private func begin() async {
        if case .after(let place) = follow.start {
            logs[0].trail = LogTrail(
                logs[0].trail.files, from: place, needle: follow.query.needle)
            return send(LogFrames.retry)
        }
        let search = LogSearch(follow.sources, follow.query, isSingle: follow.isSingle)
        do throws(APIError) {
            // Bounded by what a search reads: each step takes some of it.
            while try await !followers.work.step({ search.step() }) {
                guard !isOver else { return }
            }
        } catch { return end() }
        for (index, end) in search.ends().enumerated() {
            logs[index].trail = LogTrail(
                logs[index].trail.files, from: end, needle: follow.query.needle)
        }
        // Only now: whatever is written behind this frame follows it.
        var bytes = LogFrames.retry
        if case .nowhere = follow.start {
            bytes += LogFrames.gap(LogGap(reason: .invalid), in: logs[0].name)
        }
        send(bytes + search.body())
    }

    // MARK: Looks

    private func markDue(_ now: Instant) {
        for index in logs.indices
        where logs[index].unfinishedUntil <= now || logs[index].lookAt <= now {
            logs[index].needsLook = true
            logs[index].lookAt = .distantFuture
        }
    }

    /// The next one to look at, each in its turn.
    private func nextLog(_ now: Instant) -> Int? {
        for step in logs.indices {
            let index = (cursor + step) % logs.count
            guard logs[index].needsLook, logs[index].notBefore <= now else { continue }
            cursor = index + 1
            return index
        }
        return nil
    }

    private var nextDeadline: Instant {
        var next = pingAt
        for log in logs {
            next = min(next, log.unfinishedUntil, log.lookAt)
            if log.needsLook { next = min(next, log.notBefore) }
        }
        return next
    }

    private func look(_ index: Int) async {
        let log = logs[index]
        let follow = follow
        let takes = log.unfinishedUntil <= reactor.now || isEnding
        let arm = followers.watch?.arm
        logs[index].needsLook = false
        let glance: LogGlance
        do throws(APIError) {
            glance = try await followers.work.step {
                LogGlance(
                    log.trail, of: log.name, follow, takesUnfinished: takes, watched: log.watch,
                    arm: arm)
            }
        } catch {
            logs[index].needsLook = true
            logs[index].notBefore = reactor.now + LogFollower.busyPause
            return
        }
        logs[index].trail = glance.trail
        if let arm, let watch = glance.watch, watch != logs[index].watch {
            unwatch(index)
            logs[index].watch = watch
            followers.watch?.wait(for: watch.id, armedBy: arm, self, tag: index)
        }
        keepTime(index, glance, wasTaken: takes)
        send(glance.bytes)
    }

    /// When this log is looked at again.
    private func keepTime(_ index: Int, _ glance: LogGlance, wasTaken: Bool) {
        let now = reactor.now
        if !glance.isAtEnd { logs[index].needsLook = true }
        logs[index].notBefore = glance.isAtEnd ? now + LogFollower.lookPause : now
        if !glance.hasUnfinished {
            logs[index].unfinishedUntil = .distantFuture
        } else if logs[index].unfinishedUntil == .distantFuture {
            logs[index].unfinishedUntil = now + LogFollower.unfinishedPause
        }
        let isWatched = logs[index].watch != nil || logs[index].needsLook
        logs[index].lookAt = isWatched ? .distantFuture : now + LogFollower.unwatchedPause
    }

    private func unwatch(_ index: Int) {
        guard let watch = logs[index].watch else { return }
        logs[index].watch = nil
        followers.watch?.stopWaiting(for: watch.id, self, tag: index)
    }

    private func end() {
        isOver = true
        stream.end()
    }

    private func send(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        pingAt = reactor.now + LogFollower.pingPause
        stream.send(ByteChunk(bytes))
    }

    // MARK: Waiting

    /// Returns when there may be something to do, at the latest at `deadline`.
    private func wait(until deadline: Instant) async {
        guard !isOver else { return }
        if !isWoken {
            var timer = TimerHandle.none
            if deadline != .distantFuture {
                timer = reactor.timers.schedule(at: deadline, self)
            }
            await withCheckedContinuation { waiting = $0 }
            reactor.timers.cancel(timer)
        }
        isWoken = false
    }

    private func wake() {
        isWoken = true
        waiting?.resume()
        waiting = nil
    }
}

extension LogFollower: EventStreamOwner {
    func streamDrained(_ stream: EventStream) { wake() }
    func streamClosed(_ stream: EventStream) {
        isOver = true
        wake()
    }
}

extension LogFollower: TimerHandler {
    func timerFired(_ tag: UInt32) { wake() }
}

extension LogFollower: FileWatchHandler {
    func fileChanged(_ tag: Int) {
        guard logs.indices.contains(tag) else { return }
        logs[tag].watch = nil
        logs[tag].needsLook = true
        wake()
    }
}
