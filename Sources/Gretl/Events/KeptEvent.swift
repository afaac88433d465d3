// An event with its number, in the two forms it has for good: the frame that is sent, rendered
// once, and the line of the file. Nothing in either can end a line early: data is one line of JSON,
// subjects are percent-encoded, types are words of ours.

package import NetCore

/// A numbered event.
package struct KeptEvent {
    package let id: Int64
    package let type: EventType
    /// The percent-encoded names of the services it is about.
    let subjects: [String]
    /// What listeners get.
    package let frame: ByteChunk

    /// When it happened, in milliseconds since 1970; nil where an older daemon kept it.
    let time: Int64?

    /// Renders an event.
    package init(_ event: Event, id: Int64, time: Int64?) {
        var json = JSONText(capacity: 192)
        event.write(into: &json)
        self.init(
            id: id, time: time, type: EventType(event.type),
            subjects: event.subjects.map(ServiceNames.encode), data: json.bytes)
    }

    private init(
        id: Int64, time: Int64?, type: EventType, subjects: [String],
        data: some Collection<UInt8>
    ) {
        self.id = id
        self.time = time
        self.type = type
        self.subjects = subjects
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64 + data.count)
        bytes += "event: ".utf8
        bytes += type.name.utf8
        bytes += "\nid: ".utf8
        bytes += String(id).utf8
        bytes += "\ndata: ".utf8
        dataStart = bytes.count
        bytes += data
        bytes += "\n\n".utf8
        frame = ByteChunk(bytes)
    }

    private let dataStart: Int

    /// The frame with the time in it, for listeners that ask for that. The field is none of the
    /// standard, whose clients leave it out.
    var timedFrame: ByteChunk {
        guard let time else { return frame }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(frame.count + 36)
        frame.withSpan { all in
            let dataLine = dataStart - 6
            for index in 0..<dataLine { bytes.append(all[index]) }
            bytes += "time: ".utf8
            bytes += Timestamp.fineText(milliseconds: time).utf8
            bytes.append(0x0A)
            for index in dataLine..<all.count { bytes.append(all[index]) }
        }
        return ByteChunk(bytes)
    }

    // MARK: In the file

    /// Appends its line: checksum, id and time, type, subjects and data, with blanks between.
    func write(to lines: inout [UInt8]) {
        // Room for the checksum, which stands first and is known last.
        let start = lines.count
        lines.append(contentsOf: repeatElement(0x20, count: 17))
        lines += String(id).utf8
        if let time {
            lines.append(0x40)
            lines += String(time).utf8
        }
        lines.append(0x20)
        lines += type.name.utf8
        lines.append(0x20)
        for (index, subject) in subjects.enumerated() {
            if index > 0 { lines.append(0x2C) }
            lines += subject.utf8
        }
        lines.append(0x20)
        frame.withSpan { bytes in
            for index in dataStart..<bytes.count - 2 { lines.append(bytes[index]) }
        }
        let checksum = KeptEvent.checksum(lines[(start + 17)...])
        lines.replaceSubrange(start..<start + 16, with: checksum)
        lines.append(0x0A)
    }

    /// Reads a line without its end; nil when it is not one that was written here.
    init?(line: ArraySlice<UInt8>) {
        guard line.count > 17, line[line.startIndex + 16] == 0x20 else { return nil }
        let rest = line.dropFirst(17)
        guard line.prefix(16).elementsEqual(KeptEvent.checksum(rest)) else { return nil }
        let parts = rest.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let numbers = parts[0].split(separator: 0x40, omittingEmptySubsequences: false).map {
            Int64(String(decoding: $0, as: UTF8.self))
        }
        guard numbers.count <= 2, let id = numbers[0], id > 0, id <= EventNumbers.most else {
            return nil
        }
        let subjects = parts[2].split(separator: 0x2C).map { String(decoding: $0, as: UTF8.self) }
        self.init(
            id: id, time: numbers.count > 1 ? numbers[1] : nil,
            type: EventType(String(decoding: parts[1], as: UTF8.self)), subjects: subjects,
            data: parts[3])
    }

    /// FNV-1a in 16 digits: it tells a torn or damaged line from a whole one.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return (0..<16).map { place in
            let digit = UInt8(truncatingIfNeeded: hash >> UInt64(60 - 4 * place) & 15)
            return digit < 10 ? 0x30 + digit : 0x57 + digit
        }
    }
}

extension Event {
    /// The services it is about; a filter by service looks at them.
    var subjects: [String] {
        if case .portConflict(_, let claimedBy, let holder) = self { return [claimedBy, holder] }
        return service.map { [$0] } ?? []
    }
}
