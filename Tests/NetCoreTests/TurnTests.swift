// The turn: its order, stale events, work that is put off, and waits that fail.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

/// A handler that is a closure.
@ReactorActor
final class Callback: EventHandler, TimerHandler, DeferredHandler {
    private let body: (UInt32) -> Void
    init(_ body: @escaping (UInt32) -> Void) { self.body = body }
    func ready(_ mask: EventMask) { body(mask.rawValue) }
    func timerFired(_ tag: UInt32) { body(tag) }
    func runDeferred() { body(0) }
}

/// An eventfd, readable from the start if wanted.
func makeEvent(isReady: Bool = true) throws -> Int32 {
    let descriptor = cepoll_eventfd()
    try #require(descriptor >= 0)
    if isReady { try #require(cepoll_eventfd_signal(descriptor) == 0) }
    return descriptor
}

@Suite("Reactor turn", .serialized)
struct TurnTests {
    @Test("a stale event is dropped though its descriptor number is in use again")
    func staleEvent() async throws {
        try await looped { loop in
            let reactor = loop.reactor
            let descriptors = [try makeEvent(), try makeEvent()]
            var registrations = [Registration.none, .none]
            var calls: [Int] = []
            var fresh = Registration.none
            var freshCalls = 0
            for index in 0...1 {
                registrations[index] = try reactor.register(
                    descriptors[index], .readable,
                    Callback { _ in
                        calls.append(index)
                        _ = cepoll_eventfd_drain(descriptors[index])
                        // Whoever comes first closes the other and takes its number and slot.
                        let other = 1 - index
                        reactor.deregister(registrations[other])
                        // Not by close and open: another thread may take the number between.
                        let event = cepoll_eventfd()
                        #expect(dup2(event, descriptors[other]) == descriptors[other])
                        Descriptor.close(event)
                        fresh =
                            (try? reactor.register(
                                descriptors[other], .readable, Callback { _ in freshCalls += 1 }))
                            ?? .none
                        #expect(fresh.slot == registrations[other].slot)
                    })
            }
            loop.turn()
            #expect(calls.count == 1)
            #expect(freshCalls == 0)
            #expect(reactor.statistics.staleEvents == 1)
            // Stale handles do nothing to the new registration.
            try reactor.change(registrations[1 - calls[0]], [])
            reactor.deregister(registrations[1 - calls[0]])
            #expect(cepoll_eventfd_signal(descriptors[1 - calls[0]]) == 0)
            loop.turn()
            #expect(freshCalls == 1)
            reactor.deregister(fresh)
            reactor.deregister(registrations[calls[0]])
            for descriptor in descriptors { Descriptor.close(descriptor) }
            #expect(reactor.registrationCount == 1)
        }
    }

    @Test("a turn that takes too long begins nothing further, and nothing is lost or doubled")
    func budget() async throws {
        try await looped { loop in
            let reactor = loop.reactor
            var calls: [Int] = []
            var handlers: [Callback] = []
            var registrations: [Registration] = []
            var descriptors: [Int32] = []
            for index in 0..<16 {
                let descriptor = try makeEvent()
                descriptors.append(descriptor)
                registrations.append(
                    try reactor.register(
                        descriptor, .readable,
                        Callback { _ in
                            calls.append(index)
                            _ = cepoll_eventfd_drain(descriptor)
                            loop.time.advance(by: .milliseconds(1))
                        }))
                let late = Callback { _ in
                    calls.append(100 + index)
                    loop.time.advance(by: .milliseconds(1))
                }
                handlers.append(late)
                reactor.runNextTurn(late)
                _ = reactor.timers.schedule(at: reactor.now, late)
                loop.inbox.post(
                    .work {
                        calls.append(200 + index)
                        loop.time.advance(by: .milliseconds(1))
                    })
                reactor.flushAtEndOfTurn(late)
            }
            var longest = 0
            for _ in 0..<64 {
                let before = calls.count
                loop.turn()
                longest = max(longest, calls.count - before)
            }
            let expected =
                (0..<16).flatMap { [$0, 200 + $0] } + (0..<48).map { 100 + $0 % 16 }
            #expect(calls.sorted() == expected.sorted())
            // Of each kind only what is begun between two looks at the clock.
            #expect(longest <= 3 + 1 + 15 + 1 + 3)
            for registration in registrations { reactor.deregister(registration) }
            for descriptor in descriptors { Descriptor.close(descriptor) }
        }
    }

    @Test("whoever is always ready does not keep the others waiting")
    func fairness() async throws {
        try await looped { loop in
            let reactor = loop.reactor
            // More than one wait reports.
            var calls = [Int](repeating: 0, count: 2 * Limits.eventsPerWait + 3)
            var registrations: [Registration] = []
            var descriptors: [Int32] = []
            for index in 0..<calls.count {
                // Never drained: ready in each turn, and three of them are a turn.
                descriptors.append(try makeEvent())
                registrations.append(
                    try reactor.register(
                        descriptors[index], .readable,
                        Callback { _ in
                            calls[index] += 1
                            loop.time.advance(by: .milliseconds(1))
                        }))
            }
            for _ in 0..<(10 * calls.count) { loop.turn() }
            let least = calls.min() ?? 0
            let most = calls.max() ?? 0
            #expect(least >= 10 && most <= 3 * least, "\(calls)")
            for registration in registrations { reactor.deregister(registration) }
            for descriptor in descriptors { Descriptor.close(descriptor) }
        }
    }

    @Test("a handler can deregister another one that is ready, and itself")
    func deregisterInHandler() async throws {
        try await looped { loop in
            let reactor = loop.reactor
            var registrations: [Registration] = []
            var calls = 0
            let descriptors = try (0..<10).map { _ in try makeEvent() }
            for descriptor in descriptors {
                registrations.append(
                    try reactor.register(
                        descriptor, .readable,
                        Callback { _ in
                            calls += 1
                            for registration in registrations { reactor.deregister(registration) }
                        }))
            }
            loop.turn()
            #expect(calls == 1)
            #expect(reactor.registrationCount == 1)
            #expect(reactor.statistics.staleEvents == 9)
            loop.turn()
            #expect(calls == 1)
            for descriptor in descriptors { Descriptor.close(descriptor) }
        }
    }

    @Test("more registrations than the table starts with keep their handlers")
    func tableGrows() async throws {
        try await looped { loop in
            var seen: Set<Int> = []
            var registrations: [(Registration, Int32)] = []
            for index in 0..<300 {
                let descriptor = try makeEvent()
                let handler = Callback { _ in seen.insert(index) }
                registrations.append(
                    (try loop.reactor.register(descriptor, .readable, handler), descriptor))
            }
            // A turn takes a bounded number of events; the kernel reports the others first in the
            // next.
            for _ in 0...300 / Limits.eventsPerWait { loop.turn() }
            #expect(seen == Set(0..<300))
            for (registration, descriptor) in registrations {
                loop.reactor.deregister(registration)
                Descriptor.close(descriptor)
            }
            #expect(loop.reactor.registrationCount == 1)
        }
    }

    @Test("a turn runs descriptors, put-off work, timers, jobs and flushes in this order")
    func order() async throws {
        try await looped { loop in
            let reactor = loop.reactor
            var log: [String] = []
            let first = Callback { _ in log.append("deferred") }
            reactor.runNextTurn(first)
            let descriptor = try makeEvent()
            let registration = try reactor.register(
                descriptor, .readable,
                Callback { _ in
                    log.append("descriptor")
                    _ = cepoll_eventfd_drain(descriptor)
                    let timer = Callback { _ in log.append("timer") }
                    _ = reactor.timers.schedule(at: reactor.now, timer)
                    reactor.flushAtEndOfTurn(Callback { _ in log.append("flush") })
                    reactor.runNextTurn(Callback { _ in log.append("next") })
                })
            let notes = Notes()
            loop.inbox.post(.work { notes.add(at: log.count) })
            loop.turn()
            #expect(log == ["descriptor", "deferred", "timer", "flush"])
            // The job saw the three entries before it.
            #expect(notes.values == [3])
            loop.turn()
            #expect(log.last == "next")
            reactor.deregister(registration)
            Descriptor.close(descriptor)
        }
    }

    @Test("work that puts itself off again runs once a turn, and no turn waits meanwhile")
    func deferredRepeats() async throws {
        try await looped { loop in
            var runs = 0
            var again: (() -> Void)?
            let handler = Callback { _ in
                runs += 1
                again?()
            }
            again = { loop.reactor.runNextTurn(handler) }
            loop.reactor.runNextTurn(handler)
            for turn in 1...10 {
                loop.reactor.turn()
                #expect(runs == turn)
            }
            again = { loop.reactor.flushAtEndOfTurn(handler) }
            // The last one put off asks for a flush in its own turn; from there it is one each.
            for turn in 11...20 {
                loop.reactor.turn()
                #expect(runs == turn + 1)
            }
            again = nil
        }
    }

    @Test("a wait that fails is an empty turn", arguments: [EINTR, EBADF, ENOMEM])
    func failedWait(error: Int32) async throws {
        try await looped { loop in
            let descriptor = try makeEvent()
            var calls = 0
            let registration = try loop.reactor.register(
                descriptor, .readable, Callback { _ in calls += 1 })
            _ = loop.reactor.timers.schedule(at: loop.time.now(), Callback { _ in calls += 10 })
            withFault(CEPOLL_CALL_WAIT, error: error, times: 1) { loop.turn() }
            #expect(calls == 10)
            #expect(loop.reactor.statistics.events == 0)
            loop.turn()
            #expect(calls == 11)
            loop.reactor.deregister(registration)
            Descriptor.close(descriptor)
        }
    }

    @Test("a registration the kernel refuses takes no slot")
    func refusedRegistration() async throws {
        try await looped { loop in
            #expect(throws: SystemError.self) {
                try loop.reactor.register(-1, .readable, Callback { _ in })
            }
            #expect(loop.reactor.registrationCount == 1)
        }
    }

    @Test("a failed change of interest leaves the old one")
    func failedChange() async throws {
        try await looped { loop in
            let descriptor = try makeEvent()
            var masks: [UInt32] = []
            let registration = try loop.reactor.register(
                descriptor, [], Callback { masks.append($0) })
            _ = withFault(CEPOLL_CALL_MODIFY, error: ENOMEM, times: 1) {
                #expect(throws: SystemError.self) {
                    try loop.reactor.change(registration, .readable)
                }
            }
            loop.turn()
            #expect(masks.isEmpty)
            // Not taken for done: the next try reaches the kernel.
            try loop.reactor.change(registration, .readable)
            loop.turn()
            #expect(masks == [EventMask.readable.rawValue])
            loop.reactor.deregister(registration)
            Descriptor.close(descriptor)
        }
    }

    @Test("a signal is delivered after the descriptors of its turn and before its timers")
    func signalsLast() async throws {
        try await looped { loop in
            var log: [String] = []
            // A real-time signal that nobody else uses; blocked in this thread, sent to it.
            let number = Int32(40)
            _ = try SignalSource([number], on: loop.reactor) { log.append("signal \($0)") }
            let descriptor = try makeEvent(isReady: false)
            let registration = try loop.reactor.register(
                descriptor, .readable, Callback { _ in log.append("descriptor") })
            try #require(pthread_kill(pthread_self(), number) == 0)
            try #require(cepoll_eventfd_signal(descriptor) == 0)
            let timer = Callback { _ in log.append("timer") }
            _ = loop.reactor.timers.schedule(at: loop.time.now(), timer)
            loop.turn()
            #expect(log == ["descriptor", "signal 40", "timer"])
            loop.reactor.deregister(registration)
            Descriptor.close(descriptor)
        }
    }
}

/// Numbers noted down by jobs.
@ReactorActor
final class Notes {
    private(set) var values: [Int] = []
    func add(at value: Int) { values.append(value) }
}
