// Every bound of reading logs, in one place. Read by the files of this folder, by LogRoutes and by
// the table in docs/operations.md.

/// The bounds of reading logs.
package enum LogLimits {
    /// Bytes of one file of a log, its time index included, after which a new one begins.
    package static let logFileBytes = 10 * 1_024 * 1_024
    /// Rotated files the monitor keeps of one log.
    package static let rotatedFiles = 4
    /// Longest line that is never cut; a piece of a longer one is shorter than twice that.
    package static let lineBytes = 64 * 1_024
    /// Most lines of one answer.
    package static let answerLines = 10_000
    /// Bytes of output in one answer.
    package static let answerTextBytes = 1_024 * 1_024
    /// Bytes of output looked at for one answer: more than all files of one log.
    package static let searchedBytes = 256 * 1_024 * 1_024
    /// Bytes of output held ready for merging by one request.
    package static let mergeBytes = 4 * 1_024 * 1_024
    /// Longest text to search for.
    package static let needleBytes = 1_024
    /// Most services of one request.
    package static let servicesPerRequest = 256
    /// Searches under way at the same time.
    package static let searches = 64
    /// Bytes read in one step on the storage thread: a commit waits for it.
    package static let stepBytes = 256 * 1_024
    /// Bytes of output taken for a follower in one step.
    package static let followBytes = 64 * 1_024
    /// Clients that follow logs at the same time.
    package static let followers = 256
    /// Logs they follow together; each may hold a watch of the kernel.
    package static let followedLogs = 2_048
    /// Lines chosen or rendered in one step.
    package static let stepLines = 500
}
