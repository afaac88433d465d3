// What programs wrote, for those who ask: the last lines of a log, made harmless. The log's files
// are read on the storage thread, which commits wait for: one short step at a time, and the next
// one is queued only when it is done.

package import NetCore

/// Reads the logs of services.
@ReactorActor
package final class ServiceOutput {
    let work: LogWork
    package let followers: LogFollowers
    private let reactor: Reactor

    package init(background: BackgroundThread, on reactor: Reactor) {
        work = LogWork(background: background)
        followers = LogFollowers(work: work, on: reactor)
        self.reactor = reactor
    }

    /// Milliseconds since 1970.
    var now: Int64 { reactor.wallNanoseconds() / 1_000_000 }

    /// The last lines of the log at `path` from `start` on, oldest first and without colours, each
    /// at most `widthMost` characters long; empty when there is none.
    func tail(
        of path: String, from start: OutputStart?, count: Int, widthMost: Int = 500
    ) async -> [String] {
        let lines = try? await work.step {
            LogTail.read(LogFiles(path), from: start, count: count, widthMost: widthMost)
        }
        return lines ?? []
    }
}

extension Supervisor {
    /// The last lines the present program of a service wrote, or the one that ended last, oldest
    /// first, made harmless; for errors that say why it did not come up. What an earlier program
    /// wrote would only mislead.
    package func logTail(of service: Service, count: Int) async -> [String] {
        guard let output, service.hasOutput else { return [] }
        let path = environment.logPath(of: service.reachable)
        return await output.tail(of: path, from: service.outputStart, count: count)
    }
}

extension Service {
    /// Whether the program that was asked for last has come to write.
    fileprivate var hasOutput: Bool {
        switch machine.state {
        case .awaitingPort, .arming, .armed, .restarting: false
        case .stopped, .failed, .spawning, .probing, .running, .stopping, .clearing, .backoff:
            spawnedAt != nil || program != nil
        }
    }
}

extension Supervisor {
    /// Removes the log of a service that has ended, with its rotated files and their indexes; false
    /// when something stayed.
    package func removeLogs(of service: Service) async -> Bool {
        guard let output else { return false }
        let spec = service.reachable
        let files = LogFiles(environment.logPath(of: spec))
        // Whatever is there now: only where a log may be is anything removed.
        let place = spec.logFile.map {
            LogPlace(path: $0, directory: spec.logFolder, home: environment.home)
        }
        let isDone = try? await output.work.step {
            place?.refusal() == nil && files.remove(onlyOurs: place != nil)
        }
        return isDone ?? false
    }
}

/// The last lines of a log in one look: at most one window of the newest file, and one of the file
/// before it.
enum LogTail {
    /// `begin`: what stands before is left out.
    static func read(
        _ files: LogFiles, from begin: OutputStart? = nil, count: Int, widthMost: Int
    ) -> [String] {
        guard count > 0, let newest = files.newest() else { return [] }
        var lines: [String] = []
        let first = begin?.offset(in: newest.file)
        take(newest.file, from: first ?? 0, count, widthMost, &lines)
        if first == nil, lines.count < count, let older = files.older(than: newest) {
            take(older.file, from: begin?.offset(in: older.file) ?? 0, count, widthMost, &lines)
        }
        return lines.reversed()
    }

    private static func take(
        _ file: borrowing ReadOnlyFile, from first: Int, _ count: Int, _ widthMost: Int,
        _ lines: inout [String]
    ) {
        var end = Int(clamping: file.facts.size)
        guard end > 0 else { return }
        let start = LogWindow.start(before: end)
        let window = LogWindow(start: start, bytes: file.read(at: Int64(start), count: end - start))
        // It may have become shorter since it was opened.
        end = window.end
        while lines.count < count, end > max(start, first),
            let begin = window.pieceStart(before: end)
        {
            // The program before may have left a line without its end.
            let text = LogText.clean(window.piece(max(begin, first)..<end).bytes, colors: false)
            lines.append(text.count > widthMost ? "\(text.prefix(widthMost))…" : text)
            end = begin
        }
    }
}

extension OutputStart {
    /// Where it is in `file`, nil when in another one. One that somebody cut short begins anew.
    fileprivate func offset(in file: borrowing ReadOnlyFile) -> Int? {
        guard file.facts.identity.inode == inode else { return nil }
        return offset > file.facts.size ? 0 : Int(clamping: offset)
    }
}
