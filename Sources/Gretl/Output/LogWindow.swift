// A part of a log file, cut into lines. Pure: used by everything that reads logs, forwards and
// backwards, which must agree on where lines begin.
//
// A line that is too long is cut into pieces. Where, depends only on the 64 KiB before the cut and
// not on the side one comes from: at a multiple of 64 KiB with no line end in the 64 KiB before it.
// A piece is therefore shorter than 128 KiB, and a line shorter than 64 KiB is never cut.

/// Bytes of a log file. Read forwards, it starts at a multiple of `block`.
struct LogWindow {
    static let block = LogLimits.lineBytes
    /// Blocks that are read at once: two of them always hold a whole piece, whatever the rest.
    static let blocks = 4
    private static let lineEnd: UInt8 = 0x0A

    /// Offset of the first byte in the file.
    let start: Int
    let bytes: [UInt8]
    var end: Int { start + bytes.count }

    /// Where a window starts that surely shows where the piece before `end` starts.
    static func start(before end: Int) -> Int {
        max(0, ((end - 1) / block - (blocks - 1)) * block)
    }

    /// Where a window starts that shows what comes from `offset` on.
    static func start(from offset: Int) -> Int { offset / block * block }

    /// The end of the piece that holds the byte at `offset`: behind its line end, or where it is
    /// cut. Nil when the window ends before.
    func pieceEnd(from offset: Int) -> Int? {
        precondition(offset >= start)
        let newline = find(from: offset, to: end)
        var border = (offset / LogWindow.block + 1) * LogWindow.block
        // Only the first border can have a line end of the same block before `offset`.
        if findLast(from: border - LogWindow.block, to: min(offset, end)) != nil {
            border += LogWindow.block
        }
        if let newline, newline < border { return newline + 1 }
        return border <= end ? border : nil
    }

    /// The end of the window, or before a character of it that is not complete.
    var wholeTextEnd: Int {
        // A character has at most four bytes, and the first says how many.
        for back in 1...3 where bytes.count >= back {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > back ? end - back : end
        }
        return end
    }

    /// The start of the piece that ends at `end`. Nil when the window does not show it.
    func pieceStart(before end: Int) -> Int? {
        precondition(end > start && end <= self.end)
        let border = (end - 1) / LogWindow.block * LogWindow.block
        if let newline = findLast(from: max(start, border - LogWindow.block), to: end - 1) {
            return newline + 1
        }
        return max(0, border - LogWindow.block) >= start ? border : nil
    }

    /// The bytes of a piece without its line end, and whether it has one.
    func piece(_ range: Range<Int>) -> (bytes: ArraySlice<UInt8>, isEnded: Bool) {
        let piece = bytes[range.lowerBound - start..<range.upperBound - start]
        guard piece.last == LogWindow.lineEnd else { return (piece, false) }
        return (piece.dropLast(), true)
    }

    private func find(from: Int, to: Int) -> Int? {
        guard from < to else { return nil }
        return ByteSearch.first(LogWindow.lineEnd, in: bytes.span, from - start..<to - start)
            .map { $0 + start }
    }

    private func findLast(from: Int, to: Int) -> Int? {
        guard from < to else { return nil }
        return ByteSearch.last(LogWindow.lineEnd, in: bytes.span, from - start..<to - start)
            .map { $0 + start }
    }
}
