// One row of a table test: an input and the summary its parse must have.
//
// Rows are written as pairs; the table makes each of them a test case of its own.

import Testing

/// An input and its expected summary ("ok", "more", or "status reason").
struct ParseCase: CustomTestStringConvertible, Sendable {
    let input: String
    let expected: String

    var testDescription: String { "\(input.debugDescription) is \(expected)" }

    static func table(_ rows: [(String, String)]) -> [ParseCase] {
        rows.map { ParseCase(input: $0.0, expected: $0.1) }
    }

    /// A table whose rows all expect the same.
    static func all(_ expected: String, _ inputs: [String]) -> [ParseCase] {
        inputs.map { ParseCase(input: $0, expected: expected) }
    }
}
