// Lines of logs as a reader or a program gets them: a coloured name in front where there are
// several services, a time where one is asked for. It collects text and hands it on in one piece,
// so that a busy log is not a system call for each line.

/// Prints lines.
struct LogPrinter {
    private let context: CommandContext
    private let showsTimes: Bool
    private let isJSON: Bool
    /// What stands in front of a line, by service; empty for a single one.
    private var prefixes: [String: String] = [:]
    private var pending: [UInt8] = []
    /// The service whose last line is not ended.
    private var open: String?

    static let truncated = "older lines were left out: the answer would have been too large"
    /// Longer names are not aligned to.
    private static let widthMost = 24

    init(_ names: [String], _ request: LogRequest, _ context: CommandContext) {
        self.context = context
        showsTimes = request.showsTimes
        isJSON = context.isJSON || context.invocation.has("jsonl")
        guard names.count > 1 else { return }
        let shown = names.map(DisplayText.escaped)
        let width = shown.map(DisplayText.width).filter { $0 <= Self.widthMost }.max() ?? 0
        for (name, text) in zip(names, shown) {
            let padded = DisplayText.padded(text, to: width) + " | "
            prefixes[name] = context.style.paint(padded, nameColor: name)
        }
    }

    /// A line; `single` is the service where the answer does not say it.
    mutating func add(_ line: LogLineAnswer, of single: String) {
        let name = line.name ?? single
        guard !isJSON else { return addJSON(line, name) }
        if open != name {
            closeLine()
            pending += Array((prefixes[name] ?? "").utf8)
            if showsTimes {
                let time = DisplayText.escaped(line.time ?? "-")
                pending += Array((context.style.paint(time, .dim) + " ").utf8)
            }
        }
        let text = DisplayText.output(line.text, keepsColors: context.style.isColored)
        pending += Array(text.utf8)
        open = name
        if line.partial != true {
            pending.append(0x0A)
            open = nil
        }
        if pending.count > 64 << 10 { flush() }
    }

    /// Words about a log, between its lines: on standard error, not to be taken for output.
    mutating func remark(_ text: String) {
        closeLine()
        flush()
        context.warn(text)
    }

    /// An object of the API's, under --json.
    mutating func add(json: [UInt8]) { pending += JSONLine.compact(json) }

    mutating func flush() {
        guard !pending.isEmpty else { return }
        context.io.writeOutput(pending)
        pending.removeAll(keepingCapacity: true)
    }

    /// Behind the last line.
    mutating func end() {
        closeLine()
        flush()
    }

    private mutating func closeLine() {
        if open != nil { pending.append(0x0A) }
        open = nil
    }

    private mutating func addJSON(_ line: LogLineAnswer, _ name: String) {
        var json = JSONText()
        json.beginObject()
        json.field("name", name)
        json.field("time", line.time)
        json.field("text", line.text)
        if line.partial == true { json.field("partial", true) }
        json.endObject()
        add(json: json.bytes)
    }
}
