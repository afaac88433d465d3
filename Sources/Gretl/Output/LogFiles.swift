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

    /// The folder they are in.
    var folder: String {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

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

    /// The next older file, nil for the oldest.
    func older(than found: borrowing Found) -> Found? {
        first(from: found.number + 1, except: found.file.facts.identity)
    }

    /// A file as a walk saw it.
    struct Seen: Sendable {
        let identity: FileIdentity
        let size: Int
        /// The number in its name.
        let number: Int
    }

    /// The file with that identity, nil when it is gone; `seen` becomes what there is from it on,
    /// itself first, then each newer one.
    func find(_ identity: FileIdentity, seen: inout [Seen]) -> Found? {
        // One rotation during the walk does no harm: files only move towards higher numbers, so
        // none is missed. With two, a newer file can turn up behind an older one.
        for _ in 0..<LogFiles.walksMost {
            let found = walk(to: identity, seen: &seen)
            if seen.first(where: { $0.number == 0 })?.identity == identityNow { return found }
        }
        return walk(to: identity, seen: &seen)
    }

    private static let walksMost = 8

    private var identityNow: FileIdentity? { ReadOnlyFile(path)?.facts.identity }

    private func walk(to identity: FileIdentity, seen: inout [Seen]) -> Found? {
        seen = []
        for number in 0...LogLimits.rotatedFiles {
            // One that is seen again was renamed meanwhile.
            guard let file = ReadOnlyFile(path(number)),
                !seen.contains(where: { $0.identity == file.facts.identity })
            else { continue }
            seen.append(
                Seen(
                    identity: file.facts.identity, size: Int(clamping: file.facts.size),
                    number: number))
            guard file.facts.identity == identity else { continue }
            seen.reverse()
            return Found(file: file, number: number)
        }
        return nil
    }

    func find(_ identity: FileIdentity) -> Found? {
        var seen: [Seen] = []
        return find(identity, seen: &seen)
    }

    /// The oldest file there is. From the newest on: none is missed.
    func oldest() -> FileIdentity? {
        var oldest: FileIdentity?
        for number in 0...LogLimits.rotatedFiles {
            if let file = ReadOnlyFile(path(number)) { oldest = file.facts.identity }
        }
        return oldest
    }

    /// Where to go on when the file `lost` is gone: at the beginning of the oldest file made after
    /// it, or, when there are older ones only, at the end of them. Nil when there is no file.
    func place(behind lost: FileIdentity) -> LogPosition? {
        var place: LogPosition?
        for number in 0...LogLimits.rotatedFiles {
            guard let file = ReadOnlyFile(path(number)) else { continue }
            let identity = file.facts.identity
            if identity.born >= lost.born {
                place = LogPosition(file: identity, offset: 0)
            } else if place == nil {
                place = LogPosition(file: identity, offset: Int(clamping: file.facts.size))
            }
        }
        return place
    }

    /// Whether two logs have a file in common: one is the other, a rotated file of it, or an index.
    static func overlap(_ one: String, _ other: String) -> Bool {
        let (short, long) = one.utf8.count <= other.utf8.count ? (one, other) : (other, one)
        guard long.utf8.starts(with: short.utf8) else { return false }
        var rest = Substring(long.utf8.dropFirst(short.utf8.count))
        if rest.hasSuffix(".times") { rest.removeLast(6) }
        guard !rest.isEmpty else { return true }
        let number = rest.utf8.dropFirst()
        return rest.utf8.first == UInt8(ascii: ".") && (1...2).contains(number.count)
            && number.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// A file that stands where this log would be and that no monitor wrote: those have an index.
    /// An empty one is nobody's loss.
    func foreign() -> String? {
        (0...LogLimits.rotatedFiles).first {
            !isOurs($0) && ReadOnlyFile(path($0))?.facts.size ?? 0 > 0
        }.map(path)
    }

    /// Whether a monitor has made an index beside that file.
    private func isOurs(_ number: Int) -> Bool {
        ReadOnlyFile(timesPath(number))?.facts.size != nil
    }

    /// Removes them all with their indexes; false when one of them stayed. With `onlyOurs` those
    /// stay that no monitor wrote.
    func remove(onlyOurs: Bool = false) -> Bool {
        var isDone = true
        for number in 0..<LogFiles.numbersMost {
            if onlyOurs, !isOurs(number) {
                if ReadOnlyFile(path(number))?.facts.size != nil { isDone = false }
                if number > LogLimits.rotatedFiles { break }
                continue
            }
            let isThere = FileRemoval.remove(path(number), &isDone)
            let hadTimes = FileRemoval.remove(timesPath(number), &isDone)
            // What an earlier, larger cap left follows without a gap.
            if number > LogLimits.rotatedFiles, !isThere, !hadTimes { break }
        }
        return isDone
    }

    private static let numbersMost = 100
}
