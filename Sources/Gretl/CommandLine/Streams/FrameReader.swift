// Server-Sent Events taken apart, for the commands that follow something. It is given bytes however
// they are cut and keeps what is no whole frame yet, up to a bound: a server that never ends a
// frame must not fill the memory.

/// One frame of a stream.
struct StreamFrame: Sendable, Equatable {
    /// `log`, `service.started`; empty for a frame that has none.
    var type = ""
    var id: String?
    /// Milliseconds since 1970; nil where the daemon does not say.
    var time: Int64?
    /// The data as it came, JSON in all frames of the daemon.
    var data: [UInt8] = []
}

/// Puts frames together.
struct FrameReader {
    private var rest: [UInt8] = []

    /// The most bytes of one frame: a snapshot of many services is the longest.
    static let frameMost = 16 << 20

    /// The frames that `bytes` complete; nil when a frame is too long.
    mutating func take(_ bytes: [UInt8]) -> [StreamFrame]? {
        rest += bytes
        var frames: [StreamFrame] = []
        var frame = StreamFrame()
        var isEmpty = true
        var start = 0
        var taken = 0
        while let end = rest[start...].firstIndex(of: 0x0A) {
            let line = rest[start..<end]
            start = end + 1
            if line.isEmpty {
                if !isEmpty { frames.append(frame) }
                frame = StreamFrame()
                isEmpty = true
                taken = start
            } else if Self.read(line, into: &frame) {
                isEmpty = false
            }
        }
        rest.removeFirst(taken)
        return rest.count <= Self.frameMost ? frames : nil
    }

    /// False for a line that tells nothing: a comment, `retry`, an unknown field.
    private static func read(_ line: ArraySlice<UInt8>, into frame: inout StreamFrame) -> Bool {
        guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex else { return false }
        var value = line[(colon + 1)...]
        if value.first == 0x20 { value = value.dropFirst() }
        switch line[..<colon] {
        case let name where name.elementsEqual("event".utf8):
            frame.type = String(decoding: value, as: UTF8.self)
        case let name where name.elementsEqual("id".utf8):
            frame.id = String(decoding: value, as: UTF8.self)
        case let name where name.elementsEqual("time".utf8):
            frame.time = Timestamp.milliseconds(String(decoding: value, as: UTF8.self))
        case let name where name.elementsEqual("data".utf8):
            if !frame.data.isEmpty { frame.data.append(0x0A) }
            frame.data += value
        default: return false
        }
        return true
    }
}
