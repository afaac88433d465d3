// The arguments of a tool call, taken one by one and checked against the tool's schema; what is
// wrong is told to the model in words it can act on. Pure.

/// Arguments of one call.
struct ProgramArguments {
    /// What is wrong with them: a sentence for the model.
    struct Problem: Error, Equatable {
        var message: String
    }

    private let values: [String: JSONValue]

    /// Throws when they are no object, or have a name that is not in `known`.
    init(_ call: ToolCall, known: [String]) throws(Problem) {
        guard let values = call.arguments else {
            throw Problem(message: "the arguments are not one JSON object")
        }
        for name in values.keys.sorted() where !known.contains(name) {
            let shown = ClusterFailure.clean(name, most: 80)
            let takes = known.isEmpty ? "none" : known.joined(separator: ", ")
            throw Problem(message: "unknown argument '\(shown)'; it takes: \(takes)")
        }
        self.values = values
    }

    func text(_ name: String) throws(Problem) -> String {
        guard let value = values[name] else {
            throw Problem(message: "'\(name)' is missing")
        }
        guard case .string(let text) = value else { throw wrong(name, "a string", value) }
        guard !text.utf8.contains(0) else {
            throw Problem(message: "'\(name)' must not hold a zero byte")
        }
        return text
    }

    func number(
        _ name: String, _ range: ClosedRange<Double>, or fallback: Double
    )
        throws(Problem) -> Double
    {
        guard let value = values[name] else { return fallback }
        let number: Double
        switch value {
        case .integer(let whole): number = Double(whole)
        case .number(let some): number = some
        default: throw wrong(name, "a number", value)
        }
        guard range.contains(number) else {
            throw Problem(
                message: "'\(name)' must be from \(Int(range.lowerBound)) to "
                    + "\(Int(range.upperBound))")
        }
        return number
    }

    func integer(
        _ name: String, _ range: ClosedRange<Int>, or fallback: Int
    )
        throws(Problem) -> Int
    {
        guard let value = values[name] else { return fallback }
        guard case .integer(let whole) = value else { throw wrong(name, "an integer", value) }
        guard let number = Int(exactly: whole), range.contains(number) else {
            throw Problem(
                message: "'\(name)' must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func boolean(_ name: String, or fallback: Bool) throws(Problem) -> Bool {
        guard let value = values[name] else { return fallback }
        guard case .bool(let flag) = value else { throw wrong(name, "a boolean", value) }
        return flag
    }

    func texts(_ name: String, most: Int) throws(Problem) -> [String] {
        guard let value = values[name] else { return [] }
        guard case .array(let items) = value else {
            throw wrong(name, "an array of strings", value)
        }
        guard items.count <= most else {
            throw Problem(message: "'\(name)' must have at most \(most) elements")
        }
        var found: [String] = []
        for item in items {
            guard case .string(let text) = item, !text.utf8.contains(0) else {
                throw Problem(message: "'\(name)' must be an array of strings")
            }
            found.append(text)
        }
        return found
    }

    private func wrong(_ name: String, _ wanted: String, _ value: JSONValue) -> Problem {
        Problem(message: "'\(name)' must be \(wanted), not \(value.kind)")
    }
}
