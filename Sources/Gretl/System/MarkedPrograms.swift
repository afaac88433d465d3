// Processes that carry a given variable in their environment: what is left of a run's programs when
// nobody holds them any more. Reads all of /proc, which takes milliseconds: for the storage thread.

import Glibc

/// Finds processes by their environment.
enum MarkedPrograms {
    private static let environmentMost = 1 << 20

    /// Those of our user that carry one of `entries` (`NAME=VALUE`), but for this process.
    static func find(_ entries: Set<String>) -> [ProcessIdentity] {
        guard !entries.isEmpty,
            case .numbers(let pids) = ProcFile.numbers(in: "/proc", most: 200_000)
        else { return [] }
        let wanted = entries.map { Array($0.utf8) }
        var found: [ProcessIdentity] = []
        for pid in pids where pid > 1 && pid != getpid() {
            // Another user's cannot be opened.
            guard let bytes = ProcFile.read("/proc/\(pid)/environ", most: environmentMost),
                carries(wanted, bytes), let entry = ProcessEntry.read(pid)
            else { continue }
            found.append(entry.identity)
        }
        return found
    }

    private static func carries(_ wanted: [[UInt8]], _ bytes: [UInt8]) -> Bool {
        for entry in bytes.split(separator: 0) {
            // The first bytes first: there are many environments with many entries.
            guard entry.first == UInt8(ascii: "G") else { continue }
            if wanted.contains(where: { entry.elementsEqual($0) }) { return true }
        }
        return false
    }
}
