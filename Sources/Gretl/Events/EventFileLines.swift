// What a start makes of the lines it finds: the events, how far the newer file is sound, and
// whether its end can be relied on. A line without an end was being written when the daemon was
// killed: nobody had been told of that event, and its id is given anew. A damaged line is left out;
// that an id is missing there shows.

import NetCore

/// Events read from files.
struct EventFileLines {
    private let header: EventFile.Header?
    /// Oldest first.
    private(set) var events: [KeptEvent] = []
    /// Bytes of the newer file up to the last whole line.
    private(set) var soundCount = 0
    /// Records in the newer file.
    private(set) var recordCount = 0
    /// There are lines that are no events.
    private(set) var isDamaged = false
    private var endsDamaged = false

    init(_ contents: EventFile.Contents?) {
        header = contents?.header
        guard let contents else { return }
        _ = read(contents.older)
        let before = events.count
        endsDamaged = false
        soundCount = read(contents.newer)
        recordCount = events.count - before
    }

    /// Whether the newer file holds every event that anybody was told of since it was begun.
    func isCertain(boot: String) -> Bool {
        guard let header else { return false }
        return header.isWhole && header.boot == boot && !boot.isEmpty && !endsDamaged
    }

    private mutating func read(_ bytes: [UInt8]) -> Int {
        var start = 0
        while let end = bytes[start...].firstIndex(of: 0x0A) {
            if let event = KeptEvent(line: bytes[start..<end]) {
                events.append(event)
                endsDamaged = false
            } else if !isHeader(bytes[start..<end]) {
                isDamaged = true
                endsDamaged = true
            }
            start = end + 1
        }
        return start
    }

    /// The file before still begins with its header.
    private func isHeader(_ line: ArraySlice<UInt8>) -> Bool { line.starts(with: "gretl-ev".utf8) }
}
