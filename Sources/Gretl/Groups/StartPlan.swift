// What a start would do, step by step, without doing it. Pure: what is known of each service goes
// in. The answer of `?plan=1`; tests compare it with what a start then does.

/// The steps of a start.
package struct StartPlan: Sendable, Equatable {
    /// What is known of a service before a start.
    package enum Fact: Sendable, Equatable {
        /// Nothing stands in the way.
        case idle
        case running
        case armed
        /// A start of it is under way.
        case starting
        case stopping
        /// Nobody listens on its port, and there is nothing to run.
        case noCommand
        /// Its port is held; by whom, in words.
        case portHeld(port: Int, by: String)
    }

    package enum Action: String, Sendable {
        case start
        /// It is starting already; the start waits for it.
        case wait
        /// It is up already.
        case skip
        /// Its port is held.
        case conflict
        /// It depends on something nobody has registered.
        case unknown
        /// Something else keeps it from being started.
        case blocked
    }

    /// One service.
    package struct Step: Sendable, Equatable {
        package let name: String
        package let action: Action
        package let level: Int
        package let reason: String?
        /// It is up when the step is done.
        package var succeeds: Bool { action == .start || action == .wait || action == .skip }
    }

    package let steps: [Step]

    /// `facts` and `ports` stand beside the nodes of `order`; a port is the one a service listens
    /// on.
    package init(_ order: DependencyOrder, _ facts: [Fact], ports: [Int?]) {
        var steps: [Step] = []
        var claimed: [Int: String] = [:]
        for (place, node) in order.nodes.enumerated() {
            let blocker = node.dependencies.first { !steps[$0].succeeds }.map { steps[$0].name }
            var (action, reason) = StartPlan.decide(
                facts[place], blocker: blocker, unknown: node.unknown.first)
            if action == .start, let port = ports[place] {
                if let other = claimed[port] {
                    (action, reason) = (.conflict, "port \(port) goes to '\(other)'")
                } else {
                    claimed[port] = node.name
                }
            }
            steps.append(
                Step(name: node.name, action: action, level: node.level, reason: reason))
        }
        self.steps = steps
    }

    private static func decide(
        _ fact: Fact, blocker: String?, unknown: String?
    ) -> (Action, String?) {
        switch fact {
        case .running: return (.skip, "already running")
        case .armed: return (.skip, "its first connection starts it")
        case .idle, .starting, .stopping, .noCommand, .portHeld: break
        }
        if let blocker { return (.blocked, "'\(blocker)' would not come up") }
        if let unknown { return (.unknown, "depends on '\(unknown)', which is not registered") }
        switch fact {
        case .idle, .running, .armed: return (.start, nil)
        case .starting: return (.wait, "a start is under way")
        case .stopping: return (.blocked, "it is being stopped")
        case .noCommand: return (.blocked, "it has no command, and nobody listens on its port")
        case .portHeld(let port, let holder):
            return (.conflict, "port \(port) is held by \(holder)")
        }
    }

    /// Writes `plan` into an object.
    package func write(into json: inout JSONText) {
        json.key("plan")
        json.beginArray()
        for step in steps {
            json.beginObject()
            json.field("name", step.name)
            json.field("action", step.action.rawValue)
            json.field("level", step.level)
            json.field("reason", step.reason)
            json.endObject()
        }
        json.endArray()
    }
}
