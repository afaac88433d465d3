// The arguments of tool calls between text and values, in both directions, for both wires.

/// Arguments of a tool call.
enum ToolArguments {
    /// The members of a JSON object; nil for anything else.
    static func members(_ text: [UInt8]) -> [String: JSONValue]? {
        StrictJSON.parse(text)?.asMembers
    }

    /// As text, with keys in order.
    static func text(_ members: [String: JSONValue]) -> [UInt8] {
        var json = JSONText()
        write(.object(members), into: &json)
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

    private static func write(_ value: JSONValue, into json: inout JSONText) {
        switch value {
        case .null: json.null()
        case .bool(let flag): json.bool(flag)
        case .integer(let number): json.integer(number)
        case .number(let number): json.double(number)
        case .string(let text): json.string(text)
        case .array(let elements):
            json.beginArray()
            for element in elements { write(element, into: &json) }
            json.endArray()
        case .object(let members):
            json.beginObject()
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                json.key(text: name)
                write(member, into: &json)
            }
            json.endObject()
        }
    }
}
