// Work from other threads and jobs of the Swift runtime.

import CEpoll
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import NetCore

@Suite("Inbox and actor", .serialized)
struct InboxTests {
    @Test("a storm of jobs is bounded a turn, and descriptors are served meanwhile")
    func storm() async throws {
        try await looped { loop in
            let notes = Notes()
            for number in 0..<5_000 { loop.inbox.post(.work { notes.add(at: number) }) }
            let descriptor = try makeEvent()
            var served: [Int] = []
            let registration = try loop.reactor.register(
                descriptor, .readable, Callback { _ in served.append(notes.values.count) })
            while notes.values.count < 5_000, served.count < 100 { loop.reactor.turn() }
            #expect(served == Array(stride(from: 0, to: 5_000, by: Limits.jobsPerTurn)))
            #expect(notes.values == Array(0..<5_000))
            loop.reactor.deregister(registration)
            Descriptor.close(descriptor)
        }
    }

    @Test("a job that posts itself again for ever does not hold a turn")
    func endless() async throws {
        try await looped { loop in
            let inbox = loop.inbox
            loop.inbox.post(.work { repeatForever(inbox) })
            for turn in 1...3 {
                loop.reactor.turn()
                #expect(loop.reactor.statistics.jobs == UInt64(turn * Limits.jobsPerTurn))
            }
        }
    }

    @Test("jobs left over come before those posted later")
    func orderOfLeftovers() async throws {
        try await looped { loop in
            let notes = Notes()
            for number in 0..<1_500 { loop.inbox.post(.work { notes.add(at: number) }) }
            loop.turn()
            loop.inbox.post(.work { notes.add(at: 1_500) })
            for _ in 0...1_500 / Limits.jobsPerTurn { loop.turn() }
            #expect(notes.values == Array(0...1_500))
        }
    }

    @Test("no wake-up is lost in sixty thousand posts from four threads")
    func noLostWakeUps() async throws {
        try await looped(isManual: false) { loop in
            let inbox = loop.inbox
            let counter = Counter()
            let stop = Progress()
            let threads = try (0..<4).map { _ in
                try startThread {
                    let done = Progress()
                    for round in 1...15_000 {
                        inbox.post(
                            .work {
                                counter.value += 1
                                done.count.add(1, ordering: .relaxed)
                            })
                        // Once all wait for theirs, the loop gets to sleep.
                        while done.count.load(ordering: .relaxed) < round {
                            if stop.count.load(ordering: .relaxed) > 0 { return }
                            sched_yield()
                        }
                    }
                }
            }
            var longest = Duration.zero
            while counter.value < 60_000, longest < .seconds(2) {
                let before = SystemTime.shared.now()
                loop.reactor.turn(waitingAtMost: .seconds(2))
                longest = max(longest, SystemTime.shared.now() - before)
            }
            stop.count.add(1, ordering: .relaxed)
            for thread in threads { pthread_join(thread, nil) }
            #expect(counter.value == 60_000)
            #expect(longest < .seconds(2), "the loop slept over a post")
        }
    }

    @Test("async functions stay on the reactor's thread over any number of awaits")
    func staysOnThread() async throws {
        let isHome = try await onReactor {
            let home = pthread_self()
            let away = Counter()
            for _ in 0..<1_000 {
                await withCheckedContinuation { continuation in
                    ReactorActor.post { continuation.resume() }
                }
                if pthread_self() != home { away.value += 1 }
                await spawn { if pthread_self() != home { away.value += 1 } }.value
                if pthread_self() != home { away.value += 1 }
            }
            return away.value == 0
        }
        #expect(isHome)
    }
}

private final class Progress: Sendable {
    let count = Atomic<Int>(0)
}

@ReactorActor
private final class Counter { var value = 0 }

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs `body` on a thread of its own, to be joined.
private func startThread(_ body: @escaping @Sendable () -> Void) throws -> pthread_t {
    var thread = pthread_t()
    let retained = unsafe Unmanaged.passRetained(ThreadBody(body))
    let result = unsafe pthread_create(
        &thread, nil,
        { argument in
            unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
            return nil
        }, retained.toOpaque())
    try #require(result == 0)
    return thread
}

@ReactorActor
private func repeatForever(_ inbox: Inbox) {
    inbox.post(.work { repeatForever(inbox) })
}
