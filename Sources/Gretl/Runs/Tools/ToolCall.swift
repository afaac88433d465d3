// What a model asks for: one use of a tool. Made by the model's wire code, run by ToolBox, answered
// by exactly one ToolOutcome whatever happens. Arguments that are no JSON object stay a call, so
// that the model is told of them.

/// One use of a tool.
package struct ToolCall: Sendable, Equatable {
    /// The model's own id of the call; made by us where a server sends none.
    package var id: String
    package var name: String
    /// The arguments as the model wrote them.
    package var text: String
    /// The same, decoded; nil when they are no JSON object, or were cut.
    package var arguments: [String: JSONValue]?

    package init(id: String, name: String, text: String, arguments: [String: JSONValue]?) {
        self.id = id
        self.name = name
        self.text = text
        self.arguments = arguments
    }
}
