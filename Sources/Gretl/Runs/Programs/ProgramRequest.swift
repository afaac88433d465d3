// A program that a run wants, and what became of it. Values; JailedPrograms runs them.

package import NetCore

/// A program to run in the folder of a run.
package struct ProgramRequest: Sendable {
    /// The program, found by PATH, and its arguments.
    package var words: [String]
    /// After so long it is ended.
    package var timeLimit: Duration
    /// Beside what every program gets.
    package var environment: [String: String] = [:]
    /// Pipes it gets as descriptors 3, 4, ..., to tell what its output does not.
    package var reports = 0
    /// The folder is read-only for it.
    package var isReadOnly = false
    /// Bytes of its output that are kept: the first, the last.
    package var headBytes = 16 << 10
    package var tailBytes = 48 << 10

    package init(_ words: [String], timeLimit: Duration) {
        self.words = words
        self.timeLimit = timeLimit
    }

    /// A command line for the shell.
    package init(shell command: String, timeLimit: Duration) {
        self.init(["/bin/sh", "-c", command], timeLimit: timeLimit)
    }
}

/// How a program ended.
package enum ProgramEnding: Sendable, Equatable {
    /// As shells count: 128 and the signal for one that a signal killed.
    case exited(Int)
    case timedOut
    case cancelled
    /// Nothing ran.
    case refused(APIError)
}

/// What a program did.
package struct ProgramResult: Sendable {
    package var ending: ProgramEnding
    /// Both of its outputs, as they came.
    package var output = HeadAndTail(head: 0, tail: 0)
    package var reports: [HeadAndTail] = []
    package var duration = Duration.zero

    package init(_ ending: ProgramEnding) { self.ending = ending }
}
