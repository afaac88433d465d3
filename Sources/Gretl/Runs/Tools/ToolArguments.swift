// The arguments of a tool call, checked against the very schema that the model was sent: what is
// missing, of another type, out of range or unknown is told to the model with what to do. Called by
// every tool before it begins. Whatever a model writes, nothing here traps.

/// Why a call was not run, for the model.
package struct ToolArgumentError: Error, Equatable {
    package let message: String
}

/// Checked arguments.
package struct ToolArguments: Sendable {
    private let values: [String: JSONValue]

    /// Checks the arguments of `call`.
    package init(_ call: ToolCall, of spec: ToolSpec) throws(ToolArgumentError) {
        let schema = Self.schema(of: spec)
        let properties = Self.properties(of: schema)
        let required = Self.required(of: schema)
        guard let arguments = call.arguments else {
            throw Self.refused(
                spec, "the arguments are no JSON object, or were cut off: send them again, whole")
        }
        var values: [String: JSONValue] = [:]
        for (name, value) in arguments.sorted(by: { $0.key < $1.key }) {
            guard case .object(let property)? = properties[name] else {
                let shown = ShownName.of(String(name.prefix(60)).utf8)
                throw Self.refused(spec, "it has no argument \(shown)")
            }
            // Some servers make every argument required and send null for what is not given.
            if value == .null, !required.contains(name) { continue }
            if let problem = Self.problem(value, property) {
                throw Self.refused(spec, "\"\(name)\" \(problem)")
            }
            values[name] = value
        }
        for name in required where values[name] == nil {
            throw Self.refused(spec, "\"\(name)\" is missing")
        }
        self.values = values
    }

    /// A text; "" when it is not given.
    package func text(_ name: String) -> String { optionalText(name) ?? "" }

    package func optionalText(_ name: String) -> String? {
        guard case .string(let value)? = values[name] else { return nil }
        return value
    }

    package func integer(_ name: String) -> Int? {
        guard case .integer(let value)? = values[name] else { return nil }
        return Int(clamping: value)
    }

    package func number(_ name: String) -> Double? {
        switch values[name] {
        case .integer(let value)?: Double(value)
        case .number(let value)?: value
        default: nil
        }
    }

    package func flag(_ name: String, default value: Bool) -> Bool {
        guard case .bool(let given)? = values[name] else { return value }
        return given
    }

    package func texts(_ name: String) -> [String] {
        guard case .array(let items)? = values[name] else { return [] }
        return items.compactMap { item in
            guard case .string(let text) = item else { return nil }
            return text
        }
    }

    // MARK: The schema

    /// Of a tool of ours: that it can be read is tested.
    private static func schema(of spec: ToolSpec) -> [String: JSONValue] {
        let schema = try? JSONValue.object(Array(spec.schema.description.utf8))
        assert(schema != nil, "the schema of \(spec.name) is not valid")
        return schema ?? [:]
    }

    private static func properties(of schema: [String: JSONValue]) -> [String: JSONValue] {
        guard case .object(let properties)? = schema["properties"] else { return [:] }
        return properties
    }

    private static func required(of schema: [String: JSONValue]) -> [String] {
        guard case .array(let names)? = schema["required"] else { return [] }
        return names.compactMap { name in
            guard case .string(let text) = name else { return nil }
            return text
        }
    }

    /// What is wrong with a value; nil for nothing.
    private static func problem(_ value: JSONValue, _ property: [String: JSONValue]) -> String? {
        guard case .string(let type)? = property["type"] else { return nil }
        switch (type, value) {
        case ("string", .string(let text)):
            if let least = number(property["minLength"]), Double(text.utf8.count) < least {
                return "must not be empty"
            }
        case ("integer", .integer), ("number", .integer), ("number", .number):
            guard let given = number(value) else { return nil }
            if let least = number(property["minimum"]), given < least {
                return "must be at least \(Int(least))"
            }
            if let most = number(property["maximum"]), given > most {
                return "must be at most \(Int(most))"
            }
        case ("boolean", .bool): return nil
        case ("array", .array(let items)):
            guard case .object(let item)? = property["items"] else { return nil }
            for (index, value) in items.enumerated() {
                if let problem = problem(value, item) { return "item \(index) \(problem)" }
            }
        default: return "must be \(noun(type)), not \(value.kind)"
        }
        return nil
    }

    private static func number(_ value: JSONValue?) -> Double? {
        switch value {
        case .integer(let whole)?: Double(whole)
        case .number(let number)?: number
        default: nil
        }
    }

    private static func noun(_ type: String) -> String {
        switch type {
        case "integer": "a whole number"
        case "number": "a number"
        case "boolean": "true or false"
        case "array": "an array"
        default: "a \(type)"
        }
    }

    private static func refused(_ spec: ToolSpec, _ problem: String) -> ToolArgumentError {
        let schema = schema(of: spec)
        let required = required(of: schema)
        let arguments = properties(of: schema).sorted { left, right in
            let isFirst = required.contains(left.key)
            return isFirst != required.contains(right.key) ? isFirst : left.key < right.key
        }
        let list = arguments.map { name, value in
            var type = "value"
            if case .object(let property) = value, case .string(let text)? = property["type"] {
                type = text
            }
            return "\(name) (\(type)\(required.contains(name) ? "" : ", optional"))"
        }
        let takes = list.isEmpty ? "no arguments" : list.joined(separator: ", ")
        return ToolArgumentError(
            message: "\(spec.name) was not run: \(problem). It takes \(takes).")
    }
}
