// Every bound of the event stream, in one place. Read by the files of this folder, by EventRoutes
// and by the table in docs/operations.md.

/// The bounds of events.
package enum EventLimits {
    /// Events kept for replay.
    package static let kept = 1_024
    /// Bytes of their frames: reached only by events with very long names, and then fewer are kept.
    package static let keptBytes = 4 * 1_024 * 1_024
    /// Names listed in the event of a group.
    package static let listedNames = 256
    /// Records in a file before the next one is begun; the file before is kept, so that both
    /// together hold all that is to be kept.
    package static let fileRecords = 1_024
    /// Longest file that is read at the start.
    package static let fileBytes = 16 * 1_024 * 1_024
    /// Event ids reserved in the database at a time.
    package static let idBlock = 1_024
    /// Ids that may be used beyond what is reserved, while the database cannot be written. They are
    /// skipped by a start that cannot know how many of them were used.
    package static let idSlack = 1_024 * 1_024
    /// Clients that listen at the same time; further ones get 503.
    package static let subscribers = 16_384
    /// Writes to listening clients in one turn: each costs 8 us and more.
    package static let writesPerTurn = 64
    /// Listening clients looked at in one turn.
    package static let visitsPerTurn = 1_024
    /// Steps of a round, one or two listening clients each, that are made however late in a turn.
    package static let leastStepsPerTurn = 4
    /// Events joined into one piece for everybody who lacks the same ones.
    package static let joinedEvents = 64
    /// Services in one frame of a snapshot.
    package static let snapshotServices = 16
    /// Words in the list of a filter.
    package static let filterWords = 64

    /// The relations the code relies on.
    package static func check() {
        precondition(fileRecords >= kept, "two files hold all that is to be kept")
        precondition(joinedEvents <= kept)
        precondition(idSlack >= 16 * idBlock)
    }
}
