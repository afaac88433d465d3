// How a tool is told to a model: its name, what it does, and the JSON schema of its arguments. The
// list is ToolTable; its order and text never change within a run, or no prompt cache would hit.

/// A tool as models and GET /api/tools see it.
package struct ToolSpec: Sendable {
    package let name: String
    package let summary: String
    /// A JSON Schema object: OpenAI's `parameters`, Anthropic's `input_schema`.
    package let schema: StaticString
    /// It changes nothing: such calls may run side by side.
    package let isReadOnly: Bool

    package init(_ name: String, _ summary: String, schema: StaticString, isReadOnly: Bool) {
        self.name = name
        self.summary = summary
        self.schema = schema
        self.isReadOnly = isReadOnly
    }
}
