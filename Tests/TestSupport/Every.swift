// Tries a body with every value of a range or list and says which value it was when something
// failed. For the cut, length and errno loops of all test targets; not for random values, which
// come from SeededGenerator.

/// Calls `body` with each of `values` and stops at the first that throws. The label and the value
/// stand in the message of the error; pass them to `#expect` as its comment as well.
package func every<Values: Sequence>(
    _ label: String, in values: Values, _ body: (Values.Element) throws -> Void
) throws {
    for value in values {
        do {
            try body(value)
        } catch let error as EveryError {
            throw EveryError(path: "\(label) \(value), \(error.path)", error: error.error)
        } catch {
            throw EveryError(path: "\(label) \(value)", error: error)
        }
    }
}

/// An error of an `every` body with the values it happened at.
package struct EveryError: Error, CustomStringConvertible {
    let path: String
    let error: any Error

    package var description: String { "at \(path): \(error)" }
}
