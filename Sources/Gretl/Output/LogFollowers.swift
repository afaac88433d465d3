// The clients that follow logs: how many there are, and the watches they share. While nobody
// follows, nothing is watched and nothing wakes up.

package import NetCore

/// All followers.
@ReactorActor
package final class LogFollowers {
    let work: LogWork
    let reactor: Reactor
    /// Nil until somebody follows, and where the kernel has none to give: then files are looked at
    /// now and then.
    private(set) var watch: FileWatch?
    private var followers: [ObjectIdentifier: LogFollower] = [:]
    private var logs = 0

    init(work: LogWork, on reactor: Reactor) {
        self.work = work
        self.reactor = reactor
    }

    private func hasRoom(for follow: LogFollow) -> Bool {
        followers.count < LogLimits.followers
            && logs + follow.sources.count <= LogLimits.followedLogs
    }

    /// Answers with a stream that goes on, or with `daemon_busy`.
    func open(_ follow: LogFollow, _ exchange: Exchange) {
        guard hasRoom(for: follow) else {
            exchange.reply(
                APIError.daemonBusy(
                    "\(followers.count) clients follow \(logs) logs, and more is too much"
                ).response)
            return
        }
        let head = Response(
            status: 200, contentType: "text/event-stream",
            headers: [("X-Accel-Buffering", "no")], body: [])
        exchange.openStream(head) { [self] stream in
            // Others may have come while the head was on its way.
            guard hasRoom(for: follow) else { return stream.end() }
            if watch == nil { watch = try? FileWatch(on: reactor) }
            let follower = LogFollower(follow, stream, self)
            followers[ObjectIdentifier(follower)] = follower
            logs += follow.sources.count
            spawn { await follower.run() }
        }
    }

    func ended(_ follower: LogFollower) {
        guard followers.removeValue(forKey: ObjectIdentifier(follower)) != nil else { return }
        logs -= follower.logCount
    }

    /// A service is no more: who follows it alone gets the rest, and the end.
    package func serviceRemoved(_ name: String) {
        for follower in followers.values { follower.serviceRemoved(name) }
    }
}
