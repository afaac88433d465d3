// The arguments of tool calls between text and values, in both directions, for both wires.

/// Arguments of a tool call.
enum ArgumentsText {
    /// The members of a JSON object; nil for anything else.
    static func members(_ text: [UInt8]) -> [String: JSONValue]? {
        StrictJSON.parse(text)?.asMembers
    }

    /// As text, with keys in order.
    static func text(_ members: [String: JSONValue]) -> [UInt8] {
        var json = JSONText()
        json.value(.object(members))
        return json.bytes
    }

    /// The arguments of `call` as a JSON object that any server takes: as the model wrote them, or
    /// what it wrote within one when they are none.
    static func object(of call: ToolCall) -> [UInt8] {
        if call.arguments != nil { return Array(call.text.utf8) }
        var json = JSONText()
        json.beginObject()
        json.field("invalid_arguments", call.text)
        json.endObject()
        return json.bytes
    }
}
