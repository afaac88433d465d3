// The restart policy on a clock that only the test moves: who is started again, when, and when no
// more.

import Gretl
import TestSupport
import Testing

@Suite struct RestartCounterTests {
    private func end(
        _ isFailure: Bool = true, readyFor: Duration = .zero, jitter: Int = 1_000
    ) -> RestartCounter.End {
        RestartCounter.End(isFailure: isFailure, readyFor: readyFor, jitter: jitter)
    }

    @Test func `Pauses double to half a minute, and the tenth fast failure is the last`() {
        var counter = RestartCounter()
        let pauses = (0..<9).map { _ in
            counter.ended(end(), policy: .onFailure, isOnDemand: false)
        }
        let wanted: [Duration] = [
            .milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2), .seconds(4),
            .seconds(8), .seconds(16), .seconds(30), .seconds(30),
        ]
        #expect(pauses == wanted.map { .again(after: $0) })
        let last = counter.ended(end(), policy: .onFailure, isOnDemand: false)
        #expect(last == .giveUp(failures: 10))
    }

    @Test func `Who is started again`() {
        let table: [(RestartPolicy, Bool, Bool, Bool)] = [
            (.never, true, false, false), (.never, false, false, false),
            (.onFailure, true, false, true), (.onFailure, false, false, false),
            (.always, true, false, true), (.always, false, false, true),
            // On demand: it listens again unless a failure is to be final.
            (.never, true, true, false), (.never, false, true, true),
            (.onFailure, false, true, true),
        ]
        for (policy, isFailure, isOnDemand, isAgain) in table {
            var counter = RestartCounter()
            let verdict = counter.ended(end(isFailure), policy: policy, isOnDemand: isOnDemand)
            #expect((verdict != .stay) == isAgain, "\(policy) \(isFailure) \(isOnDemand)")
        }
    }

    @Test func `Half a minute of being ready is a new beginning`() {
        var counter = RestartCounter()
        for _ in 0..<9 { _ = counter.ended(end(), policy: .onFailure, isOnDemand: false) }
        let almost = counter
        let settled = counter.ended(
            end(readyFor: .seconds(30)), policy: .onFailure, isOnDemand: false)
        #expect(settled == .again(after: .milliseconds(250)))
        #expect(counter.failures == 0)
        counter = almost
        let fast = counter.ended(
            end(readyFor: .milliseconds(29_999)), policy: .onFailure, isOnDemand: false)
        #expect(fast == .giveUp(failures: 10))
    }

    @Test func `A program that ends cleanly is never given up, however often`() {
        var counter = RestartCounter()
        for _ in 0..<1_000 {
            let verdict = counter.ended(end(false), policy: .always, isOnDemand: false)
            guard case .again(let pause) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(pause >= .milliseconds(250) && pause <= .seconds(30))
        }
        let worked = counter.ended(
            end(false, readyFor: .seconds(1)), policy: .always, isOnDemand: false)
        #expect(worked == .again(after: .milliseconds(250)))
    }

    @Test func `Chance moves a pause by a fifth at most, whatever is drawn`() {
        for (drawn, wanted) in [(800, 200), (1_000, 250), (1_200, 300), (0, 200), (9_999, 300)] {
            var counter = RestartCounter()
            let verdict = counter.ended(
                end(jitter: drawn), policy: .always, isOnDemand: false)
            #expect(verdict == .again(after: .milliseconds(wanted)))
        }
    }

    /// 100 services that crash at once, each on its own: how many starts there are in a second.
    @Test(arguments: [1, 2, 3]) func `Crash loops cannot start more than so often`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var starts: [Duration] = []
        for _ in 0..<100 {
            var counter = RestartCounter()
            var now = Duration.zero
            while true {
                let verdict = counter.ended(
                    end(jitter: Int.random(in: 800...1_200, using: &random)), policy: .onFailure,
                    isOnDemand: false)
                guard case .again(let pause) = verdict else { break }
                now += pause
                starts.append(now)
            }
        }
        #expect(starts.count == 900)
        starts.sort()
        // One service: not more than 3 starts in any second; all together: 300, and soon few.
        for (index, first) in starts.enumerated() {
            let inSecond = starts[index...].prefix { $0 - first < .seconds(1) }.count
            #expect(inSecond <= 300)
            if first > .seconds(10) { #expect(inSecond <= 60, "at \(first): \(inSecond)") }
        }
    }
}
