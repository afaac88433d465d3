// One stream of a command that follows something over restarts of the daemon: opens it, reads its
// frames, and opens it again where it ended. Who follows (LogFollowing, EventCommand) says where to
// go on and waits for all its streams at once.

internal import NetCore

/// A stream that comes back.
struct StreamClient {
    /// What there is to do with a stream now.
    enum Progress {
        case frames([StreamFrame])
        /// Nothing yet.
        case waiting
        /// It broke off, and the daemon cannot be reached; said once.
        case lost
        /// It is there again, behind a `lost`.
        case reopened
    }

    private var stream: BlockingStream?
    private var reader = FrameReader()
    private var openedAt = Instant(nanoseconds: 0)
    private var retryAt = Instant(nanoseconds: 0)
    private var delay = Self.firstDelay
    /// Since when it is closed; nil before it was open for the first time.
    private var lostAt: Instant?
    private var isReported = false

    /// The pause before a second try; doubled up to the last.
    private static let firstDelay = Duration.milliseconds(100)
    private static let lastDelay = Duration.seconds(2)
    /// How long a daemon may stay away before following it is given up.
    static let patience = Duration.seconds(60)
    static let lostRemark = "the daemon does not answer; waiting for it"
    static let backRemark = "the daemon is back"

    /// For poll(2); -1 while it is closed.
    var descriptor: Int32 { stream?.descriptor ?? -1 }

    /// How long to wait for it at most.
    func pause(_ now: Instant) -> Duration {
        stream == nil ? max(.zero, retryAt - now) : .seconds(60)
    }

    /// Goes on as far as it can without waiting. `open` makes the request, with what is known now.
    mutating func advance(
        _ now: Instant, _ open: () throws(CommandFailure) -> BlockingStream
    ) throws(CommandFailure) -> Progress {
        guard let stream else { return try reopen(now, open) }
        let bytes: [UInt8]?
        do {
            bytes = try stream.next()
        } catch {
            // Broken off in the middle: what is whole was taken, the rest comes again.
            bytes = []
        }
        guard let bytes else { return .waiting }
        guard !bytes.isEmpty else {
            lose(now)
            return .frames([])
        }
        guard let frames = reader.take(bytes) else {
            throw CommandFailure(
                exit: .failure, code: "unexpected_answer",
                message: "the daemon sent a frame of more than 16 MiB", hint: nil)
        }
        return .frames(frames)
    }

    /// Closes it; it is opened again at once, or after a pause when it was not open for long.
    mutating func lose(_ now: Instant) {
        stream = nil
        lostAt = now
        if now - openedAt > .seconds(1) { delay = Self.firstDelay }
        retryAt = now - openedAt > .seconds(1) ? now : now + delay
        delay = min(delay * 2, Self.lastDelay)
    }

    private mutating func reopen(
        _ now: Instant, _ open: () throws(CommandFailure) -> BlockingStream
    ) throws(CommandFailure) -> Progress {
        guard now >= retryAt else { return .waiting }
        do throws(CommandFailure) {
            stream = try open()
        } catch {
            // A first try that fails is a failure of the command; later ones may be a restart.
            guard error.exit == .unreachable || error.code == "daemon_busy", let lostAt,
                now - lostAt < Self.patience
            else { throw error }
            retryAt = now + delay
            delay = min(delay * 2, Self.lastDelay)
            defer { isReported = true }
            return isReported ? .waiting : .lost
        }
        reader = FrameReader()
        openedAt = now
        defer { isReported = false }
        return isReported ? .reopened : .frames([])
    }
}

extension [StreamClient] {
    /// Waits until there is something to do for one of them, or `other` can be read, or for `most`.
    func wait(_ now: Instant, most: Duration = .seconds(60), or other: Int32 = -1) {
        let pause = Swift.min(map { $0.pause(now) }.min() ?? .zero, most)
        let milliseconds = Int32(clamping: pause.inMilliseconds + 1)
        _ = Terminal.waitReadable(map(\.descriptor) + [other], milliseconds: milliseconds)
    }
}
