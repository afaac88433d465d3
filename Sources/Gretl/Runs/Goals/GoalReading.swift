// What the output of a test command means: which tests failed, and what to say of it. Pure
// functions over bounded text; they run on the storage thread, since there can be a good deal of
// it.

import NetCore

/// Readings of output.
enum GoalReading {
    static let namesMost = 20
    private static let linesMost = 20_000

    /// Names of what failed: lines `test NAME ... FAILED` of cargo.
    static func cargoFailures(_ output: String) -> [String] {
        var found: [String] = []
        for line in output.split(separator: "\n").prefix(linesMost) {
            guard line.hasPrefix("test "), line.hasSuffix("... FAILED") else { continue }
            let name = line.dropFirst(5).dropLast(10)
            keep(String(name).trimmed, &found)
        }
        return found
    }

    /// The same of `go test -json`: an Action that is `fail`, with a Test.
    static func goFailures(_ output: String) -> [String] {
        var found: [String] = []
        for line in output.split(separator: "\n").prefix(linesMost)
        where line.hasPrefix("{") && line.contains("\"fail\"") {
            guard found.count < namesMost, line.utf8.count < 65_536,
                let event = try? JSONValue.object(Array(line.utf8)),
                event["Action"]?.text == "fail", let test = event["Test"]?.text
            else { continue }
            keep("\(event["Package"]?.text ?? "").\(test)", &found)
        }
        return found
    }

    /// What go would have printed.
    static func goText(_ output: String) -> String {
        var text = ""
        for line in output.split(separator: "\n").prefix(linesMost) {
            guard line.hasPrefix("{"), line.utf8.count < 65_536,
                let event = try? JSONValue.object(Array(line.utf8))
            else {
                text += line + "\n"
                continue
            }
            if let said = event["Output"]?.text { text += said }
        }
        return text
    }

    private static func keep(_ name: String, _ found: inout [String]) {
        guard found.count < namesMost else { return }
        found.append(String(name.prefix(200)))
    }

    /// "a, b and 3 more".
    static func list(_ names: [String], of count: Int, most: Int = 5) -> String {
        let shown = names.prefix(most).joined(separator: ", ")
        return count > most ? "\(shown) and \(count - most) more" : shown
    }
}

extension String {
    /// Without blanks at its ends.
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
