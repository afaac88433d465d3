// How a goal is told to people: its name and what it checks, as GET /api/goals lists them.

/// A goal as clients see it.
package struct GoalSpec: Sendable, Equatable {
    package let name: String
    package let summary: String

    package init(_ name: String, _ summary: String) {
        self.name = name
        self.summary = summary
    }
}
