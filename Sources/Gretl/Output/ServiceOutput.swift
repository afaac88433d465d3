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

    /// The last lines of the log at `path`, oldest first and without colours, each at most
    /// `widthMost` characters long; empty when there is none.
    package func tail(of path: String, count: Int, widthMost: Int = 500) async -> [String] {
        let lines = try? await work.step {
            LogTail.read(LogFiles(path), count: count, widthMost: widthMost)
        }
        return lines ?? []
    }
}

extension Supervisor {
    /// The last lines a service wrote, oldest first, made harmless; for errors that say why it did
    /// not come up.
    package func logTail(of service: Service, count: Int) async -> [String] {
        await output?.tail(of: environment.logPath(of: service.reachable), count: count) ?? []
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
            LogPlace(path: $0, directory: spec.directory, home: environment.home)
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
    static func read(_ files: LogFiles, count: Int, widthMost: Int) -> [String] {
        guard count > 0, let newest = files.newest() else { return [] }
        var lines: [String] = []
        take(newest.file, count, widthMost, &lines)
        if lines.count < count, let older = files.older(than: newest) {
            take(older.file, count, widthMost, &lines)
        }
        return lines.reversed()
    }

    private static func take(
        _ file: borrowing ReadOnlyFile, _ count: Int, _ widthMost: Int, _ lines: inout [String]
    ) {
        var end = Int(clamping: file.facts.size)
        guard end > 0 else { return }
        let start = LogWindow.start(before: end)
        let window = LogWindow(start: start, bytes: file.read(at: Int64(start), count: end - start))
        // It may have become shorter since it was opened.
        end = window.end
        while lines.count < count, end > start, let begin = window.pieceStart(before: end) {
            let text = LogText.clean(window.piece(begin..<end).bytes, colors: false)
            lines.append(text.count > widthMost ? "\(text.prefix(widthMost))…" : text)
            end = begin
        }
    }
}
