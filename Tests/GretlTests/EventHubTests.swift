// What listeners get, turn by turn: nothing twice and nothing left out between replay and live,
// whatever the moment they come and however they read; and how much of it happens in one turn.

import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

@Suite struct EventHubTests {
    @Test func replayAndLiveMeetWithoutGapOrDuplicate() async throws {
        try await eventStaged { stage in
            stage.publish(6)
            // An event before each of the first turns of a new listener's life.
            for id in 1...6 {
                for moment in 0..<8 {
                    let client = try stage.ask("?stats=0", lastID: id)
                    for turn in 0..<8 {
                        if turn == moment { stage.publish() }
                        stage.turn()
                    }
                    stage.publish()
                    let last = Int(stage.hub.log.ring.latestID)
                    #expect(stage.turn { client.ids.last == last })
                    #expect(client.ids == Array((id + 1)...last), "\(id) \(moment)")
                    #expect(client.gaps == [])
                    stage.leave(client)
                }
            }
        }
    }

    @Test func withoutAnIdTheStreamBeginsWithWhatComesNext() async throws {
        try await eventStaged { stage in
            stage.publish(3)
            let client = try stage.listen()
            stage.settle()
            #expect(client.stream == "retry: 2000\n\n")
            stage.publish()
            stage.settle()
            #expect(client.ids == [4])
            #expect(
                client.frames.last
                    == "event: service.unregistered\nid: 4\ndata: {\"name\":\"a\"}")
        }
    }

    @Test(arguments: [1_023, 1_024, 1_025, 2_500])
    func theLastThousandAndTwentyFourAreKept(count: Int) async throws {
        try await eventStaged { stage in
            stage.publish(count)
            let oldest = max(1, count - 1_023)
            let all = try stage.listen("?stats=0&since=0")
            #expect(stage.turn { all.ids.last == count })
            #expect(all.ids == Array(oldest...count))
            #expect(all.gaps == [])
            for id in [oldest - 1, oldest, count - 1, count] {
                let client = try stage.listen(lastID: id)
                #expect(stage.turn { id == count || client.ids.last == count })
                #expect(client.ids == Array((id + 1)..<(count + 1)), "\(id)")
                #expect(client.gaps == [], "\(id)")
            }
            guard oldest > 2 else { return }
            let late = try stage.listen(lastID: oldest - 2)
            #expect(stage.turn { late.ids.last == count })
            #expect(late.gaps == ["evicted"] && late.ids.first == oldest)
            #expect(
                late.frames[1] == "event: stream.gap\ndata: {\"requested\":\(oldest - 2),"
                    + "\"oldest\":\(oldest),\"latest\":\(count),\"reason\":\"evicted\"}")
        }
    }

    /// What happens between a request and the first look at its client pushes the oldest event out;
    /// that does not make a slow reader of the client.
    @Test func whoBeginsWithTheOldestIsNotTakenForSlow() async throws {
        try await eventStaged { stage in
            stage.publish(1_024)
            let all = try stage.ask("?stats=0&since=0")
            let resumed = try stage.ask("?stats=0", lastID: 1)
            let publisher = Publisher(stage)
            for _ in 0..<10 {
                // Runs between the requests of that turn and the looks at their clients.
                stage.reactor.runNextTurn(publisher)
                stage.turn()
            }
            stage.settle()
            let latest = Int(stage.hub.log.ring.latestID)
            #expect(latest > 1_025)
            for client in [all, resumed] {
                #expect(client.ids == Array(try #require(client.ids.first)...latest))
            }
            #expect(all.gaps == [] && !resumed.gaps.contains("slow"))
            #expect(stage.hub.counts.slow == 0 && stage.hub.count == 2)
        }
    }

    @Test func oneWhoDoesNotReadIsToldAndComesBack() async throws {
        try await eventStaged { stage in
            let slow = try stage.listenNarrowly()
            slow.peer.mostPerRead = 0
            let quick = try stage.listen()
            for _ in 0..<1_500 {
                stage.publishLong()
                stage.turn()
            }
            // It holds up nobody, and what it is owed is bounded.
            let last = Int(stage.hub.log.ring.latestID)
            #expect(stage.turn { quick.ids.last == last })
            #expect(quick.ids == Array(1...last))
            #expect(stage.hub.count == 2)
            slow.peer.mostPerRead = 1 << 20
            #expect(stage.turn { slow.peer.isAtEnd })
            #expect(slow.gaps == ["slow"])
            #expect(stage.hub.count == 1 && stage.hub.counts.slow == 1)
            let seen = try #require(slow.ids.last)
            #expect(slow.ids == Array(1...seen) && seen < last)
            #expect(slow.frames.last?.contains("\"requested\":\(seen),") == true)
            let again = try stage.listen(lastID: seen)
            #expect(stage.turn { again.ids.last == last })
            #expect(again.gaps == ["evicted"])
            #expect(again.ids.first == Int(stage.hub.log.ring.oldestID))
        }
    }

    @Test func oneWhoNeverReadsIsClosedInTime() async throws {
        try await eventStaged { stage in
            let dead = try stage.listenNarrowly()
            dead.peer.mostPerRead = 0
            for _ in 0..<100 { stage.publishLong() }
            stage.settle()
            #expect(stage.hub.count == 1)
            stage.advance(by: .seconds(31))
            #expect(stage.hub.count == 0)
        }
    }

    @Test func eventsOfATurnAreOneWriteToEach() async throws {
        try await eventStaged { stage in
            let clients = try (0..<5).map { _ in try stage.listen() }
            stage.publish()
            stage.settle()
            let before = stage.reactor.statistics.writes
            stage.publish(20)
            stage.settle()
            #expect(clients.allSatisfy { $0.ids == Array(1...21) })
            #expect(stage.reactor.statistics.writes - before == 5)
        }
    }

    @Test func aCrowdIsServedOverTurns() async throws {
        try await eventStaged { stage in
            let clients = try (0..<300).map { _ in try stage.listen() }
            stage.publish()
            stage.settle()
            stage.publish()
            var seen = 0
            var turns = 0
            while seen < 300, turns < 100 {
                let before = stage.reactor.statistics.writes
                stage.turn()
                turns += 1
                let writes = Int(stage.reactor.statistics.writes - before)
                #expect(writes <= EventLimits.writesPerTurn + 1)
                seen = clients.count { $0.ids.last == 2 }
            }
            #expect(clients.allSatisfy { $0.ids == [1, 2] })
            #expect(turns >= 300 / EventLimits.writesPerTurn)
        }
    }

    @Test func aRoundWhoseWritesAreSlowIsCutByTheClock() async throws {
        try await eventStaged { stage in
            let clients = try (0..<120).map { _ in try stage.listen() }
            stage.settle()
            // As if a write took 200 us: five or six fill what a turn may take.
            stage.time.pass(.microseconds(200))
            stage.publish()
            var most = 0
            var turns = 0
            while turns < 200, !clients.allSatisfy({ $0.ids == [1] }) {
                let before = stage.reactor.statistics.writes
                stage.turn()
                turns += 1
                most = max(most, Int(stage.reactor.statistics.writes - before))
            }
            stage.time.pass(.zero)
            #expect(clients.allSatisfy { $0.ids == [1] })
            #expect((1...12).contains(most), "\(most) writes in a turn")
        }
    }

    @Test func filtersPassWhatTheyName() async throws {
        try await eventStaged { stage in
            let types = try stage.listen("?types=port.*,service.crashed")
            let names = try stage.listen("?stats=0&services=web,%77eb2")
            stage.hub.publish(.serviceStarted(name: "web", pid: 1, url: nil))
            stage.hub.publish(.serviceCrashed(name: "api", exitCode: 1, signal: nil))
            stage.hub.publish(.portConflict(port: 1, claimedBy: "api", holder: "web"))
            stage.hub.publish(.groupStopped(name: "@g", services: ["web"]))
            stage.settle()
            #expect(types.ids == [2, 3])
            #expect(names.ids == [1, 3])
            // A filter does not make a client slow, however much passes it by.
            for _ in 0..<30 {
                stage.publish(100)
                stage.turn()
            }
            stage.hub.publish(.serviceCrashed(name: "web", exitCode: 1, signal: nil))
            stage.settle()
            #expect(types.ids == [2, 3, 3_005] && names.ids == [1, 3, 3_005])
            #expect(types.gaps == [] && names.gaps == [])
        }
    }

    @Test func aSilentStreamPingsAndNobodyListeningNeedsNoTimer() async throws {
        try await eventStaged { stage in
            #expect(stage.reactor.timers.count == 0)
            let client = try stage.listen()
            stage.advance(by: .seconds(14))
            #expect(client.frames == ["retry: 2000"])
            stage.advance(by: .seconds(1))
            #expect(client.frames == ["retry: 2000", ": ping"])
            for _ in 0..<3 { stage.advance(by: .seconds(15)) }
            #expect(client.frames.count { $0 == ": ping" } == 4)
            stage.leave(client)
            #expect(stage.turn { stage.hub.count == 0 })
            #expect(stage.reactor.timers.count == 0)
        }
    }

    @Test func nobodyIsTakenInWhileTheDaemonEnds() async throws {
        try await eventStaged { stage in
            let client = try stage.listen()
            stage.hub.close()
            let late = try stage.ask("")
            #expect(stage.turn { late.text.contains("daemon_busy") })
            #expect(late.text.hasPrefix("HTTP/1.1 503 "))
            stage.publish()
            stage.settle()
            #expect(client.ids == [1])
        }
    }

    /// Clients that come, read at their own pace, lose the connection in the middle of a frame and
    /// come back with the last id they know.
    @Test(arguments: [1, 2, 3, 4])
    func whateverClientsDoTheyKnowEveryEventOnce(seed: UInt64) async throws {
        try await eventStaged { stage in
            var random = SeededGenerator(seed: seed)
            var known = [[Int]](repeating: [], count: 8)
            var clients = [HubClient?](repeating: nil, count: 8)
            stage.publish()
            for _ in 0..<1_500 {
                if random.oneIn(3) { stage.publish(random.number(in: 1...3)) }
                if random.oneIn(20) { stage.publishLong() }
                let index = random.number(in: 0...7)
                switch random.number(in: 0...3) {
                case 0:
                    guard let client = clients[index] else { break }
                    known[index] += client.ids
                    stage.leave(client)
                    clients[index] = nil
                case 1 where clients[index] == nil:
                    let last = known[index].last
                    let client = try stage.listenNarrowly(
                        "?stats=0" + (last == nil ? "&since=0" : ""), lastID: last)
                    clients[index] = client
                default:
                    clients[index]?.peer.mostPerRead = random.oneIn(2) ? 700 : 1 << 16
                }
                stage.turn()
            }
            let latest = Int(stage.hub.log.ring.latestID)
            for index in 0...7 {
                if let client = clients[index] {
                    client.peer.mostPerRead = 1 << 20
                    #expect(
                        stage.turn { client.ids.last ?? known[index].last == latest })
                    #expect(stage.turn { (client.ids.last ?? latest) == latest })
                    #expect(client.gaps.isEmpty, "seed \(seed)")
                    known[index] += client.ids
                } else if let last = known[index].last, last < latest {
                    let client = try stage.listen(lastID: last)
                    #expect(stage.turn { client.ids.last == latest })
                    known[index] += client.ids
                }
                guard !known[index].isEmpty else { continue }
                #expect(known[index] == Array(1...latest), "seed \(seed), client \(index)")
            }
        }
    }
}

/// Something happens in the middle of a turn.
@ReactorActor
private final class Publisher: DeferredHandler {
    private unowned let stage: EventStage
    init(_ stage: EventStage) { self.stage = stage }
    func runDeferred() { stage.publish(3) }
}
