// JSON that a program of others recorded, read with nothing of the project's own code.

import FoundationEssentials

/// A decoded value.
package indirect enum RecordedJSON: Decodable, Equatable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([RecordedJSON])
    case object([String: RecordedJSON])

    package init?(_ text: String) {
        guard
            let value = try? JSONDecoder().decode(RecordedJSON.self, from: Data(text.utf8))
        else { return nil }
        self = value
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode([RecordedJSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: RecordedJSON].self))
        }
    }

    package subscript(name: String) -> RecordedJSON? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    package var text: String? { if case .string(let text) = self { text } else { nil } }
    package var number: Double? { if case .number(let number) = self { number } else { nil } }
    package var elements: [RecordedJSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }
    package var members: [String: RecordedJSON]? {
        if case .object(let members) = self { members } else { nil }
    }
}
