// How output is dressed: colours and glyphs, decided once per command from the options, the
// environment and whether a terminal listens. Text for a pipe never carries an escape sequence
// unless somebody asked for it by name.

/// The colours used, by meaning.
enum Ink: String {
    case strong = "1"
    case dim = "2"
    case good = "32"
    case busy = "33"
    case bad = "31"
}

/// The dress of one stream.
struct OutputStyle: Sendable {
    /// Whether escape sequences are written.
    let isColored: Bool
    /// Whether marks and a header are shown as for a reader; false for a pipe.
    let isDecorated: Bool
    /// Whether the marks may be beyond ASCII.
    let isUnicode: Bool

    /// `choice` is the value of --color, nil when not given.
    init(choice: String?, isTerminal: Bool, environment: [String: String]) {
        func isSet(_ name: String) -> Bool { !(environment[name] ?? "").isEmpty }
        isDecorated = isTerminal
        isColored =
            switch choice {
            case "always": true
            case "never": false
            default:
                if isSet("NO_COLOR") {
                    false
                } else if isSet("CLICOLOR_FORCE"), environment["CLICOLOR_FORCE"] != "0" {
                    true
                } else {
                    isTerminal && environment["TERM"] != "dumb" && environment["CLICOLOR"] != "0"
                }
            }
        // The first of the three that is set counts, as the C library does it.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].first(where: isSet)
            .flatMap { environment[$0] }?.lowercased()
        isUnicode = locale.map { $0.contains("utf-8") || $0.contains("utf8") } ?? false
    }

    func paint(_ text: String, _ ink: Ink?) -> String {
        guard isColored, let ink, !text.isEmpty else { return text }
        return "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m"
    }

    /// `text` in the colour of a service: the same one wherever the name is shown.
    func paint(_ text: String, nameColor name: String) -> String {
        guard isColored else { return text }
        // Red is for what went wrong.
        let colors = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]
        // FNV-1a: the hash of the standard library changes from run to run.
        var hash: UInt32 = 2_166_136_261
        for byte in name.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return "\u{1B}[\(colors[Int(hash % UInt32(colors.count))])m\(text)\u{1B}[0m"
    }

    /// A status as shown: with its mark on a terminal, and the ink for it.
    func status(_ status: String) -> (text: String, ink: Ink?) {
        let marks: (unicode: String, plain: String, ink: Ink?) =
            switch status {
            case "running": ("●", "*", .good)
            case "starting": ("◐", "+", .busy)
            case "stopping": ("◑", "-", .busy)
            case "failed": ("✗", "x", .bad)
            case "backoff": ("↻", "r", .bad)
            case "armed": ("◌", "a", .good)
            case "stopped": ("○", "o", .dim)
            default: ("?", "?", nil)
            }
        let word = DisplayText.escaped(status)
        guard isDecorated else { return (word, marks.ink) }
        return ("\(isUnicode ? marks.unicode : marks.plain) \(word)", marks.ink)
    }
}
