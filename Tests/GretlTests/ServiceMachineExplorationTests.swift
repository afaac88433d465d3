// Every state a service can get into, found by trying every event in every state, breadth first.
// What must never happen is checked after each step (ServiceMachineWorld.swift); a finding names
// the shortest way to it.

import Gretl
import NetCore
import Testing

@Suite struct ServiceMachineExplorationTests {
    /// Everything that can be reached with these plans, and how it is reached.
    private struct Map {
        var seen: [ServiceWorld: (from: ServiceWorld, by: ServiceMachine.Event)] = [:]
        var steps = 0

        init(_ plans: [ServiceMachine.Plan]) throws {
            let start = ServiceWorld()
            var next = [start]
            var index = 0
            seen[start] = (start, .portFree)
            while index < next.count {
                let world = next[index]
                index += 1
                for event in world.events(plans) {
                    var after = world
                    steps += 1
                    do { try after.take(event) } catch {
                        Issue.record(
                            "\(error.words): \(event) in \(world.machine.state)\n\(way(to: world))"
                        )
                        return
                    }
                    guard seen[after] == nil else { continue }
                    seen[after] = (world, event)
                    next.append(after)
                }
                try #require(seen.count < 2_000_000)
            }
        }

        private func way(to world: ServiceWorld) -> String {
            var lines: [String] = []
            var at = world
            while let step = seen[at], at != ServiceWorld(), lines.count < 60 {
                lines.append("\(step.by) -> \(at.machine.state)")
                at = step.from
            }
            return lines.reversed().joined(separator: "\n")
        }
    }

    private static let plans: [[ServiceMachine.Plan]] = [
        [.init(restart: .never)],
        [.init(restart: .onFailure)],
        [.init(restart: .always)],
        [.init(restart: .onFailure, heldPort: 1)],
        [.init(restart: .always, heldPort: 1)],
        [.init(restart: .never, isOnDemand: true, heldPort: 1)],
        [.init(restart: .onFailure, isOnDemand: true, heldPort: 1)],
        // A spec that changes between two starts.
        [.init(restart: .never), .init(restart: .onFailure, heldPort: 1)],
        [
            .init(restart: .never, isOnDemand: true, heldPort: 1),
            .init(restart: .never, isOnDemand: true, heldPort: 2),
        ],
    ]

    @Test(arguments: plans)
    func `Nothing forbidden can be reached`(plans: [ServiceMachine.Plan]) throws {
        let map = try Map(plans)
        var states = Set(map.seen.keys.map(\.machine.state))
        // What this kind of service has no use for.
        if !plans.contains(where: \.isOnDemand) { states.formUnion([.arming, .armed]) }
        if plans.allSatisfy({ $0.restart == .never && !$0.isOnDemand }) { states.insert(.backoff) }
        if plans.allSatisfy(\.isOnDemand) { states.insert(.awaitingPort) }
        let missing = Set(ServiceMachine.State.allCases).subtracting(states)
        #expect(missing.isEmpty, "\(missing) cannot be reached")
        #expect(map.steps > 300)
    }
}
