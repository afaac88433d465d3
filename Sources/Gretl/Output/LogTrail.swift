// The way forward through one log, over rotations: what a follower reads. Loses nothing and gives
// nothing twice; where files were rotated away before they were read, it says so. A slow follower
// is only further behind: the files are its buffer, and nobody waits for it. Blocking calls: for
// the storage thread.

import NetCore

/// What is missing from a followed log.
struct LogGap: Equatable, Sendable {
    enum Reason: String, Sendable {
        /// The files that were to be read next are gone.
        case rotated
        /// The file is shorter than it was.
        case shortened
        /// What the client sent is no place in this log.
        case invalid
    }

    let reason: Reason
    /// At least so many bytes are missing; nil when nobody knows.
    var bytes: Int?
}

/// The way forward through one log.
struct LogTrail: Sendable {
    /// What one look found.
    struct Look: Sendable {
        /// What is missing before the lines.
        var gap: LogGap?
        var lines: [OutputLine] = []
        /// There was nothing more.
        var isAtEnd = false
        /// A line was begun and is not ended yet.
        var hasUnfinished = false
    }

    let files: LogFiles
    private let needle: LogNeedle?
    /// What comes next stands behind this place; nil: there was no log yet.
    private(set) var place: LogPosition?
    /// The file of the place and the newer ones, as the last look saw them: what a gap has cost.
    private var seen: [LogFiles.Seen] = []

    /// Follows from `place` on; nil: from the beginning of what is there.
    init(_ files: LogFiles, from place: LogPosition?, needle: LogNeedle?) {
        self.files = files
        self.place = place
        self.needle = needle
    }

    /// Reads one window at most. With `takesUnfinished` a line is taken as far as it was written.
    mutating func look(takesUnfinished: Bool) -> Look {
        var look = Look()
        guard let place else {
            if let oldest = files.oldest() {
                self.place = LogPosition(file: oldest, offset: 0)
            } else {
                look.isAtEnd = true
            }
            return look
        }
        // Newer files are looked for before this one is read: once there is one, nobody writes to
        // this one any more.
        var now: [LogFiles.Seen] = []
        guard let found = files.find(place.file, seen: &now) else {
            return restart(place)
        }
        seen = now
        guard place.offset <= Int(clamping: found.file.facts.size) else {
            self.place = LogPosition(file: place.file, offset: Int(clamping: found.file.facts.size))
            look.gap = LogGap(reason: .shortened)
            return look
        }
        read(found, from: place.offset, takesUnfinished, &look)
        return look
    }

    /// The file of the place is gone.
    private mutating func restart(_ lost: LogPosition) -> Look {
        var look = Look()
        place = files.place(behind: lost.file)
        look.gap = LogGap(reason: .rotated, bytes: skipped(from: lost))
        seen = []
        return look
    }

    /// Bytes from `lost` to the place that reading goes on with, as far as they were seen.
    private func skipped(from lost: LogPosition) -> Int? {
        guard let first = seen.first, first.identity == lost.file else { return nil }
        var bytes = max(0, first.size - lost.offset)
        for file in seen.dropFirst() {
            if file.identity == place?.file { break }
            bytes += file.size
        }
        return bytes
    }

    private mutating func read(
        _ found: borrowing LogFiles.Found, from first: Int, _ takesUnfinished: Bool,
        _ look: inout Look
    ) {
        let identity = found.file.facts.identity
        let newer = seen.dropFirst().first?.identity
        let start = LogWindow.start(from: first)
        let window = LogWindow(
            start: start, bytes: found.file.read(at: Int64(start), count: LogLimits.stepBytes))
        let isWhole = window.bytes.count < LogLimits.stepBytes
        var times = LogTimes(files.timesPath(found.number))
        var at = first
        var taken = 0
        while at < window.end {
            guard taken < LogLimits.followBytes, look.lines.count < LogLimits.stepLines else {
                break
            }
            var end = window.pieceEnd(from: at)
            if end == nil, isWhole {
                // Nobody goes on with a line of a rotated file.
                end = newer != nil ? window.end : takesUnfinished ? window.wholeTextEnd : nil
            }
            guard let end, end > at else { break }
            let (piece, isEnded) = window.piece(at..<end)
            taken += piece.count
            if needle?.isShown(by: piece) ?? true {
                let time = times?.time(at: at)
                look.lines.append(
                    OutputLine(
                        bytes: Array(piece), isEnded: isEnded, time: time, key: time ?? 0,
                        start: LogPosition(file: identity, offset: at)))
            }
            at = end
        }
        let wasBounded =
            taken >= LogLimits.followBytes || look.lines.count >= LogLimits.stepLines
        place = LogPosition(file: identity, offset: at)
        guard isWhole, !wasBounded else { return }
        if let newer {
            place = LogPosition(file: newer, offset: 0)
            seen.removeFirst()
        } else {
            look.isAtEnd = true
            look.hasUnfinished = at < window.end && !takesUnfinished
        }
    }
}
