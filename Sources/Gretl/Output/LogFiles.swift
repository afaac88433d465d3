// The files of one service's log: NAME.log, which the monitor writes, and NAME.log.1 to .4, which
// it was renamed to when it was full. A place in a log is a file's identity and an offset, so it
// stays good over rotations. Nothing is kept open: each look opens, reads and closes. Blocking
// calls: for the storage thread.

import NetCore

/// The files of one log.
struct LogFiles: Sendable {
    let path: String

    init(_ path: String) { self.path = path }

    /// The path of the file that was rotated `number` times.
    func path(_ number: Int) -> String { number == 0 ? path : "\(path).\(number)" }

    /// The path of the index that says when the bytes of that file were written.
    func timesPath(_ number: Int) -> String { "\(path(number)).times" }

    /// A file and the number in its name.
    struct Found: ~Copyable {
        let file: ReadOnlyFile
        let number: Int
    }

    /// The newest file, nil when nothing was ever written.
    func newest() -> Found? { first(from: 0) }

    /// The first file there is, counted from `number` on. Between two renames one can be missing.
    private func first(from number: Int, except: FileIdentity? = nil) -> Found? {
        guard number <= LogLimits.rotatedFiles else { return nil }
        for number in number...LogLimits.rotatedFiles {
            guard let file = ReadOnlyFile(path(number)), file.facts.identity != except else {
                continue
            }
            return Found(file: file, number: number)
        }
        return nil
    }

    /// The file with that identity, nil when it is gone. From the newest on: while this looks,
    /// files only move towards higher numbers, so none is missed.
    func find(_ identity: FileIdentity) -> Found? {
        for number in 0...LogLimits.rotatedFiles {
            guard let file = ReadOnlyFile(path(number)) else { continue }
            if file.facts.identity == identity { return Found(file: file, number: number) }
        }
        return nil
    }

    /// The next older file, nil for the oldest.
    func older(than found: borrowing Found) -> Found? {
        first(from: found.number + 1, except: found.file.facts.identity)
    }
}
