// What runs work with: storage, models, tools, goals. Made once by RunsHalf; tests put scripts in
// the places of models and tools.

package import NetCore

/// The parts of all runs.
@ReactorActor
package struct RunParts {
    package let reactor: Reactor
    package let store: RunStore
    package let model: any ModelAsking
    package let tools: any ToolBox
    package let specs: [ToolSpec]
    package let goals: any GoalBook
    /// What the model is told of the project at the start.
    package let overview: @ReactorActor (String) async -> String
    /// Whether runs can be confined like that in a folder; throws why not.
    package let admit: @ReactorActor (String, Confinement) async throws(APIError) -> Void
    package let redaction: Redaction

    package init(
        reactor: Reactor, store: RunStore, model: any ModelAsking, tools: any ToolBox,
        specs: [ToolSpec], goals: any GoalBook, redaction: Redaction,
        overview: @escaping @ReactorActor (String) async -> String,
        admit: @escaping @ReactorActor (String, Confinement) async throws(APIError) -> Void
    ) {
        self.reactor = reactor
        self.store = store
        self.model = model
        self.tools = tools
        self.specs = specs
        self.goals = goals
        self.redaction = redaction
        self.overview = overview
        self.admit = admit
    }

    /// Tools that only look, by name.
    var isReadOnly: @Sendable (String) -> Bool {
        let names = Set(specs.filter(\.isReadOnly).map(\.name))
        return { names.contains($0) }
    }
}
