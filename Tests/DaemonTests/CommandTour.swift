// What is run for the golden outputs: one part for each command of the table, in an order in which
// each finds what it needs and the state is the same in every run. Read by CommandGoldenTests; the
// world it runs in is CommandStage's. A new command needs a part here.

/// One command line and what is looked at.
struct CommandStep: Sendable {
    /// What of the output is in the golden text.
    enum View: Sendable, Equatable {
        case whole
        /// What stays on a terminal when the progress has gone.
        case last
        /// The first lines of a generated text that has tests of its own.
        case head(Int)
        /// The lines about ports of the stage.
        case ours
        /// One JSON object, or one on each line: its keys.
        case json, jsonLines
    }

    /// With the five characters that stand for a port; variables stand before it.
    let line: String
    var exit: Int32 = 0
    /// Where somebody at a terminal says something else.
    var exitOnTerminal: Int32?
    var place = CommandStage.Place.folder
    var view = View.whole
    /// Where it is run; everywhere when nil.
    var surface: CommandStage.Surface?
    var columns: UInt16 = 100
    /// On a terminal: once it shows this, type that.
    var keys: [(String, String)] = []
    /// All there is to read on a pipe.
    var input: String?
    /// Interrupt it once it has said this.
    var until: String?

    init(
        _ line: String, _ exit: Int32 = 0, onTerminal: Int32? = nil,
        in place: CommandStage.Place = .folder, on surface: CommandStage.Surface? = nil,
        columns: UInt16 = 100, show view: View = .whole,
        keys: [(String, String)] = [], input: String? = nil, until: String? = nil
    ) {
        self.line = line
        self.exit = exit
        exitOnTerminal = onTerminal
        self.place = place
        self.surface = surface
        self.columns = columns
        self.view = view
        self.keys = keys
        self.input = input
        self.until = until
    }
}

/// The lines of one command.
struct CommandPart: Sendable {
    /// As in the table.
    let command: String
    let steps: [CommandStep]

    init(_ command: String, _ steps: CommandStep...) {
        self.command = command
        self.steps = steps
    }
}

enum CommandTour {
    static let parts =
        questions + streams + surroundings + changes + project + clusters + runs
        + daemon

    /// They run another program, or are one, and have no body of the API's.
    static let withoutJSON: Set<String> = ["serve", "exec", "attach", "completion", "man"]

    // MARK: Questions

    private static let questions = [
        CommandPart(
            "ls", .init("gr ls"), .init("gr ls @site"), .init("gr ls -q --status running"),
            .init("gr ls --status armed"), .init("gr ls @nobody", 4),
            .init("GR_NO_AUTOSTART=1 gr ls", 3, in: .spare),
            .init("gr ls", on: .terminal, columns: 38), .init("NO_COLOR=1 gr ls @site"),
            .init("gr ls @site --color always"),
            .init("gr ls --json", show: .json)),
        CommandPart(
            "status", .init("gr status"), .init("gr status web"), .init("gr status api"),
            .init("gr status bad"), .init("gr status db"), .init("gr status busy"),
            .init("gr status -q web"), .init("gr status wbe", 4),
            .init("gr status web --json", show: .json), .init("gr status --json", show: .json)),
        CommandPart(
            "url", .init("gr url web"), .init("gr url worker", 1), .init("gr url nobody", 4),
            .init("gr url", 2), .init("gr url web --json", show: .json)),
        CommandPart(
            "group ls", .init("gr group ls"), .init("gr group ls -q"), .init("gr group", 2),
            .init("gr group list", 2), .init("gr group ls --json", show: .json)),
    ]
}
