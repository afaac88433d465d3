// A value that must not reach a log, an error or a debugger's print-out by accident: tokens, keys.
// Whoever needs it says `reveal()`, which a search finds.

/// Text that prints as "•••".
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    package init(_ text: String) { self.text = text }

    /// The text itself, for the one place that must send or store it.
    package func reveal() -> String { text }

    package var description: String { "•••" }
    package var debugDescription: String { "•••" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether `candidate` is the text. The time taken depends on the candidate's length only.
    package func matches(_ candidate: Span<UInt8>) -> Bool {
        let own = Array(text.utf8)
        var difference = own.count ^ candidate.count
        for index in 0..<candidate.count {
            let byte = own.isEmpty ? 0 : own[index % own.count]
            difference |= Int(byte ^ candidate[index])
        }
        return difference == 0
    }
}

extension Secret: Equatable {
    package static func == (left: Secret, right: Secret) -> Bool {
        left.matches(Array(right.text.utf8).span)
    }
}
