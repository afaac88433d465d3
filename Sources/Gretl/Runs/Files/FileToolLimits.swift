// Every bound of the file tools, in one place. Read by Runs/Files and by the table in
// docs/operations.md.

/// The bounds of the file tools of runs.
package enum FileToolLimits {
    /// Bytes that one file_read shows.
    package static let fileReadBytes = 200_000
    /// Bytes of a file in which file_read looks for its lines.
    package static let fileScanBytes = 67_108_864
    /// Largest file that a tool changes or writes.
    package static let fileWriteBytes = 8_000_000
    /// Entries that one file_list shows.
    package static let fileListEntries = 1_000
    /// Entries of one folder that are read; of a larger one the rest is not seen.
    package static let folderEntriesRead = 200_000
    /// Lines that one grep_search shows.
    package static let grepHits = 50
    /// Largest file that grep_search reads.
    package static let grepFileBytes = 1_000_000
    /// Characters that it shows of a line.
    package static let grepLineCharacters = 200
    /// Paths that one find_files shows.
    package static let findHits = 100
    /// Files and folders that one search looks at.
    package static let searchEntries = 500_000
    /// Folders that one search has still to look at.
    package static let searchFoldersWaiting = 50_000
    /// Seconds after which a search answers with what it has.
    package static let searchSeconds = 10
    /// Milliseconds that a search works before it lets other jobs of its thread run.
    package static let searchSliceMilliseconds = 20
    /// Characters of a pattern or a glob.
    package static let patternCharacters = 1_000
    /// Groups within groups in a pattern.
    package static let patternDepth = 50
    /// Instructions of a compiled pattern.
    package static let patternInstructions = 2_000
    /// States that a matcher remembers.
    package static let patternStates = 400
    /// Instructions that one search looks at: a second or so, for a pattern made to need many.
    package static let patternWork = 50_000_000
    /// Entries of the project overview's tree.
    package static let overviewEntries = 200
    /// Entries it shows of one folder below the first level.
    package static let overviewFolderEntries = 20
    /// Lines it shows of a file.
    package static let overviewFileLines = 150
    /// Bytes it shows of a file.
    package static let overviewFileBytes = 8_000
}
