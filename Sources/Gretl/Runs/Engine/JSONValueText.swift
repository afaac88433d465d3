// Decoded JSON on its way back to text: arguments of tools in events, settings of goals in the
// database. Keys in order, so that equal values give equal bytes.

extension JSONText {
    /// Any value.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .integer(let number): integer(number)
        case .number(let number): double(number)
        case .string(let text): string(text)
        case .array(let values):
            beginArray()
            for value in values { self.value(value) }
            endArray()
        case .object(let members):
            beginObject()
            for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                key(text: name)
                self.value(value)
            }
            endObject()
        }
    }
}

extension JSONValue {
    /// The same with long texts cut, and of long lists and objects only the first elements.
    func bounded(texts: Int, elements: Int = 1_000) -> JSONValue {
        switch self {
        case .null, .bool, .integer, .number: return self
        case .string(let text): return .string(RunNotice.cut(text, texts).text)
        case .array(let values):
            return .array(
                values.prefix(elements).map { $0.bounded(texts: texts, elements: elements) })
        case .object(let members):
            var kept: [String: JSONValue] = [:]
            for (name, value) in members.sorted(by: { $0.key < $1.key }).prefix(elements) {
                kept[RunNotice.cut(name, texts).text] = value.bounded(
                    texts: texts, elements: elements)
            }
            return .object(kept)
        }
    }
}

extension JSONValue: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let flag): try container.encode(flag)
        case .integer(let number): try container.encode(number)
        case .number(let number): try container.encode(number)
        case .string(let text): try container.encode(text)
        case .array(let values): try container.encode(values)
        case .object(let members): try container.encode(members)
        }
    }
}
