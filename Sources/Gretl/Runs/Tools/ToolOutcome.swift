// What came of a tool call: the text the model gets, and what the run's events say of it.

/// The end of a tool call.
package struct ToolOutcome: Sendable, Equatable {
    /// For the model; its head and tail when it was too long.
    package var content: String
    package var isError = false
    /// Of a program; nil where none ran, and when a signal or a time-out ended it.
    package var exitCode: Int?
    /// Something of the output is missing in `content`.
    package var isTruncated = false
    /// Refused before anything ran.
    package var isBlocked = false
    /// It may have changed files: the goal is worth a check.
    package var mayHaveChanged = false

    package init(
        _ content: String, isError: Bool = false, exitCode: Int? = nil, isTruncated: Bool = false,
        isBlocked: Bool = false, mayHaveChanged: Bool = false
    ) {
        self.content = content
        self.isError = isError
        self.exitCode = exitCode
        self.isTruncated = isTruncated
        self.isBlocked = isBlocked
        self.mayHaveChanged = mayHaveChanged
    }
}
