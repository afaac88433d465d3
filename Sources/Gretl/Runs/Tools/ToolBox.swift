// The seams between the engine and what works for it: tools and goal checks. Real ones run programs
// in the jail; those of the engine's tests answer from a script.

package import NetCore

/// Runs tools.
@ReactorActor
package protocol ToolBox: AnyObject {
    /// Runs a call to its end; never fails otherwise than by its outcome. A cancelled one ends its
    /// whole process group and returns soon.
    func run(_ call: ToolCall, in context: ToolContext) async -> ToolOutcome
}

/// What a goal check found.
package struct GoalVerdict: Sendable, Equatable {
    package var isAchieved: Bool
    /// One or two sentences.
    package var reason: String
    /// Facts for the event, as one JSON object; bounded.
    package var details: [UInt8]

    package init(isAchieved: Bool, reason: String, details: [UInt8] = Array("{}".utf8)) {
        self.isAchieved = isAchieved
        self.reason = reason
        self.details = details
    }
}

/// A goal of one run: what it was asked for, made ready for its folder.
package struct RunGoal: Sendable, Equatable, Codable {
    /// As in GET /api/goals, such as `pytest`; never `auto`.
    package var name: String
    /// What the model is told to reach.
    package var prompt: String
    /// What the check needs to know (from `.retrai.yml`), as it was when the run was made.
    package var settings: [String: JSONValue]

    package init(name: String, prompt: String, settings: [String: JSONValue] = [:]) {
        self.name = name
        self.prompt = prompt
        self.settings = settings
    }
}

/// Knows the goals and checks them.
@ReactorActor
package protocol GoalBook: AnyObject {
    /// What a request means by `name` in `folder`; "" and "auto" look at the folder. Throws
    /// unknown_goal, which lists the names.
    func find(_ name: String, in folder: String) async throws(APIError) -> RunGoal
    /// Checks. A cancelled one returns soon.
    func check(_ goal: RunGoal, in context: ToolContext) async -> GoalVerdict
}
