// One who watches a run: how far it has got, and the socket at its other end. RunFeeds feeds it.

package import NetCore

/// The far end of a watcher, as its socket shows it.
@ReactorActor
package protocol RunListener: AnyObject {
    /// Whether it takes more at once; when not, `RunWatcher.drained` is called once it does.
    var hasRoom: Bool { get }
    /// Takes a whole event, rendered as a frame, to go out with the next `flush`.
    func append(_ frame: ByteChunk)
    /// Sends what was appended.
    func flush()
    /// Ends the stream when everything is sent.
    func finish(code: UInt16, reason: String)
}

/// One who watches one run.
@ReactorActor
package final class RunWatcher {
    let run: String
    let listener: any RunListener
    let wantsProgress: Bool
    /// The number of the last event it was sent.
    var sent: Int64
    /// It has everything that is stored, and gets what comes.
    var isLive = false
    /// The place in its feed of the next frame it gets; while it is live.
    var place = 0
    /// It waits for a visit.
    var isDue = false
    var isReading = false
    private weak var feeds: RunFeeds?
    package private(set) var isOver = false

    init(
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
    package func drained() { feeds?.drained(self) }

    /// The socket is gone.
    package func closed() {
        isOver = true
        feeds?.remove(self)
    }

    func finish(code: UInt16, reason: String) {
        guard !isOver else { return }
        isOver = true
        listener.finish(code: code, reason: reason)
    }
}
