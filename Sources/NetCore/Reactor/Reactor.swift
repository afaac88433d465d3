// The loop. One thread, one epoll set, level-triggered; `turn` shows the order of everything.
// Handlers are called synchronously and must not block: no disk sync, no name look-up, no scan of
// /proc belongs here.

internal import CEpoll
import Glibc

/// Something to do at the end of a turn, or again in the next one.
@ReactorActor
package protocol DeferredHandler: AnyObject {
    func runDeferred()
}

/// The event loop of the daemon.
@ReactorActor
package final class Reactor {
    private let epoll: Int32
    private var table = RegistrationTable()
    package var timers = TimerQueue()
    private let events = EventBuffer()
    private let inbox: Inbox
    private let time: any TimeSource
    private var wakeRegistration = Registration.none
    /// Of the batch that the kernel reported last, how many there are, and the first that no turn
    /// had time for yet.
    private var readyCount = 0
    private var nextReady = 0
    private var stopping = false
    private var isForgetting = false
    /// Items taken from the inbox; those from `nextTaken` on are still to be run.
    private var taken: [Inbox.Item] = []
    private var nextTaken = 0
    /// Flushes of this turn, in the order they were asked for.
    private var flushes: [any DeferredHandler] = []
    /// Work put off to the next turn, so that others come first.
    private var deferred: [any DeferredHandler] = []
    var signals: SignalSource?
    package var statistics = LoopStatistics()
    /// Measures the CPU time of each turn as well, for two more system calls a turn.
    package var measuresCPU = false
    /// The instant of this turn.
    package private(set) var now: Instant

    /// Makes a loop; the calling thread must be the reactor's.
    package convenience init(time: any TimeSource = SystemTime.shared) throws(SystemError) {
        try self.init(time: time, inbox: ReactorActor.executor.inbox)
    }

    /// A loop with an inbox of its own runs no job of the Swift runtime: for tests that step one.
    init(time: any TimeSource, inbox: Inbox) throws(SystemError) {
        Limits.check()
        epoll = cepoll_create()
        guard epoll >= 0 else { throw SystemError("epoll_create1", epoll) }
        self.time = time
        now = time.now()
        self.inbox = inbox
        wakeRegistration = try register(inbox.wakeDescriptor, .readable, WakeHandler(inbox))
    }

    deinit {
        _ = cepoll_close(epoll)
    }

    /// Nanoseconds since 1970, for output.
    package func wallNanoseconds() -> Int64 { time.wallNanoseconds() }

    /// The instant now, which is later than that of the turn: for work that bounds its own time.
    package func clock() -> Instant { time.now() }

    // MARK: Registrations

    package func register(
        _ descriptor: Int32, _ mask: EventMask, _ handler: any EventHandler
    ) throws(SystemError) -> Registration {
        let registration = table.insert(handler, descriptor: descriptor, mask: mask)
        let result = cepoll_add(epoll, descriptor, mask.rawValue, registration.token)
        guard result == 0 else {
            table.remove(registration)
            throw SystemError("epoll_ctl", result)
        }
        return registration
    }

    /// Changes what is wanted; does nothing when it is wanted already or the registration is gone.
    package func change(_ registration: Registration, _ mask: EventMask) throws(SystemError) {
        guard table.isCurrent(registration), table.mask(registration) != mask else { return }
        let descriptor = table.descriptor(registration)
        let result = cepoll_modify(epoll, descriptor, mask.rawValue, registration.token)
        statistics.interestChanges &+= 1
        guard result == 0 else { throw SystemError("epoll_ctl", result) }
        table.setMask(registration, mask)
    }

    /// Leaves epoll; to be called before the descriptor is closed, since a copy of it in a child
    /// would go on reporting.
    package func deregister(_ registration: Registration) {
        guard table.isCurrent(registration) else { return }
        _ = cepoll_remove(epoll, table.descriptor(registration))
        table.remove(registration)
    }

    package var registrationCount: Int { table.count }
    package func allHandlers() -> [any EventHandler] { table.allHandlers() }

    // MARK: Deferred work

    /// Runs `handler` once at the end of this turn. The caller sees to it that it asks only once.
    package func flushAtEndOfTurn(_ handler: any DeferredHandler) { flushes.append(handler) }

    /// Runs `handler` in the next turn, after the descriptors had theirs.
    package func runNextTurn(_ handler: any DeferredHandler) { deferred.append(handler) }

    // MARK: The loop

    /// Turns until `stop`.
    package func run() {
        stopping = false
        while !stopping { turn() }
    }

    /// Ends `run` after this turn.
    package func stop() { stopping = true }

    /// One turn. `most` bounds the wait, for tests.
    package func turn(waitingAtMost most: Duration? = nil) {
        // 1. Wait: not at all when work was left over, else until the next deadline. A batch that
        // the last turn had no time for is served to its end first: the kernel puts what it has
        // reported behind the rest, so whoever is always ready would keep its tail waiting.
        let isLeftOver = nextReady < readyCount
        if !isLeftOver {
            // A failed wait (EINTR under a debugger) is an empty one.
            readyCount = max(0, Int(events.wait(epoll, nanoseconds: waitNanoseconds(most))))
            nextReady = 0
            statistics.events &+= UInt64(readyCount)
        }
        now = time.now()
        let start = now
        let startCPU = measuresCPU ? cepoll_thread_cpu() : 0
        statistics.turns &+= 1

        // 2. What an earlier turn put off; what it puts off again waits for the next one.
        let putOff = takeDeferred()
        // 3. Descriptors. A handler may close others: stale events no longer match.
        let first = nextReady
        while nextReady < readyCount {
            // A clock costs 25 ns: looked at now and then.
            if (nextReady &- first) & 3 == 3, isOverBudget(start) { break }
            let event = events[nextReady]
            nextReady &+= 1
            let registration = Registration(token: event.token)
            guard let handler = table.handler(registration) else {
                statistics.staleEvents &+= 1
                continue
            }
            var mask = EventMask(rawValue: event.mask)
            if isLeftOver {
                // Since it was reported, less may be wanted.
                mask.formIntersection(table.mask(registration).union([.hangUp, .error]))
                guard !mask.isEmpty else { continue }
            }
            handler.ready(mask)
        }
        runDeferred(putOff, start)
        // 4. Signals, after the descriptors: a child's messages are seen before its end.
        signals?.deliverPending()
        // 5. Timers that are due.
        fireTimers(start)
        // 6. Jobs of async functions and results from other threads.
        runInbox(start)
        // 7. Flush: everything appended in this turn leaves in one write per connection.
        runFlushes(start)

        measureTurn(from: start, startCPU)
    }

    /// Starts the longest turn over with the next one: what the start of the daemon took is no turn
    /// anybody waited for.
    package func forgetLongestTurn() { isForgetting = true }

    private func measureTurn(from start: Instant, _ startCPU: Int64) {
        guard !isForgetting else {
            isForgetting = false
            statistics.longestTurn = .zero
            statistics.busiestTurn = .zero
            return
        }
        let length = time.now() - start
        if length > statistics.longestTurn { statistics.longestTurn = length }
        guard measuresCPU else { return }
        let busy = Duration.nanoseconds(cepoll_thread_cpu() - startCPU)
        statistics.busiestTurn = max(statistics.busiestTurn, busy)
    }

    private func waitNanoseconds(_ most: Duration?) -> Int64 {
        if !deferred.isEmpty || !flushes.isEmpty || nextTaken < taken.count || !inbox.isEmpty {
            return 0
        }
        var wait = Int64.max
        if let deadline = timers.nextDeadline {
            wait = max(0, (deadline - time.now()).inNanoseconds)
        }
        if let most { wait = min(wait, most.inNanoseconds) }
        return wait == .max ? -1 : wait
    }

    /// Whether nothing further is to be begun in this turn: for a handler whose work has parts.
    package var isTurnSpent: Bool { isOverBudget(now) }

    /// Whether this turn has taken so long that nothing further is begun in it.
    private func isOverBudget(_ start: Instant) -> Bool {
        time.now().nanoseconds &- start.nanoseconds > Reactor.budget
    }

    private static let budget = Int64(Limits.turnMicroseconds) * 1_000

    private func takeDeferred() -> [any DeferredHandler] {
        guard !deferred.isEmpty else { return [] }
        var taken: [any DeferredHandler] = []
        swap(&taken, &deferred)
        return taken
    }

    /// Runs the first at least; those that have to wait go in front of what was put off meanwhile.
    private func runDeferred(_ handlers: [any DeferredHandler], _ start: Instant) {
        for (index, handler) in handlers.enumerated() {
            if index > 0, isOverBudget(start) {
                deferred.insert(contentsOf: handlers[index...], at: 0)
                return
            }
            handler.runDeferred()
        }
    }

    private func fireTimers(_ start: Instant) {
        for index in 0..<Limits.timersPerTurn {
            if index & 15 == 15, isOverBudget(start) { return }
            guard let due = timers.takeDue(now) else { return }
            statistics.timersFired &+= 1
            due.handler.timerFired(due.tag)
        }
    }

    private func runInbox(_ start: Instant) {
        for index in 0..<Limits.jobsPerTurn {
            if index > 0, isOverBudget(start) { return }
            if taken.isEmpty {
                taken = inbox.take()
                guard !taken.isEmpty else { return }
            }
            let item = taken[nextTaken]
            nextTaken += 1
            // What a job holds on to is let go with the last one.
            if nextTaken == taken.count { (taken, nextTaken) = ([], 0) }
            statistics.jobs &+= 1
            switch item {
            case .job(let job):
                unsafe job.runSynchronously(
                    isolatedTo: ReactorActor.sharedUnownedExecutor,
                    taskExecutor: ReactorActor.executor.asUnownedTaskExecutor())
            case .work(let work): work()
            }
        }
    }

    private func runFlushes(_ start: Instant) {
        // Bounded: a flush that asks for another one gets it in the next turn.
        guard !flushes.isEmpty else { return }
        var taken: [any DeferredHandler] = []
        swap(&taken, &flushes)
        for (index, handler) in taken.enumerated() {
            if index & 3 == 3, isOverBudget(start) {
                flushes.insert(contentsOf: taken[index...], at: 0)
                return
            }
            handler.runDeferred()
        }
    }
}

/// The array the kernel reports ready descriptors in.
@safe  // the memory is owned here, and read only as far as the kernel filled it
private struct EventBuffer: ~Copyable {
    private let memory: UnsafeMutablePointer<cepoll_event>

    init() {
        unsafe memory = .allocate(capacity: Limits.eventsPerWait)
        unsafe memory.initialize(
            repeating: cepoll_event(token: 0, mask: 0), count: Limits.eventsPerWait)
    }

    deinit { unsafe memory.deallocate() }

    /// The number of events, or a negative errno.
    func wait(_ epoll: Int32, nanoseconds: Int64) -> Int32 {
        unsafe cepoll_wait(epoll, memory, Int32(Limits.eventsPerWait), nanoseconds)
    }

    subscript(index: Int) -> cepoll_event { unsafe memory[index] }
}

/// Empties the wake-up descriptor of the inbox; the items are taken later in the turn.
@ReactorActor
private final class WakeHandler: EventHandler {
    private let inbox: Inbox
    init(_ inbox: Inbox) { self.inbox = inbox }
    func ready(_ mask: EventMask) { inbox.drainWake() }
}
