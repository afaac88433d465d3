// Text in the man(7) language: what manual pages are written in. Nothing that is given to it can
// start a request or an escape of its own.

/// A manual page under construction.
struct Roff {
    private(set) var text = ""

    /// Begins a page: `title` in capitals, with its section.
    init(title: String, section: Int, date: String, source: String) {
        text += ".TH \(Roff.word(title)) \(section) \"\(date)\" \(Roff.word(source))\n"
        // No hyphens in commands, no stretched lines.
        text += ".nh\n.ad l\n"
    }

    mutating func section(_ title: String) { text += ".SH \(Roff.word(title))\n" }
    mutating func subsection(_ title: String) { text += ".SS \(Roff.word(title))\n" }
    mutating func paragraph(_ words: String) { text += ".PP\n\(Roff.filled(words))\n" }
    /// How a program is called: its name in bold, then the rest.
    mutating func synopsis(_ name: String, _ rest: String) {
        text += ".B \(Roff.word(name))\n\(Roff.line(rest))\n"
    }

    /// The text behind a title.
    mutating func plain(_ words: String) { text += "\(Roff.filled(words))\n" }

    /// A term in bold and what it means.
    mutating func item(_ term: String, _ words: String) {
        text += ".TP\n.B \(Roff.word(term))\n\(Roff.filled(words))\n"
    }

    /// Other pages, by name and section.
    mutating func seeAlso(_ pages: [(name: String, section: Int)]) {
        for page in pages { text += ".BR \(Roff.word(page.name)) (\(page.section))\n" }
    }

    /// Lines to be typed, as they are.
    mutating func example(_ lines: [String]) {
        text += ".PP\n.RS 4\n.nf\n"
        for line in lines { text += "\(Roff.line(line))\n" }
        text += ".fi\n.RE\n"
    }

    /// Text that man may break anew, in lines of less than 80 columns.
    private static func filled(_ words: String) -> String {
        var lines = [""]
        for word in words.split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty || line.utf8.count + word.utf8.count < 72 {
                lines[lines.count - 1] += (line.isEmpty ? "" : " ") + word
            } else {
                lines.append(String(word))
            }
        }
        return lines.map(line).joined(separator: "\n")
    }

    /// Text that begins a line of input.
    static func line(_ words: String) -> String {
        let escaped = escaped(words)
        // Else a full stop or quote in front would be a request.
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }

    /// One argument of a request.
    static func word(_ words: String) -> String {
        "\"\(escaped(words).replacing("\"", with: "\"\""))\""
    }

    /// Minus signs stay what they are, so that options can be copied.
    private static func escaped(_ words: String) -> String {
        words.replacing("\\", with: "\\e").replacing("-", with: "\\-")
            .replacing("\n", with: " ").replacing("'", with: "\\(aq").replacing("`", with: "\\(ga")
            .replacing("^", with: "\\(ha").replacing("~", with: "\\(ti")
    }
}
