// Frames of a followed log (Server-Sent Events). A line of one service has the place behind it as
// its id, by which a client that comes back goes on. Gaps and pings have none: a client that loses
// the connection right behind a gap is told of it again.

import NetCore

/// Renders frames.
enum LogFrames {
    /// How long a client waits before it connects again.
    static let retry = Array("retry: 2000\n\n".utf8)
    static let ping = Array(": ping\n\n".utf8)

    /// `id` is nil where several services are followed at once.
    static func line(
        _ line: OutputLine, of name: String, colors: Bool, id: LogPosition?
    ) -> [UInt8] {
        var json = JSONText(capacity: 96 + line.bytes.count)
        OutputLineView.write(
            line, text: LogText.clean(line.bytes[...], colors: colors), name: name, into: &json)
        return frame("log", json, id: id)
    }

    static func gap(_ gap: LogGap, in name: String) -> [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.field("name", name)
        json.field("reason", gap.reason.rawValue)
        json.field("bytes", gap.bytes)
        json.endObject()
        return frame("log.gap", json, id: nil)
    }

    private static func frame(_ type: String, _ json: JSONText, id: LogPosition?) -> [UInt8] {
        let id = id.map { "id: \($0.text)\n" } ?? ""
        return Array("event: \(type)\n\(id)data: ".utf8) + json.bytes + Array("\n\n".utf8)
    }
}
