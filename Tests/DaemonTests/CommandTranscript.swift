// A run of a command as a person reads it in a golden file: what was written where, escapes spelled
// out, and a name in place of each value that is another one in every run. Nothing else is taken
// away: a line more, a colour less or a column out of line is another transcript.

import TestSupport

/// Makes text that is the same in every run.
enum CommandTranscript {
    /// Lines with their mark: `|` for the output, `!` for errors.
    static func marked(_ text: String, _ mark: String, _ stage: CommandStage) -> String {
        guard !text.isEmpty else { return "" }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let isWhole = lines.last == ""
        if isWhole { lines.removeLast() }
        // First the numbers that can be anything, so that none of them is taken for a port.
        lines = TableMask.masked(lines).map { named(masked($0), stage) }
        let shown = lines.map { line in
            let text = spelled(line)
            return mark + (text.isEmpty ? "" : " " + text) + "\n"
        }
        return shown.joined() + (isWhole ? "" : "  (without a line end)\n")
    }

    private static func named(_ line: String, _ stage: CommandStage) -> String {
        let line = stage.names.reduce(line) { $0.replacing($1.value, with: $1.name) }
        return stage.numbers.reduce(line) { numbered($0, $1.value, $1.name) }
    }

    /// Names `value` where it is no part of a longer number.
    private static func numbered(_ line: String, _ value: String, _ name: String) -> String {
        var told = ""
        var rest = line[...]
        while let found = rest.firstRange(of: value) {
            let before = rest[..<found.lowerBound]
            let isWhole =
                before.last?.isNumber != true && rest[found.upperBound...].first?.isNumber != true
            told += before + (isWhole ? name : value)
            rest = rest[found.upperBound...]
        }
        return told + rest
    }

    /// Numbers and times that differ.
    private static func masked(_ line: String) -> String {
        line.replacing(#/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/#, with: "TIME")
            .replacing(#/\d\d:\d\d:\d\d(\.\d+)?/#, with: "CLOCK")
            .replacing(#/pid( +)(\x1B\[0m)?\d+/#) { "pid\($0.1)\($0.2 ?? "")PID" }
            .replacing(#/pid=\d+/#, with: "pid=PID")
            .replacing(#/starting \d+/#, with: "starting PID")
            .replacing(#/(\x1B\[\d*m)?(\d+[dhm])?\d+[hms](, since| ago)/#) {
                "\($0.1 ?? "")AGE\($0.3)"
            }
            .replacing(#/\d+(\.\d+)?%/#, with: "CPU%")
            .replacing(#/\d+(\.\d+)? (kB|MB|GB|TB)/#, with: "SIZE")
            .replacing(#/Linux \d+\.\d+[-\w.+]*/#, with: "Linux VERSION")
            // Those of a daemon that asked the kernel for one.
            .replacing(#/(listening on http:\/\/\S+):\d+/#) { "\($0.1):PORT" }
    }

    /// Control bytes and a blank at the end, readable.
    private static func spelled(_ line: String) -> String {
        var text = line.replacing("\u{1B}", with: "<ESC>").replacing("\r", with: "<CR>")
        if text.hasSuffix(" ") { text = text.dropLast() + "<BLANK>" }
        return String(
            text.unicodeScalars.map { scalar in
                scalar.value < 32 || scalar.value == 127
                    ? "<\(String(scalar.value, radix: 16))>" : String(scalar)
            }.joined())
    }

    /// What a terminal shows at the end of a run that took lines away with a return and an erase:
    /// how often it had drawn them, and what it told in between, depends on the time.
    static func last(_ text: String) -> String {
        var rest = text[...]
        while let found = rest.firstRange(of: "\r\u{1B}[K") { rest = rest[found.upperBound...] }
        return String(rest)
    }
}

/// Columns of a table whose values, and so their width, differ from run to run.
///
/// They are made five characters wide in place, by the column where their title ends. A cell that
/// is out of line stays out of line.
enum TableMask {
    private static let titles = ["PID", "UP", "CPU", "RSS"]
    private static let width = 5

    /// A character and the escapes before it.
    private struct Glyph {
        var escapes: String
        let character: Character
    }

    private struct Line {
        var glyphs: [Glyph] = []
        var tail = ""

        init(_ text: String) {
            var rest = text[...]
            while let first = rest.first {
                if first == "\u{1B}", let end = rest.firstIndex(of: "m") {
                    tail += rest[...end]
                    rest = rest[rest.index(after: end)...]
                } else {
                    glyphs.append(Glyph(escapes: tail, character: first))
                    tail = ""
                    rest = rest.dropFirst()
                }
            }
        }

        var text: String { glyphs.map { $0.escapes + String($0.character) }.joined() + tail }
        var plain: String { String(glyphs.map(\.character)) }

        /// How wide the cell is that ends before `end`; 0 when none does.
        func cell(endingAt end: Int) -> Int {
            guard end <= glyphs.count else { return 0 }
            var start = end
            while start > 0,
                glyphs[start - 1].character != " "
                    || start > 1 && start < end && glyphs[start - 2].character != " "
            { start -= 1 }
            return end - start
        }

        mutating func replace(_ range: Range<Int>, with text: String) {
            var new = text.map { Glyph(escapes: "", character: $0) }
            new[0].escapes = glyphs[range].map(\.escapes).joined()
            glyphs.replaceSubrange(range, with: new)
        }
    }

    static func masked(_ text: [String]) -> [String] {
        var lines = text.map(Line.init)
        for index in lines.indices where isHeader(lines[index].plain) {
            for title in titles.reversed() {
                guard let end = end(of: title, lines[index].plain) else { continue }
                let rows = lines[index...].prefix { $0.cell(endingAt: end) > 0 }.indices
                let widest = rows.map { lines[$0].cell(endingAt: end) }.max() ?? 0
                for row in rows {
                    let cell = lines[row].plain.dropFirst(end - widest).prefix(widest)
                    let value = cell.drop { $0 == " " }
                    let shown = row == index || value == "-" ? String(value) : title
                    let blanks = String(repeating: " ", count: max(0, width - shown.count))
                    lines[row].replace((end - widest)..<end, with: blanks + shown)
                }
            }
        }
        return lines.map(\.text)
    }

    private static func isHeader(_ line: String) -> Bool {
        let words = line.split(separator: " ")
        return words.count > 2 && words.contains("PORT")
            && !Set(words).isDisjoint(with: ["PID", "UP"])
    }

    private static func end(of title: String, _ line: String) -> Int? {
        guard let found = line.firstRange(of: " \(title) ") else { return nil }
        return line.distance(from: line.startIndex, to: found.upperBound) - 1
    }
}
