// Where events are written: the file of the moment, and the change to the next one when it is long
// enough or has failed. Making and renaming files happens on the background thread; meanwhile the
// old file goes on being written to. A failure is said once and tried to be mended now and then,
// with the events that come: no timer wakes for it.

import NetCore

/// The event file and its successors.
@ReactorActor
final class EventFilePlace {
    private let path: String
    private let boot: String
    private let background: BackgroundThread
    private let reactor: Reactor
    private var file: EventFile?
    private var records = 0
    private var isChanging = false
    /// Something could not be written while the next file was prepared.
    private var missesSome = false
    /// The file in use is still called the next one.
    private var needsAdvance = false
    private var hasFailed = false
    private var retryAt: Instant

    /// How long a failed change of files is not tried again.
    private static let pause = Duration.seconds(10)

    init(_ path: String, boot: String, background: BackgroundThread, on reactor: Reactor) {
        self.path = path
        self.boot = boot
        self.background = background
        self.reactor = reactor
        retryAt = reactor.now
    }

    // MARK: Start

    /// What is there; nil when it cannot be read.
    func read() async -> EventFile.Contents? {
        let path = path
        return await perform { () throws(FileError) in
            try EventFile.read(path, limit: EventLimits.fileBytes)
        }
    }

    /// Goes on with the file that was found, or begins one with what is kept.
    func open(
        _ found: EventFile.Contents?, _ loaded: EventFileLines, _ ring: EventRing
    ) async {
        let path = path
        if let found, loaded.isCertain(boot: boot), !loaded.isDamaged {
            let count = loaded.soundCount
            file = await perform { () throws(FileError) in
                try EventFile.resume(path, found, count: count)
            }
            records = loaded.recordCount
        } else {
            var lines: [UInt8] = []
            for place in ring.first..<ring.end { ring[place].write(to: &lines) }
            let header = EventFile.Header(boot: boot, nextID: ring.nextID)
            let kept = lines
            file = await perform { () throws(FileError) in
                try EventFile.replace(path, header, lines: kept)
            }
            records = ring.count
        }
    }

    // MARK: Writing

    /// Writes `count` lines; false when that failed. `nextID` is the id behind them.
    func append(_ lines: [UInt8], count: Int, nextID: Int64) -> Bool {
        let isWritten = file?.append(lines) ?? false
        if isWritten {
            records += count
        } else {
            missesSome = true
            say(nil)
        }
        let isDue = records >= EventLimits.fileRecords || file?.isWhole != true
        if isDue, !isChanging, reactor.now >= retryAt { change(nextID) }
        return isWritten
    }

    private func change(_ nextID: Int64) {
        isChanging = true
        missesSome = false
        let path = path
        let header = EventFile.Header(boot: boot, nextID: nextID)
        spawn { [self] in
            if needsAdvance { await advance() }
            if !needsAdvance {
                let next = await perform { () throws(FileError) in
                    try EventFile.prepare(path, header)
                }
                if let next {
                    // What came meanwhile stands at the end of the old one, or nowhere.
                    if missesSome { next.markIncomplete() }
                    file = next
                    records = 0
                    needsAdvance = true
                    await advance()
                }
            }
            isChanging = false
        }
    }

    private func advance() async {
        let path = path
        let isDone: Bool? = await perform { () throws(FileError) in
            try EventFile.advance(path)
            return true
        }
        guard isDone == true else { return }
        needsAdvance = false
        hasFailed = false
    }

    // MARK: Failures

    /// Runs file work on the background thread; nil when it failed.
    private func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws(FileError) -> Value
    ) async -> Value? {
        let result = try? await background.perform { () -> Result<Value, FileError> in
            Result { () throws(FileError) in try work() }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error): say(error)
        case nil: break
        }
        retryAt = reactor.now + EventFilePlace.pause
        return nil
    }

    private func say(_ error: FileError?) {
        guard !hasFailed else { return }
        hasFailed = true
        Log.shared.error(
            "events go on, but a restart will not know all of them",
            ["file": path, "why": error?.message ?? "it cannot be written"])
    }
}
