// Deadlines: never early, in order, movable; a random run against a plain model.

import TestSupport
import Testing

@testable import NetCore

@Suite("Timers", .serialized)
struct TimerQueueTests {
    @Test("timers fire in the order of their deadlines and not before them")
    func order() async throws {
        try await looped { loop in
            var fired: [UInt32] = []
            let handler = Callback { fired.append($0) }
            let start = loop.time.now()
            for (tag, milliseconds) in [(3, 30), (1, 10), (2, 20)] as [(UInt32, Int)] {
                _ = loop.reactor.timers.schedule(
                    at: start + .milliseconds(milliseconds), handler, tag: tag)
            }
            loop.turn()
            #expect(fired.isEmpty)
            loop.time.advance(by: .nanoseconds(9_999_999))
            loop.turn()
            #expect(fired.isEmpty)
            loop.time.advance(by: .nanoseconds(1))
            loop.turn()
            #expect(fired == [1])
            loop.time.advance(by: .milliseconds(100))
            loop.turn()
            #expect(fired == [1, 2, 3])
            #expect(loop.reactor.timers.count == 0)
        }
    }

    @Test("a cancelled timer does not fire, and a stale handle cancels nobody else's")
    func cancel() async throws {
        try await looped { loop in
            var fired: [UInt32] = []
            let handler = Callback { fired.append($0) }
            let reactor = loop.reactor
            let now = loop.time.now()
            let first = reactor.timers.schedule(at: now, handler, tag: 1)
            reactor.timers.cancel(first)
            let isGone = !reactor.timers.isScheduled(first)
            #expect(isGone)
            let second = reactor.timers.schedule(at: now, handler, tag: 2)
            // Same slot, other generation.
            reactor.timers.cancel(first)
            reactor.timers.cancel(.none)
            let isThere = reactor.timers.isScheduled(second)
            #expect(isThere)
            loop.turn()
            #expect(fired == [2])
            reactor.timers.cancel(second)
        }
    }

    @Test("a handler can cancel another timer that is due, and schedule itself again")
    func changesInHandler() async throws {
        try await looped { loop in
            let reactor = loop.reactor
            var other = TimerHandle.none
            var fired: [String] = []
            let doomed = Callback { _ in fired.append("doomed") }
            let again = Callback { _ in fired.append("again") }
            _ = reactor.timers.schedule(
                at: loop.time.now(),
                Callback { _ in
                    fired.append("first")
                    reactor.timers.cancel(other)
                    _ = reactor.timers.schedule(at: reactor.now + .seconds(1), again)
                })
            other = reactor.timers.schedule(at: loop.time.now() + .nanoseconds(1), doomed)
            loop.time.advance(by: .milliseconds(1))
            loop.turn()
            #expect(fired == ["first"])
            loop.time.advance(by: .seconds(1))
            loop.turn()
            #expect(fired == ["first", "again"])
        }
    }

    @Test("due timers are fired a bounded number a turn, and none is lost")
    func bounded() async throws {
        try await looped { loop in
            var fired = 0
            let handler = Callback { _ in fired += 1 }
            for _ in 0..<2_500 {
                _ = loop.reactor.timers.schedule(at: loop.time.now(), handler)
            }
            var turns: [Int] = []
            for _ in 0..<3 {
                loop.reactor.turn()
                turns.append(fired)
            }
            #expect(turns == [1_024, 2_048, 2_500])
        }
    }

    @Test("a real wait ends at the next deadline, not before and not much later")
    func realWait() async throws {
        try await looped(isManual: false) { loop in
            var fired = false
            let deadline = SystemTime.shared.now() + .milliseconds(20)
            _ = loop.reactor.timers.schedule(at: deadline, Callback { _ in fired = true })
            loop.reactor.turn()
            #expect(SystemTime.shared.now() >= deadline)
            #expect(fired)
            #expect(loop.reactor.statistics.turns == 1)
        }
    }

    @Test("ten thousand random timers behave as a sorted list does", arguments: [1, 2])
    func model(seed: UInt64) async throws {
        try await looped { loop in
            let reactor = loop.reactor
            var random = SeededGenerator(seed: seed)
            var fired: [UInt32] = []
            let handler = Callback { fired.append($0) }
            var model: [UInt32: (deadline: Instant, handle: TimerHandle)] = [:]
            for tag in UInt32(0)..<10_000 {
                let deadline = loop.time.now() + .microseconds(random.number(in: 0...5_000))
                model[tag] = (deadline, reactor.timers.schedule(at: deadline, handler, tag: tag))
                let victim = UInt32(random.number(in: 0...Int(tag)))
                if random.oneIn(3), let known = model.removeValue(forKey: victim) {
                    reactor.timers.cancel(known.handle)
                    if random.oneIn(2) {
                        // Moved: under the same tag, to another time.
                        let later = known.deadline + .microseconds(random.number(in: 1...900))
                        model[victim] = (
                            later, reactor.timers.schedule(at: later, handler, tag: victim)
                        )
                    }
                }
                if random.oneIn(20) {
                    loop.time.advance(by: .microseconds(random.number(in: 0...400)))
                    fired = []
                    loop.turn()
                    let due = model.filter { $0.value.deadline <= reactor.now }
                    #expect(Set(fired) == Set(due.keys), "seed \(seed), timer \(tag)")
                    let deadlines = fired.compactMap { model[$0]?.deadline }
                    #expect(deadlines == deadlines.sorted(), "seed \(seed), timer \(tag)")
                    for key in due.keys { model[key] = nil }
                    #expect(reactor.timers.count == model.count)
                    #expect(
                        reactor.timers.nextDeadline == model.values.map(\.deadline).min())
                }
                if tag % 512 == 0 { reactor.timers.checkInvariants() }
            }
            loop.time.advance(by: .seconds(1))
            for _ in 0..<12 { loop.turn() }
            #expect(reactor.timers.count == 0)
            reactor.timers.checkInvariants()
        }
    }
}
