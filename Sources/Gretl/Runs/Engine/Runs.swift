// All runs: made, queued, driven, listed, forgotten. A run that has ended is a record and no more;
// its events are in the database. One run at a time may write in a folder, and a bounded number
// work at once; the others wait for their turn.

package import NetCore

/// The runs of this daemon.
@ReactorActor
package final class Runs {
    /// What the owner may set.
    package struct Settings: Sendable, Equatable {
        /// Runs that work at once.
        package var atOnce = 4
        /// For requests that name none.
        package var model = "claude-sonnet-4-6"
        package var confinement = Confinement()
        package var resumesOnStart = false
        /// Finished runs that are kept, and for how long.
        package var kept = 500
        package var keptDays = 90

        package init() {}
    }

    /// A run as the API shows it.
    @ReactorActor
    package struct Entry {
        package let id: String
        fileprivate var kept: RunRecord
        /// Nil once it has ended.
        fileprivate(set) var run: Run?

        package var record: RunRecord { run?.record ?? kept }
    }

    private let parts: RunParts
    private let settings: Settings
    private let background: BackgroundThread
    /// In the order of their making.
    private var order: [String] = []
    private var entries: [String: Entry] = [:]
    private var working: Set<String> = []
    private var queue: [String] = []
    /// What an earlier daemon left unfinished.
    private var left: [String] = []
    /// Folders of requests that are being looked at.
    private var reserved: [String] = []
    private var isClosing = false
    package let feeds: RunFeeds

    package init(_ parts: RunParts, _ settings: Settings, background: BackgroundThread) {
        self.parts = parts
        self.settings = settings
        self.background = background
        feeds = RunFeeds(parts.store, on: parts.reactor)
        feeds.find = { [weak self] id in self?.entries[id]?.record }
    }

    // MARK: Start and end

    /// Takes in what is stored; nothing goes on yet.
    package func load() async throws(StorageError) {
        for row in try await parts.store.all() {
            order.append(row.id)
            entries[row.id] = Entry(id: row.id, kept: row.record, run: nil)
            guard !row.record.status.isFinal else { continue }
            let pieces = try await parts.store.pieces(of: row.id)
            adopt(Run(row.id, row.record, pieces: pieces, parts))
            left.append(row.id)
        }
    }

    /// Takes up what an earlier daemon left: those that wait go on waiting.
    package func start() async {
        for id in left {
            guard let run = entries[id]?.run else { continue }
            if run.record.phase == .queued {
                queue.append(id)
            } else {
                begin(run, with: .recovered)
            }
        }
        startNext()
        await prune()
    }

    /// Ends what is under way without ending the runs.
    package func close() async {
        isClosing = true
        for id in order { entries[id]?.run?.close() }
        feeds.close()
        for wait in waits.values.joined() { wait.end() }
        for _ in 0..<300 where !working.isEmpty {
            await parts.reactor.pause(.milliseconds(10))
        }
    }

    /// Forgets the oldest of those that have ended, at the start and after each end.
    private func prune() async {
        guard !isPruning, !isClosing else { return }
        isPruning = true
        defer { isPruning = false }
        let before =
            parts.reactor.wallNanoseconds() / 1_000_000
            - Int64(settings.keptDays) * 86_400_000
        for _ in 0..<100 {
            guard let ids = try? await parts.store.prune(before: before, keeping: settings.kept),
                !ids.isEmpty
            else { return }
            for id in ids { forget(id) }
        }
    }

    private var isPruning = false

    private func forget(_ id: String) {
        entries[id] = nil
        order.removeAll { $0 == id }
        feeds.forget(id)
    }

    /// Those that have not ended, by id.
    package var unfinished: [String] {
        order.filter { entries[$0]?.record.status.isFinal == false }
    }

    // MARK: Looking

    /// Newest first.
    package var all: [Entry] { order.reversed().compactMap { entries[$0] } }

    package func get(_ id: String) throws(APIError) -> Entry {
        guard let entry = entries[id] else {
            throw APIError(
                .unknownRun, "there is no run '\(ClusterFailure.clean(id, most: 64))'",
                hint: "run 'gr runs ls' for the runs there are")
        }
        return entry
    }

    package func events(
        of id: String, after seq: Int64, most: Int
    ) async throws(APIError) -> [RunEvent] {
        _ = try get(id)
        do throws(StorageError) {
            return try await parts.store.events(of: id, after: seq, most: most)
        } catch { throw .storage(error) }
    }

    /// Returns when there is an event behind `seq`, the run has ended, or the time is over.
    package func awaitEvent(
        of id: String, after seq: Int64, most: Duration
    ) async throws(APIError) {
        let record = try get(id).record
        guard record.lastSeq <= seq, !record.status.isFinal, !isClosing else { return }
        guard eventWaits < Runs.eventWaitsMost else {
            throw .daemonBusy("too many clients wait for events")
        }
        eventWaits += 1
        defer { eventWaits -= 1 }
        let wait = EventWait(on: parts.reactor, most: most)
        waits[id, default: []].append(wait)
        await wait.run()
        waits[id]?.removeAll { $0 === wait }
        if waits[id]?.isEmpty == true { waits[id] = nil }
    }

    private var waits: [String: [EventWait]] = [:]
    private var eventWaits = 0
    private static let eventWaitsMost = 1_024

    // MARK: Making

    /// Makes a run; it is stored on return, and begins when its turn comes.
    package func start(_ request: RunRequest) async throws(APIError) -> Entry {
        guard !isClosing else { throw .daemonBusy("the daemon is ending") }
        guard queue.count < RunLimits.queuedMost else {
            throw .daemonBusy("\(queue.count) runs wait for their turn already")
        }
        guard let asked = request.folder else {
            throw APIError(
                .invalidFolder, "'cwd' is missing", hint: "send the project folder's absolute path")
        }
        let model = request.model ?? settings.model
        let folder = try await resolve(asked)
        if let other = holder(of: folder) {
            throw APIError(
                .folderBusy, "the run '\(other)' works in this folder already, or around it",
                hint: "wait for it (gr runs show \(other)) or end it (gr runs abort \(other))")
        }
        reserved.append(folder)
        defer { reserved.remove(at: reserved.firstIndex(of: folder) ?? 0) }
        var options = RunOptions(goal: request.goal, folder: folder, model: model)
        options.maxIterations = request.maxIterations ?? RunLimits.iterationsUsual
        options.isGated = request.isGated
        options.maxTokens = request.maxTokens
        options.maxCost = request.maxCost
        options.maxSeconds = request.maxSeconds
        options.stopsSoftly = request.stopsSoftly
        options.isSandboxed = request.isSandboxed ?? settings.confinement.isSandboxed
        options.hasNetwork = request.hasNetwork ?? settings.confinement.hasNetwork
        options.resumesOnStart = request.resumesOnStart ?? settings.resumesOnStart
        let goal = try await parts.goals.find(request.goal, in: folder)
        if let refusal = parts.model.refusal(of: model) { throw refusal }
        try await parts.admit(folder, options.confinement)
        let record = RunRecord(
            options: options, goal: goal,
            createdAt: parts.reactor.wallNanoseconds() / 1_000_000)
        let id = RunID.make()
        do throws(StorageError) {
            try await parts.store.add(RunStore.Row(id: id, record: record))
        } catch { throw .storage(error) }
        let run = Run(id, record, parts)
        order.append(id)
        entries[id] = Entry(id: id, kept: record, run: run)
        adopt(run)
        queue.append(id)
        startNext()
        return entries[id] ?? Entry(id: id, kept: record, run: run)
    }

    private func resolve(_ path: String) async throws(APIError) -> String {
        let result: Result<String, APIError>
        do throws(BackgroundThread.Refusal) {
            result = try await background.perform {
                Result { () throws(APIError) in try RunFolder.resolve(path) }
            }
        } catch { throw .daemonBusy("too much work is waiting") }
        return try result.get()
    }

    /// The unfinished run whose folder overlaps.
    private func holder(of folder: String) -> String? {
        if reserved.contains(where: { RunFolder.overlap($0, folder) }) { return "another" }
        return order.first { id in
            guard let run = entries[id]?.run else { return false }
            return RunFolder.overlap(run.record.options.folder, folder)
        }
    }

    // MARK: Driving

    private func adopt(_ run: Run) {
        entries[run.id]?.run = run
        run.committed = { [weak self] run, events in self?.committed(run, events) }
        run.progress = { [weak self] body in self?.feeds.publish(progress: body, of: run.id) }
    }

    private func committed(_ run: Run, _ events: [RunEvent]) {
        feeds.publish(run.id, events)
        for wait in waits[run.id] ?? [] { wait.end() }
        // One that waits for a person leaves its place to others, and comes back beside them.
        if run.record.isWaiting {
            working.remove(run.id)
            startNext()
        } else {
            working.insert(run.id)
        }
    }

    private func startNext() {
        while !isClosing, working.count < settings.atOnce, !queue.isEmpty {
            let id = queue.removeFirst()
            guard let run = entries[id]?.run else { continue }
            begin(run, with: nil)
        }
    }

    private func begin(_ run: Run, with input: RunInput?) {
        working.insert(run.id)
        spawn { [self] in
            let first: RunInput
            if let input { first = input } else { first = await run.beginning() }
            let ending = await run.drive(from: first)
            working.remove(run.id)
            ended(run, ending)
            startNext()
        }
    }

    private func ended(_ run: Run, _ ending: Run.Ending) {
        guard ending != .closed else { return }
        var record = run.record
        if ending == .notStored {
            record.status = .failed
            record.phase = .ended
            record.error = "its steps could not be stored"
        }
        record.details = []
        record.failures = []
        entries[run.id] = Entry(id: run.id, kept: record, run: nil)
        feeds.end(run.id, isWhole: ending == .ended)
        for wait in waits[run.id] ?? [] { wait.end() }
        let waiters = ends.removeValue(forKey: run.id) ?? []
        for waiter in waiters { waiter.resume() }
        spawn { [self] in await prune() }
    }

    private var ends: [String: [CheckedContinuation<Void, Never>]] = [:]

    // MARK: Words from outside

    /// Ends a run; it has ended on return.
    package func abort(_ id: String) async throws(APIError) {
        guard let run = try get(id).run else {
            throw APIError(
                .notRunning,
                "the run '\(id)' has ended: it is \(try get(id).record.status.rawValue)",
                hint: "there is nothing to abort")
        }
        if let place = queue.firstIndex(of: id) {
            queue.remove(at: place)
            begin(run, with: .aborted([]))
        }
        run.abort()
        await withCheckedContinuation { ends[id, default: []].append($0) }
    }

    package func decide(_ id: String, _ answer: RunAnswer) async throws(APIError) {
        let refusal = APIError(
            .notWaiting, "the run '\(id)' does not wait for a decision",
            hint: "it does when GET /api/runs/\(id) says awaiting_human")
        guard let run = try get(id).run, run.record.isWaiting else { throw refusal }
        guard let isStored = await run.decide(answer.decision, message: answer.message) else {
            throw refusal
        }
        guard isStored else { throw .daemonBusy("the decision could not be stored") }
    }

    package func configure(_ id: String, _ change: RunChange) async throws(APIError) -> RunOptions {
        guard let run = try get(id).run else {
            throw APIError(
                .notRunning, "the run '\(id)' has ended", hint: "start a new one")
        }
        var options = run.record.options
        if let model = change.model {
            if let refusal = parts.model.refusal(of: model) { throw refusal }
            options.model = model
        }
        if let most = change.maxIterations { options.maxIterations = most }
        if let isGated = change.isGated { options.isGated = isGated }
        guard await run.configure(options) else {
            throw .daemonBusy("the change could not be stored")
        }
        return options
    }

    /// Forgets a finished run.
    package func remove(_ id: String) async throws(APIError) {
        guard try get(id).run == nil else {
            throw APIError(
                .runActive, "the run '\(id)' has not ended",
                hint: "end it first: POST /api/runs/\(id)/abort")
        }
        do throws(StorageError) { try await parts.store.remove(id) } catch {
            throw .storage(error)
        }
        forget(id)
    }
}
