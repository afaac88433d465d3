// One log, read from the newest line to the oldest over all its files, a window at a time. Between
// two windows nothing is open: the place is an identity and an offset, which hold while the monitor
// rotates. Blocking calls: for the storage thread.

import NetCore

/// A line as the program wrote it.
struct OutputLine: Sendable {
    let bytes: [UInt8]
    /// False where the line goes on in the next one: it was cut, or its end was not written yet.
    let isEnded: Bool
    /// Milliseconds since 1970; nil when nothing says it.
    let time: Int64?
    /// Orders lines of several logs; never later than that of a newer line of the same log.
    let key: Int64
    let start: LogPosition
    /// Behind it and its line end.
    var end: LogPosition {
        LogPosition(file: start.file, offset: start.offset + bytes.count + (isEnded ? 1 : 0))
    }
}

/// The way back through one log.
struct LogScan: Sendable {
    private enum Place {
        case unopened
        /// What stands before this place is still to be read.
        case before(LogPosition)
        case exhausted
    }

    /// Bytes of the first window: a hundred lines are seldom more. They double up to a full one.
    private static let firstBytes = 16 * 1_024
    static let windowBytes = LogWindow.blocks * LogWindow.block

    private let files: LogFiles
    private let since: Int64?
    private let until: Int64?
    private let needle: LogNeedle?
    private var place: Place
    private var bytes = LogScan.firstBytes
    private var key = Int64.max
    /// Where the log ended when it was opened: what is written later stands behind.
    private(set) var origin: LogPosition?
    /// Found lines that nobody took yet, the oldest first.
    private var lines: [OutputLine] = []

    init(_ files: LogFiles, _ query: LogQuery) {
        self.files = files
        since = query.since
        until = query.until
        needle = query.needle
        place = query.before.map { .before($0) } ?? .unopened
        origin = query.before
    }

    /// The next line backwards, if one was found already.
    var next: OutputLine? { lines.last }
    mutating func take() -> OutputLine? { lines.popLast() }

    var isExhausted: Bool {
        if case .exhausted = place { return lines.isEmpty }
        return false
    }

    /// Where the log ends is not known yet.
    var isUnopened: Bool {
        if case .unopened = place { return true }
        return false
    }

    /// Nothing is at hand, and there may be more in the files.
    var needsReading: Bool { lines.isEmpty && !isExhausted }

    /// Where the next line would be looked for; nil at the beginning of the log.
    var position: LogPosition? {
        if case .before(let position) = place { return position }
        return nil
    }

    /// Looks into one window; returns the bytes read. May find nothing.
    mutating func read(linesMost: Int, bytesMost: Int) -> Int {
        switch place {
        case .exhausted: return 0
        case .unopened:
            guard let found = files.newest() else {
                place = .exhausted
                return 0
            }
            let end = Int(clamping: found.file.facts.size)
            origin = LogPosition(file: found.file.facts.identity, offset: end)
            return read(found, before: end, isNew: true, linesMost, bytesMost)
        case .before(let position):
            guard let found = files.find(position.file) else {
                // It was rotated away, and with it everything older.
                place = .exhausted
                return 0
            }
            let end = min(position.offset, Int(clamping: found.file.facts.size))
            return read(found, before: end, isNew: false, linesMost, bytesMost)
        }
    }

    private mutating func read(
        _ found: borrowing LogFiles.Found, before last: Int, isNew: Bool, _ linesMost: Int,
        _ bytesMost: Int
    ) -> Int {
        var times = LogTimes(files.timesPath(found.number))
        let (floor, ceiling, isOldest) = bounds(found.file.facts, &times)
        var end = min(last, ceiling)
        guard end > floor else {
            leave(found, isOldest: isOldest)
            return 0
        }
        let start = max(0, end - bytes)
        let window = LogWindow(
            start: start, bytes: found.file.read(at: Int64(start), count: end - start))
        let identity = found.file.facts.identity
        let modified = found.file.facts.modified / 1_000_000
        var taken = 0
        var hasMoved = false
        while lines.count < linesMost, taken < bytesMost, end > floor, end > start,
            end <= window.end, let begin = window.pieceStart(before: end)
        {
            let (piece, isEnded) = window.piece(begin..<end)
            end = begin
            hasMoved = true
            guard begin >= floor else { break }
            let time = times?.time(at: begin)
            if let until, let time, time > until { continue }
            if let needle, !needle.isShown(by: piece) { continue }
            key = min(key, time ?? modified)
            lines.append(
                OutputLine(
                    bytes: Array(piece), isEnded: isEnded, time: time, key: key,
                    start: LogPosition(file: identity, offset: begin)))
            taken += piece.count
        }
        lines.reverse()
        if end <= floor {
            leave(found, isOldest: isOldest)
        } else if hasMoved || bytes < LogScan.windowBytes {
            place = .before(LogPosition(file: identity, offset: end))
        } else {
            // A full window always shows a line's start: the file became shorter meanwhile.
            place = .exhausted
        }
        bytes = min(bytes * 2, LogScan.windowBytes)
        return window.bytes.count
    }

    /// Which part of a file can hold lines of the wanted time, and whether older files cannot.
    private func bounds(
        _ facts: FileFacts, _ times: inout LogTimes?
    ) -> (floor: Int, ceiling: Int, isOldest: Bool) {
        let size = Int(clamping: facts.size)
        var floor = 0
        var ceiling = size
        var isOldest = false
        if let since {
            if times == nil {
                // Without an index only the end of writing is known.
                isOldest = facts.modified / 1_000_000 < since
                if isOldest { floor = size }
            } else {
                floor = times?.firstOffset(since: since) ?? size
                isOldest = floor > 0
            }
        }
        // A line that begins at `first` or behind is too new, and lines are shorter than two
        // blocks: none that counts ends behind the sum.
        if let until, let first = times?.firstOffset(since: until &+ 1) {
            ceiling = min(size, first + 2 * LogWindow.block)
        }
        return (floor, ceiling, isOldest)
    }

    /// Goes on to the next older file.
    private mutating func leave(_ found: borrowing LogFiles.Found, isOldest: Bool) {
        guard !isOldest, let older = files.older(than: found) else {
            place = .exhausted
            return
        }
        place = .before(
            LogPosition(
                file: older.file.facts.identity, offset: Int(clamping: older.file.facts.size)))
    }
}
