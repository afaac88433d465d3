// When the bytes of a log file were written. The monitor keeps an index beside each file: records
// of 16 bytes in host byte order, an offset and milliseconds since 1970, each good for the bytes
// from its offset to the next record's. What is in it is not trusted: a wrong index gives wrong
// times, never more. Blocking calls: for the storage thread.

import NetCore

/// The index of one log file, opened for one look.
struct LogTimes: ~Copyable {
    static let recordBytes = 16
    /// Records that are read at once.
    private static let blockRecords = 256

    private let file: ReadOnlyFile
    let count: Int
    private var block: [UInt8] = []
    private var blockFirst = 0

    /// Nil when there is no index, or nothing in it.
    init?(_ path: String) {
        guard let file = ReadOnlyFile(path) else { return nil }
        // A record that is being written does not count yet.
        let count = Int(clamping: file.facts.size) / LogTimes.recordBytes
        guard count > 0 else { return nil }
        self.file = file
        self.count = count
    }

    /// When the byte at `offset` was written, in milliseconds since 1970; nil before the first
    /// record.
    mutating func time(at offset: Int) -> Int64? {
        // Lines are asked for one after the other: mostly the block at hand is the right one.
        let held = block.count / LogTimes.recordBytes
        var low = 0
        var high = count
        if held > 1, record(blockFirst).offset <= offset,
            record(blockFirst + held - 1).offset > offset
        {
            (low, high) = (blockFirst, blockFirst + held)
        }
        // The first record behind `offset` is in low...high.
        while low < high {
            let middle = low + (high - low) / 2
            if record(middle).offset > offset { high = middle } else { low = middle + 1 }
        }
        return low == 0 ? nil : record(low - 1).time
    }

    /// The offset of the first byte written at `time` or later; nil when all are older.
    mutating func firstOffset(since time: Int64) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = low + (high - low) / 2
            if record(middle).time >= time { high = middle } else { low = middle + 1 }
        }
        return low == count ? nil : record(low).offset
    }

    private mutating func record(_ index: Int) -> (offset: Int, time: Int64) {
        let size = LogTimes.recordBytes
        if index < blockFirst || index >= blockFirst + block.count / size {
            blockFirst = index / LogTimes.blockRecords * LogTimes.blockRecords
            block = file.read(
                at: Int64(blockFirst * size), count: LogTimes.blockRecords * size)
        }
        let start = (index - blockFirst) * size
        // The index became shorter meanwhile: nothing is known of what was there.
        guard start >= 0, start + size <= block.count else { return LogTimes.last }
        let time = Int64(bitPattern: LogTimes.word(block, start + 8))
        return (
            Int(clamping: min(LogTimes.word(block, start), UInt64(LogTimes.last.offset))),
            min(max(time, 0), LogTimes.last.time)
        )
    }

    /// Further than any file goes, and the last day of four-digit years: one can add to both.
    private static let last = (offset: 1 << 60, time: Int64(253_402_214_400_000))

    private static func word(_ bytes: [UInt8], _ start: Int) -> UInt64 {
        var value: UInt64 = 0
        // The machines this runs on are little-endian, as is everything that Swift runs on.
        for index in (0..<8).reversed() { value = value << 8 | UInt64(bytes[start + index]) }
        return value
    }
}
