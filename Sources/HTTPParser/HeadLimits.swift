// The bounds of a message head, and what a parser answers about one.
//
// The server fixes the limits once; parsers check them while bytes arrive, so a head that cannot
// fit any more is refused before it is complete.

/// Bounds of one head. Values beyond what the parser can hold are cut.
package struct HeadLimits: Equatable, Sendable {
    /// The most bytes of a request target; one more is answered with 414.
    package let targetMost: Int
    /// The most bytes of the whole head, its last CRLF included; one more is answered with 431.
    package let headMost: Int
    /// The most header lines; one more is answered with 431.
    package let fieldsMost: Int

    package init(targetMost: Int = 8192, headMost: Int = 16384, fieldsMost: Int = 100) {
        self.targetMost = max(1, min(targetMost, 0xFFFF))
        self.headMost = max(1, min(headMost, 0xFFFF))
        self.fieldsMost = max(0, min(fieldsMost, HeaderFields.capacity))
    }
}

/// What the bytes so far amount to.
package enum HeadOutcome: Equatable, Sendable {
    /// A whole head; the body, or the next message, starts at `length`.
    case complete(length: Int)
    /// Right so far; call again with more bytes, the old ones included.
    case incomplete
    /// Wrong, for good: answer and close.
    case invalid(ParseFailure)
}
