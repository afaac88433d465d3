// Orders of random dependency graphs against what an order has to be, checked with nothing of the
// code under test. The seed is in every message.

import Gretl
import TestSupport
import Testing

@Suite struct DependencyOrderTests {
    /// The same random services for the same seed.
    static func graph(_ seed: UInt64, isAcyclic: Bool) -> [String: [String]] {
        var random = SeededGenerator(seed: seed)
        let count = random.number(in: 1...12)
        let names = (0..<count).map { "s\($0)" }.shuffled(using: &random)
        let density = random.number(in: 1...6)
        var graph: [String: [String]] = [:]
        for (place, name) in names.enumerated() {
            let others = isAcyclic ? Array(names[..<place]) : names
            graph[name] = others.filter { _ in random.oneIn(density) }.shuffled(using: &random)
        }
        return graph
    }

    /// Everything reachable from `root` in one step or more.
    private func reach(_ root: String, _ graph: [String: [String]]) -> Set<String> {
        var found: Set<String> = []
        var left = graph[root] ?? []
        while let next = left.popLast() {
            if found.insert(next).inserted { left += graph[next] ?? [] }
        }
        return found
    }

    @Test func `Ten thousand graphs without a cycle, dependencies always before dependents`()
        throws
    {
        try every("seed", in: UInt64(1)...10_000) { seed in
            let graph = Self.graph(seed, isAcyclic: true)
            let order = try DependencyOrder(from: graph.keys.shuffled()) { graph[$0] }
            #expect(order.cycle == nil, "seed \(seed)")
            #expect(Set(order.nodes.map(\.name)) == Set(graph.keys), "seed \(seed)")
            #expect(order.nodes.count == graph.count, "seed \(seed)")
            for (place, node) in order.nodes.enumerated() {
                let wanted = graph[node.name] ?? []
                #expect(
                    Set(node.dependencies.map { order.nodes[$0].name }) == Set(wanted),
                    "seed \(seed)")
                #expect(node.dependencies.allSatisfy { $0 < place }, "seed \(seed)")
                let below = node.dependencies.map { order.nodes[$0].level }.max() ?? -1
                #expect(node.level == below + 1, "seed \(seed)")
            }
            for level in order.levels { #expect(level == level.sorted(), "seed \(seed)") }
            #expect(order.levels.flatMap(\.self) == order.nodes.map(\.name), "seed \(seed)")
        }
    }

    @Test func `Ten thousand graphs, every cycle found and named, none invented`() throws {
        var cyclic = 0
        try every("seed", in: UInt64(1)...10_000) { seed in
            let graph = Self.graph(seed, isAcyclic: false)
            let order = try DependencyOrder(from: graph.keys.shuffled()) { graph[$0] }
            let isCyclic = graph.keys.contains { reach($0, graph).contains($0) }
            cyclic += isCyclic ? 1 : 0
            #expect((order.cycle != nil) == isCyclic, "seed \(seed)")
            #expect(order.nodes.count == graph.count, "seed \(seed)")
            if let cycle = order.cycle { check(cycle, graph, "seed \(seed)") }
            let again = try DependencyOrder(from: graph.keys.sorted()) { graph[$0] }
            #expect(again.cycle == order.cycle && again.nodes == order.nodes, "seed \(seed)")
            for name in graph.keys {
                let path = try DependencyOrder.cycle(through: name) { graph[$0] }
                #expect((path != nil) == reach(name, graph).contains(name), "seed \(seed) \(name)")
                guard let path else { continue }
                check(path, graph, "seed \(seed) \(name)")
                #expect(path.first == name, "seed \(seed) \(name)")
            }
        }
        #expect(cyclic > 1_000 && cyclic < 9_900, "\(cyclic) of the graphs have a cycle")
    }

    /// A way from a service back to it, along dependencies and without detours.
    private func check(_ cycle: [String], _ graph: [String: [String]], _ label: String) {
        #expect(cycle.count > 1 && cycle.first == cycle.last, "\(label): \(cycle)")
        #expect(Set(cycle).count == cycle.count - 1, "\(label): \(cycle)")
        for (one, next) in zip(cycle, cycle.dropFirst()) {
            #expect(graph[one]?.contains(next) == true, "\(label): \(cycle)")
        }
    }

    @Test func `Only what the roots need is in their order, and unknown names are told apart`()
        throws
    {
        let graph = ["web": ["api", "gone"], "api": ["db"], "db": [], "other": ["web"]]
        let order = try DependencyOrder(from: ["web", "nobody"]) { graph[$0] }
        #expect(order.levels == [["db"], ["api"], ["web"]])
        #expect(order.nodes.map(\.unknown) == [[], [], ["gone"]])
        #expect(order.dependents == [[1], [2], []])
    }

    @Test func `A cycle is named from its first name, whoever is asked`() throws {
        let graph = ["a": ["x"], "x": ["c"], "c": ["b"], "b": ["x"]]
        for root in ["a", "x", "c"] {
            let order = try DependencyOrder(from: [root]) { graph[$0] }
            #expect(order.cycle == ["b", "x", "c", "b"])
        }
        #expect(try DependencyOrder.cycle(through: "a") { graph[$0] } == nil)
        let own = try DependencyOrder.cycle(through: "a") { _ in ["a"] }
        #expect(own == ["a", "a"])
    }

    @Test func `A graph larger than one operation is refused and not walked through`() {
        let chain: (String) -> [String]? = { ["n\((Int($0.dropFirst()) ?? 0) + 1)"] }
        #expect(throws: DependencyOrder.TooMany.self) {
            _ = try DependencyOrder(from: ["n0"], dependencies: chain)
        }
        #expect(throws: DependencyOrder.TooMany.self) {
            _ = try DependencyOrder.cycle(through: "n0", dependencies: chain)
        }
        let dense = (0..<100).map { "n\($0)" }
        #expect(throws: DependencyOrder.TooMany.self) {
            _ = try DependencyOrder(from: dense) { _ in dense }
        }
    }
}
