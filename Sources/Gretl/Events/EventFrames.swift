// Frames of the stream itself. None of them has an id: they leave the client's place in the order
// of events where it was, so that one who loses the connection right behind a stream.gap is told
// again, until an event with an id has moved it on.

import NetCore

/// Frames that are no events.
enum EventFrames {
    /// How long a client waits before it connects again.
    static let retry = Array("retry: 2000\n\n".utf8)
    static let ping = Array(": ping\n\n".utf8)

    /// Tells that events are missing, and why. `requested` is null when it was no id.
    static func gap(_ reason: EventRing.Gap, requested: Int64?, _ ring: EventRing) -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.field("requested", requested)
        json.field("oldest", ring.oldestID)
        json.field("latest", ring.latestID)
        json.field("reason", reason.rawValue)
        json.endObject()
        return frame("stream.gap", json)
    }

    static func frame(_ type: String, _ json: JSONText) -> [UInt8] {
        Array("event: \(type)\ndata: ".utf8) + json.bytes + Array("\n\n".utf8)
    }
}
