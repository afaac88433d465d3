// What the query of GET /v1/events means, and that every type of event can be asked for.

import NetCore
import TestSupport
import Testing

@testable import Gretl

@Suite struct EventFilterTests {
    private static let all: [Event] = [
        .serviceRegistered(name: "a", port: 1, group: nil), .serviceUnregistered(name: "a"),
        .serviceStarted(name: "a", pid: 1, url: nil),
        .serviceStopped(name: "a", exitCode: 0, reason: nil),
        .serviceCrashed(name: "a", exitCode: 1, signal: nil),
        .serviceGaveUp(name: "a", failures: 1),
        .portConflict(port: 1, claimedBy: "a", holder: "b"),
        .groupStarted(name: "@g", services: []), .groupFailed(name: "@g", failed: []),
        .groupStopped(name: "@g", services: []),
        .clusterSynced(id: "c", name: "prod", synced: 1, added: 1, removed: 0),
        .workloadChanged(facts), .workloadSlept(facts, cause: "request"), .workloadWoken(facts),
        .workloadRemoved(facts), .workloadDrift(facts, what: "woken_elsewhere", manager: nil),
        .tetherOpened(tether), .tetherClosed(tether), .tetherFailed(tether, reason: "no pod"),
    ]
    private static let tether = TetherFacts(
        id: "t", workload: "w", label: nil, containerPort: 80, localPort: 21_000)
    private static let facts = WorkloadFacts(
        id: "w", clusterID: "c", namespace: "default", name: "web", kind: "Deployment",
        replicas: 1, readyReplicas: 1, desiredReplicas: 1)

    private func start(_ header: String?, _ query: [String: String]) throws -> EventQuery.Start {
        try EventQuery(header: header) { query[$0] }.start
    }

    @Test func everyTypeIsKnownAndPassesAFilterOfItsName() throws {
        #expect(Self.all.map(\.type) == EventType.kept)
        for wanted in Self.all {
            let filter = try #require(try EventFilter(types: wanted.type, services: nil))
            for event in Self.all {
                #expect(filter.passes(KeptEvent(event, id: 1, time: nil)) == (event == wanted))
            }
            #expect(!filter.passesStats)
        }
    }

    @Test func beginningsAndNamesChoose() throws {
        let groups = try #require(try EventFilter(types: "group.*", services: nil))
        #expect(Self.all.count { groups.passes(KeptEvent($0, id: 1, time: nil)) } == 3)
        let services = try #require(try EventFilter(types: "service.*", services: nil))
        #expect(Self.all.count { services.passes(KeptEvent($0, id: 1, time: nil)) } == 6)
        #expect(services.passesStats)
        let holder = try #require(try EventFilter(types: nil, services: "x,b"))
        #expect(Self.all.count { holder.passes(KeptEvent($0, id: 1, time: nil)) } == 1)
        #expect(try EventFilter(types: nil, services: nil) == nil)
    }

    @Test func theHeaderWinsOverTheQuery() throws {
        #expect(try start(nil, [:]) == .now)
        #expect(try start("", [:]) == .now)
        #expect(try start("7", [:]) == .after(7))
        #expect(try start(nil, ["since": "0"]) == .oldest)
        #expect(try start(nil, ["since": "5"]) == .after(5))
        #expect(try start(nil, ["since": "5", "lastEventId": "6"]) == .after(6))
        #expect(try start("7", ["since": "5", "lastEventId": "6"]) == .after(7))
        #expect(try start("7", ["lastEventId": "x"]) == .after(7))
        for none in ["-1", "+1", "1.0", "0x1", "9007199254740992", "99999999999999999999", ","] {
            #expect(try start(none, [:]) == .invalid, "\(none)")
            #expect(throws: APIError.self) { try start(nil, ["since": none]) }
        }
        #expect(try start("9007199254740991", [:]) == .after(9_007_199_254_740_991))
    }

    @Test func aLineOfTheFileComesBackAndNoDamageIsTakenForOne() throws {
        for (index, event) in Self.all.enumerated() {
            let kept = KeptEvent(
                event, id: Int64(index + 1),
                time: index % 2 == 0 ? nil : 1_700_000_000_000 + Int64(index))
            var line: [UInt8] = []
            kept.write(to: &line)
            #expect(line.removeLast() == 10)
            let back = try #require(KeptEvent(line: line[...]))
            #expect(back.id == kept.id && back.type == kept.type && back.time == kept.time)
            #expect(back.subjects == kept.subjects)
            for place in line.indices {
                var damaged = line
                damaged[place] ^= 0x20
                #expect(KeptEvent(line: damaged[...]) == nil, "\(place)")
                #expect(KeptEvent(line: line[..<place]) == nil, "\(place)")
            }
        }
    }
}
