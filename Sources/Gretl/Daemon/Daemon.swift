// The daemon.

/// Stands in until the daemon is there.
package enum Daemon {
    /// Runs until told to end; the exit code of the process.
    package static func main(_ arguments: [String]) -> Int32 { 1 }
}
