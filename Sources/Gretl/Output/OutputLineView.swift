// A line of output as JSON: in answers, and in the data of streamed events. The shape is the same
// in both.

/// Renders lines.
enum OutputLineView {
    /// `text` is the line made harmless. `partial` is there only for a line that goes on in the
    /// next one.
    static func write(
        _ line: OutputLine, text: String, name: String?, into json: inout JSONText
    ) {
        json.beginObject()
        if let name { json.field("name", name) }
        json.field("time", line.time.map { Timestamp.fineText(milliseconds: $0) })
        json.field("text", text)
        if !line.isEnded { json.field("partial", true) }
        json.endObject()
    }
}
