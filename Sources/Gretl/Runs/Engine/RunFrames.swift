// The newest frames of one run that is watched, rendered once for everybody, and its watchers. Who
// has fallen behind what is kept here reads the database.

import NetCore

/// What the watchers of one run share.
@ReactorActor
final class RunFrames {
    private struct Frame {
        let bytes: ByteChunk
        /// Nil for a piece of text that is not stored.
        let seq: Int64?
    }

    var watchers: [RunWatcher] = []
    /// Nothing comes any more.
    var hasEnded = false
    private var frames: [Frame] = []
    /// The place of the first of `frames`: places count all that was ever here.
    private var first = 0
    private var byteCount = 0

    private static let framesMost = 256
    private static let bytesMost = 256 * 1_024
    /// Frames in one write.
    private static let framesPerVisit = Limits.piecesPerWrite

    /// The place behind the newest frame.
    var end: Int { first + frames.count }

    /// Adds a frame; lets the oldest go, but never the newest.
    func append(_ bytes: ByteChunk, seq: Int64?) {
        frames.append(Frame(bytes: bytes, seq: seq))
        byteCount += bytes.count
        var gone = 0
        while frames.count - gone > RunFrames.framesMost
            || byteCount > RunFrames.bytesMost && frames.count - gone > 1
        {
            byteCount -= frames[gone].bytes.count
            gone += 1
        }
        frames.removeFirst(gone)
        first += gone
    }

    /// Appends to a watcher's socket what is behind `place`, at most a write full; the place it has
    /// got to, or nil when an event it lacks is not here.
    func send(to watcher: RunWatcher, from place: Int) -> Int? {
        guard place >= first else { return nil }
        var place = place
        var sent = 0
        while place < end, sent < RunFrames.framesPerVisit, watcher.listener.hasRoom {
            let frame = frames[place - first]
            place += 1
            if let seq = frame.seq {
                // It may have read this one from the database already.
                guard seq > watcher.sent else { continue }
                guard seq == watcher.sent + 1 else { return nil }
                watcher.sent = seq
            } else if !watcher.wantsProgress {
                continue
            }
            watcher.listener.append(frame.bytes)
            sent += 1
        }
        return place
    }
}
