// Request bodies: any JSON value, decoded by the toolchain's decoder (off the hot path), then asked
// for fields by name. Tells absent from null, which is what a merge patch (RFC 7396) needs.

import FoundationEssentials

/// A decoded JSON value.
package enum JSONValue: Equatable, Sendable, Decodable {
    case null
    case bool(Bool)
    /// A number that is a whole one, however it was written (7401.0 is 7401).
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            if let whole = Int64(exactly: value) {
                self = .integer(whole)
            } else {
                self = .number(value)
            }
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// What a person calls this kind of value.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// Deepest nesting that is read: bodies here have two levels.
    static let depthMost = 32

    /// Decodes a request body that has to be one JSON object.
    static func object(_ body: [UInt8]) throws(APIError) -> [String: JSONValue] {
        guard !body.isEmpty else {
            throw .invalid(
                "the request has no body", hint: "send a JSON object such as {\"name\": \"web\"}")
        }
        try check(body)
        let value: JSONValue
        do {
            value = try JSONDecoder().decode(JSONValue.self, from: Data(body))
        } catch {
            throw notJSON
        }
        guard case .object(let fields) = value else {
            throw .invalid("the body is \(value.kind), not an object", hint: "send a JSON object")
        }
        return fields
    }

    /// What the decoder would not refuse: it recurses as deep as it is told to, and lets a comma
    /// stand before a closing bracket.
    private static func check(_ body: [UInt8]) throws(APIError) {
        var depth = 0
        var inString = false
        var isEscaped = false
        var last: UInt8 = 0
        for byte in body {
            if inString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: " "), 0x09, 0x0A, 0x0D: continue
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard last != UInt8(ascii: ",") else { throw notJSON }
                depth -= 1
            default: break
            }
            last = byte
            guard depth <= depthMost else {
                throw .invalid(
                    "the body is nested deeper than \(depthMost) levels",
                    hint: "send a flat object")
            }
        }
    }

    private static var notJSON: APIError {
        .invalid("the body is not valid JSON", hint: "send one JSON object in UTF-8")
    }
}
