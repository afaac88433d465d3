// A value that must not reach a log, an error or a debugger's print-out by accident: tokens, keys.
// Whoever needs it says `reveal()`, which a search finds.

/// Text that prints as "•••".
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }

    /// The text itself, for the one place that must send or store it.
    package func reveal() -> String { String(decoding: bytes, as: UTF8.self) }

    package var description: String { "•••" }
    package var debugDescription: String { "•••" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether `candidate` is the text. The time taken depends on the candidate's length only.
    package func matches(_ candidate: Span<UInt8>) -> Bool {
        var difference = bytes.count ^ candidate.count
        for index in 0..<candidate.count {
            let byte = bytes.isEmpty ? 0 : bytes[index % bytes.count]
            difference |= Int(byte ^ candidate[index])
        }
        return difference == 0
    }
}

extension Secret: Equatable {
    package static func == (left: Secret, right: Secret) -> Bool {
        left.matches(right.bytes.span)
    }
}
