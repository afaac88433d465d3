// One program of a run at work: started as a job, its output drained into bounds, ended when it
// takes too long or the run is cancelled. Nobody who holds its pipes keeps us waiting: what is read
// ends shortly after the program itself. Made by JailedPrograms for each program.

import NetCore

/// Drives one program to its end.
@ReactorActor
final class ProgramRun: EventHandler, TimerHandler {
    /// What is started.
    struct Launch {
        var path: String
        var words: [String]
        var environment: [String]
        var bounds: JobBounds
        /// bubblewrap, which tells on a descriptor of its own how the program ended.
        var isJailed: Bool
    }

    private let reactor: Reactor
    private let children: ChildProcesses
    private let background: BackgroundThread
    private let starter: BackgroundThread
    private let isJailed: Bool
    private var pid: Int32 = 0
    private var pidfd: Int32 = -1
    private var registration = Registration.none
    private var timer = TimerHandle.none
    private var output: ProgramPipe?
    private var reports: [ProgramPipe] = []
    /// What bubblewrap tells.
    private var status: ProgramPipe?
    private var exit: ChildProcesses.Ending?
    /// Why we ended it.
    private var stopped: ProgramEnding?
    private var tree: ProgramTree?
    private var over: CheckedContinuation<Void, Never>?
    private var isOver = false

    /// From the request to end to the order.
    private static let grace = Duration.seconds(2)
    /// How long output is waited for behind the end of a program.
    private static let lastWords = Duration.milliseconds(200)
    /// How long the end of a killed program is waited for.
    private static let patience = Duration.seconds(5)
    private static let statusBytes = 4_096
    private static let reportBytes = (head: 4 << 20, tail: 4_096)

    private enum Tag: UInt32 { case limit, grace, lastWords }

    init(
        isJailed: Bool, on reactor: Reactor, children: ChildProcesses, background: BackgroundThread,
        starter: BackgroundThread
    ) {
        self.isJailed = isJailed
        self.reactor = reactor
        self.children = children
        self.background = background
        self.starter = starter
    }

    /// Runs it to its end; nothing of it is left then that can be known.
    func run(
        _ launch: (_ statusDescriptor: Int) -> Launch, _ request: ProgramRequest,
        until cancellation: Cancellation
    ) async -> ProgramResult {
        let began = reactor.now
        do throws(SystemError) {
            try await start(launch(3 + request.reports), request)
        } catch {
            close()
            return ProgramResult(
                .refused(APIError(.internal, "a program cannot be started: \(error)", hint: "")))
        }
        if exit == nil {
            timer = reactor.timers.schedule(
                at: reactor.now + request.timeLimit, self, tag: Tag.limit.rawValue)
        }
        let token = cancellation.onCancel { [weak self] in self?.stop(.cancelled) }
        if !isOver { await withCheckedContinuation { over = $0 } }
        cancellation.remove(token)
        reactor.timers.cancel(timer)
        if stopped != nil { await endRest() }
        close()
        var result = ProgramResult(ending)
        result.output = output?.kept ?? result.output
        result.reports = reports.map(\.kept)
        result.duration = reactor.now - began
        return result
    }

    private func start(
        _ launch: Launch, _ request: ProgramRequest
    ) async throws(SystemError) {
        let output = try ProgramPipe(
            head: request.headBytes, tail: request.tailBytes, on: reactor)
        self.output = output
        let null = try NullInput.open()
        defer { Descriptor.close(null) }
        var given = [null, output.descriptor, output.descriptor]
        for _ in 0..<request.reports {
            let pipe = try ProgramPipe(
                head: ProgramRun.reportBytes.head, tail: ProgramRun.reportBytes.tail, on: reactor)
            reports.append(pipe)
            given.append(pipe.descriptor)
        }
        if launch.isJailed {
            let pipe = try ProgramPipe(head: 0, tail: ProgramRun.statusBytes, on: reactor)
            status = pipe
            given.append(pipe.descriptor)
        }
        let started = try await children.startJob(
            JobLaunch(
                launch.path, arguments: launch.words, environment: launch.environment,
                descriptors: given, bounds: launch.bounds),
            on: { [starter] start in
                (try? await starter.perform(start)) ?? .failure(.tooBusy("start a program"))
            },
            ended: { [weak self] ending in self?.programEnded(ending) })
        (pid, pidfd) = (started.pid, started.pidfd)
        for pipe in pipes {
            pipe.wasStarted()
            pipe.ended = { [weak self] in self?.lookWhetherOver() }
        }
        if pidfd >= 0 { registration = try reactor.register(pidfd, .readable, self) }
    }

    private var pipes: [ProgramPipe] {
        [output, status].compactMap { $0 } + reports
    }

    // MARK: Its end

    /// The pidfd: the program has ended.
    func ready(_ mask: EventMask) {
        reactor.deregister(registration)
        registration = .none
        children.reap(pid)
    }

    private func programEnded(_ ending: ChildProcesses.Ending) {
        exit = ending
        reactor.timers.cancel(timer)
        timer = reactor.timers.schedule(
            at: reactor.now + ProgramRun.lastWords, self, tag: Tag.lastWords.rawValue)
        lookWhetherOver()
    }

    private func lookWhetherOver() {
        guard exit != nil, pipes.allSatisfy(\.isAtEnd) else { return }
        finish()
    }

    private func finish() {
        isOver = true
        over?.resume()
        over = nil
    }

    func timerFired(_ tag: UInt32) {
        switch Tag(rawValue: tag) {
        case .limit: stop(.timedOut)
        case .grace: kill()
        case .lastWords, nil: finish()
        }
    }

    private var ending: ProgramEnding {
        if let stopped { return stopped }
        // bubblewrap tells nothing of a program that it could not start.
        if case .exited = exit, let status, !status.kept.tail.contains(ProgramRun.toldExit) {
            let said = String(decoding: output?.kept.head.prefix(400) ?? [], as: UTF8.self)
            return .refused(.sandboxUnavailable(ClusterFailure.clean(said)))
        }
        switch exit {
        case .exited(let code): return .exited(Int(code))
        case .killed(let signal): return .exited(128 + Int(signal))
        case nil: return .cancelled
        }
    }

    private static let toldExit = Array("\"exit-code\"".utf8)

    // MARK: Ending it

    private func stop(_ reason: ProgramEnding) {
        guard exit == nil, stopped == nil else { return }
        stopped = reason
        reactor.timers.cancel(timer)
        timer = reactor.timers.schedule(
            at: reactor.now + ProgramRun.grace, self, tag: Tag.grace.rawValue)
        spawn { [self] in
            await holdTree()
            guard exit == nil, let tree else { return }
            tree.asked.terminate()
            // A jail in which nothing runs yet has nobody to ask.
            if tree.asked.isEmpty { kill() }
        }
    }

    private func holdTree() async {
        let (root, isJailed) = (pid, isJailed)
        guard exit == nil,
            let found = try? await background.perform({
                ProgramTree(root: root, isJailed: isJailed)
            })
        else { return }
        tree = found
    }

    private func kill() {
        // Something in the kernel can hold it: then it is left behind.
        reactor.timers.cancel(timer)
        timer = reactor.timers.schedule(
            at: reactor.now + ProgramRun.patience, self, tag: Tag.lastWords.rawValue)
        spawn { [self] in
            // What was started meanwhile.
            await holdTree()
            // Not reaped yet, the number is its own.
            if exit == nil { children.kill(pid) }
            tree?.all.kill()
        }
    }

    /// What outlived the program that was to end.
    private func endRest() async {
        guard let tree, !tree.all.isOver else { return }
        _ = await ProcessEnding(
            tree.all, grace: .zero, uid: ProcessFacts.uid, background: background, on: reactor
        ).run()
    }

    private func close() {
        for pipe in pipes { pipe.finish() }
        reactor.deregister(registration)
        registration = .none
        Descriptor.close(pidfd)
        pidfd = -1
    }
}
