// What a client follows, and one look at one log of it: the watch is armed, the files are read, the
// frames are rendered. Blocking calls: for the storage thread, one look at a time.

import NetCore

/// A request to follow logs.
struct LogFollow: Sendable {
    /// Where it begins.
    enum Start: Sendable {
        /// With the newest lines.
        case newest
        /// Behind a place of the one log that is followed.
        case after(LogPosition)
        /// The client named a place that is none: it is told so, and gets the newest lines.
        case nowhere
    }

    let sources: [LogSource]
    let query: LogQuery
    /// One service: lines have ids.
    let isSingle: Bool
    let start: Start
}

/// What a look at one log found.
struct LogGlance: Sendable {
    var trail: LogTrail
    /// Finished frames.
    let bytes: [UInt8]
    let isAtEnd: Bool
    let hasUnfinished: Bool
    /// The watch that was armed before the look; nil when the file's own is armed already.
    let watch: Watch?

    /// An armed watch.
    struct Watch: Equatable, Sendable {
        let id: Int32
        /// It watches the file and not the folder.
        let isFile: Bool
    }

    init(
        _ trail: LogTrail, of name: String, _ follow: LogFollow, takesUnfinished: Bool,
        watched: Watch?, arm: FileWatch.Arm?
    ) {
        watch = arm.flatMap { LogGlance.watch(trail.files, watched, $0) }
        self.trail = trail
        let look = self.trail.look(takesUnfinished: takesUnfinished)
        var bytes: [UInt8] = []
        if let gap = look.gap { bytes += LogFrames.gap(gap, in: name) }
        for line in look.lines {
            bytes += LogFrames.line(
                line, of: name, colors: follow.query.colors,
                id: follow.isSingle ? line.end : nil)
        }
        self.bytes = bytes
        isAtEnd = look.isAtEnd
        hasUnfinished = look.hasUnfinished
    }

    /// Without a file, what tells is that one appears. That watch does for no longer than until
    /// there is one: it may appear between the two calls, or after them and before the look.
    private static func watch(
        _ files: LogFiles, _ watched: Watch?, _ arm: FileWatch.Arm
    ) -> Watch? {
        if let watched, watched.isFile { return nil }
        if let id = arm.file(files.path) { return Watch(id: id, isFile: true) }
        return arm.folder(files.folder).map { Watch(id: $0, isFile: false) }
    }
}
