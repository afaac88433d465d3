// Finding the programs of an earlier daemon. Every monitor has a socket in the run directory and
// greets with what it knows; a monitor that is gone left an exit record, or nothing, and then the
// exit is unknown and said to be. Runs before the first request is answered.

package import NetCore

/// The re-attachment of one start of the daemon.
@ReactorActor
package final class Recovery {
    private let reactor: Reactor
    private let supervisor: Supervisor
    private let registry: ServiceRegistry
    private let runDirectory: Int32
    private let isNewBoot: Bool
    /// Monitors that have not greeted yet.
    private var waiting: [ObjectIdentifier: MonitorLink] = [:]
    private var continuation: CheckedContinuation<Void, Never>?
    private var timer = TimerHandle.none
    /// Incarnations whose monitor was being started when the daemon died.
    private var intents: [Intent] = []
    /// When the daemon starts without the ones that did not answer.
    private var deadline = Instant.distantFuture
    /// When a monitor that never showed up is forgotten.
    private var giveUp = Instant.distantFuture
    /// Incarnations without a monitor.
    private var records: [RunFiles.Found] = []
    /// Programs without a monitor, once they were looked for.
    private var strays: StrayPrograms?
    private var isReading = false
    /// Incarnations whose program may be one of those that could not be told.
    private var doubtful: [RunFiles.Found] = []
    /// How often one of those was looked for.
    private var looks: [String: Int] = [:]
    private var isLooking = false
    /// Programs taken back.
    package private(set) var found = 0

    /// A monitor that was being started, or what it forked, which is the program after its exec.
    /// Without a process it is never going to be there: a monitor that comes up after its daemon
    /// died starts nothing.
    private struct Intent {
        let id: String
        let monitor: Int32
    }

    /// A monitor answers within a millisecond; one that does not is left alone. On a machine
    /// that is out of CPU it took more than 400 ms, and meanwhile an older end was shown.
    private static let patience = Duration.milliseconds(750)
    private static let intentPatience = Duration.milliseconds(250)
    private static let intentMost = Duration.seconds(10)
    private static let lookOften = Duration.milliseconds(10)
    private static let lookSeldom = Duration.milliseconds(200)
    /// An exec takes less than a millisecond; programs without any environment stay unknown.
    private static let looksMost = 5

    package init(
        on reactor: Reactor, supervisor: Supervisor, registry: ServiceRegistry,
        runDirectory: Int32, isNewBoot: Bool
    ) {
        self.reactor = reactor
        self.supervisor = supervisor
        self.registry = registry
        self.runDirectory = runDirectory
        self.isNewBoot = isNewBoot
    }

    /// Takes back what `files` (a scan of the run directory) names.
    package func run(_ files: [RunFiles.Found]) async {
        for file in files {
            if file.hasSocket, connect(file.id) { continue }
            if file.hasIntent, !file.hasSocket {
                expect(file)
                continue
            }
            records.append(file)
        }
        deadline = reactor.now + (intents.isEmpty ? Recovery.patience : Recovery.intentPatience)
        giveUp = reactor.now + Recovery.intentMost
        // Ends: at the deadline, if not before.
        repeat {
            if !isDone { await wait() }
            readRecords()
        } while !isDone && reactor.now < deadline
        if !isDone { schedule() }
    }

    private var isDone: Bool { waiting.isEmpty && intents.isEmpty && doubtful.isEmpty }

    private func wait() async {
        await withCheckedContinuation { continuation in
            self.continuation = continuation
            schedule()
        }
    }

    /// After those who live have greeted: of a service that runs, an older record says nothing.
    private func readRecords() {
        for file in records { readRecord(file) }
        records = []
    }

    /// The same while the daemon serves: the look at /proc is not the reactor's then.
    private func readRecordsLater() {
        guard !records.isEmpty, !isReading, let background = supervisor.background else { return }
        isReading = true
        spawn { [self] in
            let found = try? await background.perform { StrayPrograms.find() }
            isReading = false
            if let found {
                strays = found
                readRecords()
            }
            schedule()
        }
    }

    private func expect(_ file: RunFiles.Found) {
        guard let monitor = processes().monitors[file.id] else { return records.append(file) }
        intents.append(Intent(id: file.id, monitor: monitor))
    }

    private func connect(_ id: String) -> Bool {
        guard
            let link = try? MonitorLink.connect(
                id: id, runDirectory: runDirectory, children: supervisor.children, on: reactor)
        else { return false }
        link.delegate = self
        waiting[ObjectIdentifier(link)] = link
        return true
    }

    /// No monitor lives: its record, if there is one, says how the program ended.
    private func readRecord(_ file: RunFiles.Found) {
        let fields = RunFiles.readRecord(file.id, in: runDirectory) ?? [:]
        let facts = RunFiles.facts(file.id, in: runDirectory)
        let name = fields["name"].flatMap(Recovery.decoded) ?? facts?.name
        guard let service = name.flatMap(registry.find) else {
            return readForgotten(file, hasEnded: Recovery.exit(fields) != nil)
        }
        if let exit = Recovery.exit(fields) {
            endLeftovers(file, hasEnded: true)
            take(.exit(exit), of: service, file)
        } else if !isNewBoot, findStray(file) || mayBeStarting(file) {
            return
        } else if facts != nil {
            endLeftovers(file, hasEnded: false)
            take(isNewBoot ? .reboot : .unknown, of: service, file)
        } else {
            endLeftovers(file, hasEnded: false)
            RunFiles.removeAll(file.id, in: runDirectory)
        }
    }

    /// Its service was removed, which may have been cut short before all of it had ended, or nobody
    /// had heard of its program: then only the program itself says whose it is.
    private func readForgotten(_ file: RunFiles.Found, hasEnded: Bool) {
        if !isNewBoot, !hasEnded {
            if findStray(file) { return }
            // Its monitor removes the files.
            if let stray = program(of: file), supervisor.discard(stray) { return }
            if mayBeStarting(file) { return }
        }
        endLeftovers(file, hasEnded: hasEnded)
        RunFiles.removeAll(file.id, in: runDirectory)
    }

    /// A monitor that was killed leaves its socket. What it was about to end, or what the program
    /// left behind when all three were killed, is ended here.
    private func endLeftovers(_ file: RunFiles.Found, hasEnded: Bool) {
        guard !isNewBoot, !hasEnded || RunFiles.hasSocket(file.id, in: runDirectory) else { return }
        guard processes().members[file.id] != nil else { return }
        spawn { [supervisor] in
            await supervisor.endAll(of: file.id, grace: ServiceMachine.clearingGrace)
        }
    }

    private func take(
        _ ending: ServiceMachine.Ending, of service: Service, _ file: RunFiles.Found
    ) {
        supervisor.foundEnd(ending, of: service, isNewBoot: isNewBoot)
        supervisor.keepEnd(of: service) { [runDirectory] in
            RunFiles.removeAll(file.id, in: runDirectory)
        }
    }

    /// Neither monitor nor record: was the monitor alone killed, the program still runs.
    private func findStray(_ file: RunFiles.Found) -> Bool {
        guard let stray = program(of: file), let service = registry.find(stray.service),
            mayHaveProgram(service), supervisor.takeBack(stray, of: service)
        else { return false }
        found += 1
        return true
    }

    /// The main program among those of an incarnation: the one the monitor told of, which may have
    /// ended before what it started; the oldest when it did not come to that.
    private func program(of file: RunFiles.Found) -> StrayProgram? {
        guard let stray = processes().programs[file.id] else { return nil }
        let told = RunFiles.program(file.id, in: runDirectory)
        return told == nil || told == stray.process ? stray : nil
    }

    /// Whether the program of a monitor that is gone may be there without its environment: between
    /// fork and exec it looks like the monitor, and within exec like nothing.
    private func mayBeStarting(_ file: RunFiles.Found) -> Bool {
        if let pid = processes().monitors[file.id] {
            intents.append(Intent(id: file.id, monitor: pid))
            return true
        }
        let count = looks[file.id, default: 0]
        guard processes().hasUnknown, count < Recovery.looksMost else { return false }
        looks[file.id] = count + 1
        doubtful.append(file)
        return true
    }

    /// What is there: one look at /proc for all files of a round.
    private func processes() -> StrayPrograms {
        let all = strays ?? StrayPrograms.find()
        strays = all
        return all
    }

    private static func exit(_ fields: [String: String]) -> ProgramExit? {
        let code = fields["code"].flatMap { Int32($0) }
        let signal = fields["signal"].flatMap { Int32($0) }.flatMap { $0 == 0 ? nil : $0 }
        guard code != nil || signal != nil else { return nil }
        return ProgramExit(
            code: signal == nil ? code : nil, signal: signal, requested: fields["requested"] == "1",
            forced: fields["forced"] == "1", endedAt: fields["ended"].flatMap { Int64($0) } ?? 0)
    }

    private static func decoded(_ text: String) -> String? { ServiceNames.decode(text) }

    private func greeted(_ link: MonitorLink, _ greeting: MonitorGreeting) {
        guard waiting.removeValue(forKey: ObjectIdentifier(link)) != nil else { return }
        defer { finishIfDone() }
        // It is found by its socket from here on.
        RunFiles.settleIntent(link.id, in: runDirectory)
        if let program = greeting.program {
            RunFiles.writeProgram(program, of: link.id, in: runDirectory)
        }
        guard let service = registry.find(greeting.name), mayHaveProgram(service) else {
            // Nobody knows it any more, or a second program of one service: it has to go.
            supervisor.discard(link)
            return
        }
        guard supervisor.takeBack(link, greeting, of: service) else {
            // Nothing was started below it yet.
            return greeting.state == .new ? link.close() : supervisor.discard(link)
        }
        if greeting.state == .running { found += 1 }
    }

    private func mayHaveProgram(_ service: Service) -> Bool {
        !service.machine.isAlive && service.removal == .none
    }

    private func finishIfDone() {
        if waiting.isEmpty, intents.isEmpty, doubtful.isEmpty { release() }
    }
}

extension Recovery: MonitorLinkDelegate {
    package func monitor(_ link: MonitorLink, said message: MonitorMessage) {
        if case .greeting(let greeting) = message { greeted(link, greeting) }
    }

    package func monitorLost(_ link: MonitorLink) {
        waiting[ObjectIdentifier(link)] = nil
        link.close()
        records.append(RunFiles.Found(id: link.id))
        // Later than the daemon waited for it.
        if continuation == nil { readRecordsLater() }
        finishIfDone()
    }
}

extension Recovery: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        isLooking = false
        look()
        if continuation == nil { readRecordsLater() }
        if reactor.now >= deadline { release() }
        finishIfDone()
        if reactor.now >= giveUp {
            for intent in intents { RunFiles.removeAll(intent.id, in: runDirectory) }
            intents = []
        }
        schedule()
    }

    /// Connects to the monitors that can be found by now and forgets those that have ended.
    private func look() {
        strays = nil
        let waitedFor = intents
        intents = waitedFor.filter { intent in
            // In this order: it removes its socket before it ends.
            let lives = RunFiles.isMonitor(intent.monitor, of: intent.id)
            if RunFiles.hasSocket(intent.id, in: runDirectory), connect(intent.id) { return false }
            if !lives { records.append(RunFiles.Found(id: intent.id)) }
            return lives
        }
        records += doubtful
        doubtful = []
    }

    /// The next look, while somebody waits for one or there is something to look for.
    private func schedule() {
        let isThere = !intents.isEmpty || !doubtful.isEmpty || !records.isEmpty
        guard !isLooking, isThere || continuation != nil else { return }
        isLooking = true
        let pause =
            continuation == nil
            ? Recovery.lookSeldom : isThere ? Recovery.lookOften : Recovery.patience
        timer = reactor.timers.schedule(at: reactor.now + pause, self)
    }

    /// The daemon can start; who greets later is still taken back.
    private func release() {
        continuation?.resume()
        continuation = nil
    }
}
