// A plan against what a start then does: random graphs, random states of their services, the run of
// OrderedRun against a fake that behaves as these states say. The seed is in every message.

import Gretl
import TestSupport
import Testing

@Suite struct StartPlanTests {
    private static let facts: [StartPlan.Fact] = [
        .idle, .idle, .idle, .idle, .running, .armed, .starting, .stopping, .noCommand,
        .portHeld(port: 1, by: "pid 2 (x)"),
    ]

    @Test func `Ten thousand plans, and the starts do what they say`() throws {
        var counts: [StartPlan.Action: Int] = [:]
        try every("seed", in: UInt64(1)...10_000) { seed in
            var graph = DependencyOrderTests.graph(seed, isAcyclic: true)
            var random = SeededGenerator(seed: seed)
            for name in graph.keys.sorted() where random.oneIn(15) { graph[name]?.append("gone") }
            let order = try DependencyOrder(from: Array(graph.keys)) { graph[$0] }
            let facts = order.nodes.map { _ in random.pick(Self.facts) }
            let plan = StartPlan(order, facts, ports: order.nodes.map { _ in nil })
            #expect(plan.steps.map(\.name) == order.nodes.map(\.name), "seed \(seed)")

            let (begun, states) = start(order, facts, isParallel: seed % 2 == 0, &random)
            for (place, step) in plan.steps.enumerated() {
                counts[step.action, default: 0] += 1
                let wanted: [Bool]
                switch step.action {
                case .start, .wait, .skip: wanted = [true, states[place] == .succeeded]
                case .conflict, .unknown: wanted = [true, states[place] == .failed]
                case .blocked where facts[place] == .stopping || facts[place] == .noCommand:
                    wanted = [states[place] != .succeeded]
                case .blocked: wanted = [!begun.contains(place), states[place] != .failed]
                }
                #expect(!wanted.contains(false), "seed \(seed): \(step) \(states[place])")
                #expect((step.action == .start) == (step.reason == nil), "seed \(seed)")
            }
            if seed % 2 == 1 { #expect(begun == begun.sorted(), "seed \(seed)") }
        }
        #expect(counts.count == 6 && counts.values.allSatisfy { $0 > 200 }, "\(counts)")
    }

    /// A start as it would go: in which order steps began, and how they ended.
    private func start(
        _ order: DependencyOrder, _ facts: [StartPlan.Fact], isParallel: Bool,
        _ random: inout SeededGenerator
    ) -> ([Int], [OrderedRun.State]) {
        var run = OrderedRun(
            order.nodes.indices.map {
                OrderedRun.Step(
                    waitsFor: order.nodes[$0].dependencies,
                    isDone: facts[$0] == .running || facts[$0] == .armed)
            }, isParallel: isParallel)
        var active = run.begin()
        var begun = active
        while !active.isEmpty {
            let place = active.remove(at: random.number(in: 0...active.count - 1))
            let succeeds: Bool
            switch facts[place] {
            case .running, .armed: succeeds = true
            case .idle, .starting: succeeds = order.nodes[place].unknown.isEmpty
            case .stopping, .noCommand, .portHeld: succeeds = false
            }
            let next = run.ended(place, succeeded: succeeds)
            active += next
            begun += next
        }
        return (begun, run.states)
    }

    @Test func `Two services with one port cannot both be planned`() throws {
        let graph = ["a": [], "b": [], "c": ["b"]]
        let order = try DependencyOrder(from: ["a", "b", "c"]) { graph[$0] }
        let plan = StartPlan(order, [.idle, .idle, .idle], ports: [80, 80, nil])
        #expect(plan.steps.map(\.action) == [.start, .conflict, .blocked])
        #expect(plan.steps[1].reason == "port 80 goes to 'a'")
        #expect(plan.steps[2].reason == "'b' would not come up")
    }
}
