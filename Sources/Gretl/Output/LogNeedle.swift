// What somebody searches for in logs: a fixed text, so that no pattern can take for ever. It is
// looked for in what is shown, without colours, so that "GET /" is found where the program painted
// the words apart.

/// A text to be found in lines.
struct LogNeedle: Sendable {
    private let bytes: [UInt8]
    private let ignoresCase: Bool

    /// `text` is not empty. Without case, only ASCII letters have two forms.
    init(_ text: String, ignoresCase: Bool) {
        precondition(!text.isEmpty)
        self.ignoresCase = ignoresCase
        bytes = ignoresCase ? text.utf8.map(ByteSearch.lower) : Array(text.utf8)
    }

    /// Whether a line as the program wrote it shows the text.
    func isShown(by line: ArraySlice<UInt8>) -> Bool {
        if LogText.isPlain(line) { return isIn(line.span) }
        return isIn(Array(LogText.clean(line, colors: false).utf8).span)
    }

    private func isIn(_ text: Span<UInt8>) -> Bool {
        ignoresCase
            ? ByteSearch.containsIgnoringCase(bytes.span, in: text)
            : ByteSearch.contains(bytes.span, in: text)
    }
}
