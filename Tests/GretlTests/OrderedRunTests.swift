// Starts and stops of random groups against a fake of what the supervisor does: a service takes
// its time, comes up or fails. 10,000 seeds each; the rules are checked at every step, and the seed
// is in every message.

import Gretl
import TestSupport
import Testing

/// Services that come up, or not, in an order that chance decides.
private struct FakeServices {
    let order: DependencyOrder
    var run: OrderedRun
    var random: SeededGenerator
    let failing: Set<Int>
    private(set) var active: [Int] = []
    private(set) var begun: [Int] = []
    private(set) var up: Set<Int>
    private(set) var mostActive = 0

    init(seed: UInt64, isParallel: Bool, fails: Int, wereUp: Int) throws {
        let graph = DependencyOrderTests.graph(seed, isAcyclic: true)
        let order = try DependencyOrder(from: Array(graph.keys)) { graph[$0] }
        var random = SeededGenerator(seed: seed ^ 0xABCD)
        let up = Set(order.nodes.indices.filter { _ in wereUp > 0 && random.oneIn(wereUp) })
        failing = Set(order.nodes.indices.filter { _ in fails > 0 && random.oneIn(fails) })
            .subtracting(up)
        run = OrderedRun(
            order.nodes.indices.map {
                OrderedRun.Step(
                    waitsFor: order.nodes[$0].dependencies, isDone: up.contains($0))
            }, isParallel: isParallel)
        self.order = order
        self.random = random
        self.up = up
    }

    mutating func begin() { take(run.begin()) }

    private mutating func take(_ places: [Int]) {
        begun += places
        active += places
        mostActive = max(mostActive, active.count)
    }

    /// One of those under way comes up or fails.
    mutating func step() {
        let place = active.remove(at: random.number(in: 0...active.count - 1))
        let succeeds = !failing.contains(place)
        if succeeds { up.insert(place) }
        take(run.ended(place, succeeded: succeeds))
    }
}

@Suite struct OrderedRunTests {
    @Test func `Ten thousand starts, none before its dependencies are ready`() throws {
        var blocked = 0
        try every("seed", in: UInt64(1)...10_000) { seed in
            var fake = try FakeServices(
                seed: seed, isParallel: seed % 4 != 0, fails: Int(seed % 5),
                wereUp: Int(seed % 7))
            let wereUp = fake.up
            var checked = 0
            fake.begin()
            while true {
                for place in fake.begun[checked...] where !wereUp.contains(place) {
                    let needs = fake.order.nodes[place].dependencies
                    #expect(needs.allSatisfy(fake.up.contains), "seed \(seed)")
                }
                checked = fake.begun.count
                guard !fake.active.isEmpty else { break }
                #expect(!fake.run.isOver, "seed \(seed)")
                fake.step()
            }
            #expect(fake.run.isOver, "seed \(seed): stuck")
            #expect(Set(fake.begun).count == fake.begun.count, "seed \(seed): begun twice")
            if seed % 4 == 0 { #expect(fake.mostActive <= 1, "seed \(seed)") }
            blocked += checkEnd(fake, wereUp, seed)
        }
        #expect(blocked > 1_000, "\(blocked) were blocked")
    }

    /// Each step ended as its dependencies allow; how many could not begin.
    private func checkEnd(_ fake: FakeServices, _ wereUp: Set<Int>, _ seed: UInt64) -> Int {
        var blocked = 0
        // In order: what a step depends on is known before it.
        var isUp: [Bool] = []
        for (place, node) in fake.order.nodes.enumerated() {
            let canBegin = wereUp.contains(place) || node.dependencies.allSatisfy { isUp[$0] }
            isUp.append(canBegin && !fake.failing.contains(place))
            switch fake.run.states[place] {
            case .succeeded: #expect(isUp[place], "seed \(seed)")
            case .failed: #expect(canBegin && !isUp[place], "seed \(seed)")
            case .blocked(let culprit):
                #expect(!canBegin, "seed \(seed)")
                #expect(fake.run.states[culprit] == .failed, "seed \(seed)")
                blocked += 1
            case .waiting, .active, .cancelled: Issue.record("seed \(seed): not ended")
            }
        }
        return blocked
    }

    @Test func `Ten thousand stops, none before its dependents have stopped`() throws {
        try every("seed", in: UInt64(1)...10_000) { seed in
            let graph = DependencyOrderTests.graph(seed, isAcyclic: true)
            let order = try DependencyOrder(from: Array(graph.keys)) { graph[$0] }
            var random = SeededGenerator(seed: seed)
            let last = order.nodes.count - 1
            let dependents = order.dependents
            // Places in the run count from the end.
            var run = OrderedRun(
                (0...last).map { place in
                    OrderedRun.Step(waitsFor: dependents[last - place].map { last - $0 })
                }, isParallel: true)
            var stopped: Set<String> = []
            var active = run.begin()
            while !active.isEmpty {
                for place in active {
                    let name = order.nodes[last - place].name
                    let needing = graph.filter { $0.value.contains(name) }.keys
                    #expect(stopped.isSuperset(of: needing), "seed \(seed)")
                }
                let place = active.remove(at: random.number(in: 0...active.count - 1))
                stopped.insert(order.nodes[last - place].name)
                active += run.ended(place, succeeded: true)
            }
            #expect(run.isOver && stopped.count == graph.count, "seed \(seed)")
        }
    }

    @Test func `A start that is taken back begins nothing more, wherever it stands`() throws {
        try every("seed", in: UInt64(1)...10_000) { seed in
            var fake = try FakeServices(
                seed: seed, isParallel: seed % 3 != 0, fails: 4, wereUp: 0)
            fake.begin()
            let steps = fake.random.number(in: 0...6)
            for _ in 0..<steps where !fake.active.isEmpty { fake.step() }
            fake.run.cancel()
            let begun = fake.begun
            while !fake.active.isEmpty { fake.step() }
            #expect(fake.begun == begun, "seed \(seed)")
            #expect(fake.run.isOver, "seed \(seed)")
            let untouched = fake.order.nodes.indices.filter { !begun.contains($0) }
            for place in untouched {
                switch fake.run.states[place] {
                case .cancelled, .blocked: break
                case .waiting, .active, .succeeded, .failed: Issue.record("seed \(seed)")
                }
            }
        }
    }

    @Test func `One by one keeps to the order, whatever fails`() throws {
        try every("seed", in: UInt64(1)...2_000) { seed in
            var fake = try FakeServices(seed: seed, isParallel: false, fails: 3, wereUp: 0)
            fake.begin()
            while !fake.active.isEmpty { fake.step() }
            #expect(fake.begun == fake.begun.sorted(), "seed \(seed)")
        }
    }

    @Test func `Of a lane one is begun at a time, and nothing else waits for it`() {
        // 0, 1 and 3 share a lane, 4 and 5 another; 2 is in none, and 3 needs it.
        let lanes = ["a", "a", nil, "a", "b", "b"]
        let needs = [[], [], [], [2], [], []]
        var run = OrderedRun(
            zip(needs, lanes).map { OrderedRun.Step(waitsFor: $0, lane: $1) }, isParallel: true)
        #expect(run.begin() == [0, 2, 4])
        #expect(run.ended(2, succeeded: true) == [])
        #expect(run.ended(4, succeeded: false) == [5])
        // A failure is none of those beside it.
        #expect(run.ended(0, succeeded: false) == [1])
        #expect(run.ended(1, succeeded: true) == [3])
        #expect(run.ended(5, succeeded: true) == [])
        #expect(run.ended(3, succeeded: true) == [])
        #expect(run.isOver)
    }

    @Test func `A slow service holds up only those that depend on it`() {
        // 0 is slow; 1 is quick, 2 needs 1, 3 needs both.
        var run = OrderedRun(
            [[], [], [1], [0, 2]].map { OrderedRun.Step(waitsFor: $0) }, isParallel: true)
        #expect(run.begin() == [0, 1])
        #expect(run.ended(1, succeeded: true) == [2])
        #expect(run.ended(2, succeeded: true) == [])
        #expect(run.ended(2, succeeded: true) == [])
        #expect(run.ended(0, succeeded: true) == [3])
        #expect(run.ended(3, succeeded: false) == [])
        #expect(run.isOver)
    }
}
