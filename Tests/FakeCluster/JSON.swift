// JSON as the fake API server keeps and sends it: a tree with members in alphabetical order, read
// and written by nothing of the daemon's own code.

/// One value. Numbers keep their text.
indirect enum JSON: Equatable, Sendable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(stringLiteral value: String) { self = .string(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(integerLiteral value: Int) { self = .number(String(value)) }
    init(_ value: Int) { self = .number(String(value)) }
    init(_ value: String) { self = .string(value) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements) { $1 })
    }

    /// A member; setting null removes nothing, setting nil does. What is no object becomes one.
    subscript(name: String) -> JSON? {
        get {
            if case .object(let members) = self { return members[name] }
            return nil
        }
        set {
            var members: [String: JSON] = [:]
            if case .object(let old) = self { members = old }
            members[name] = newValue
            self = .object(members)
        }
    }

    /// What is at the end of a path of names.
    func at(_ path: String...) -> JSON? {
        var value: JSON? = self
        for name in path { value = value?[name] }
        return value
    }

    mutating func set(_ path: String..., to value: JSON?) { set(path[...], value) }

    private mutating func set(_ path: ArraySlice<String>, _ value: JSON?) {
        guard let name = path.first else { return }
        if path.count == 1 {
            self[name] = value
            return
        }
        var inner = self[name] ?? [:]
        inner.set(path.dropFirst(), value)
        self[name] = inner
    }

    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    var integer: Int? {
        if case .number(let text) = self { return Int(text) }
        return nil
    }

    var isTrue: Bool { self == .bool(true) }

    var elements: [JSON] {
        if case .array(let elements) = self { return elements }
        return []
    }

    var members: [String: JSON] {
        if case .object(let members) = self { return members }
        return [:]
    }

    /// RFC 7386.
    func merged(with patch: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        var result = members
        for (name, change) in changes {
            result[name] = change == .null ? nil : (result[name] ?? .null).merged(with: change)
        }
        return .object(result)
    }
}

// MARK: Writing

extension JSON {
    var bytes: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .number(let text): output += text.utf8
        case .string(let text): JSON.write(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, name) in members.keys.sorted().enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSON.write(name, to: &output)
                output.append(UInt8(ascii: ":"))
                (members[name] ?? .null).write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to output: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0x0A: output += "\\n".utf8
            case 0..<0x20:
                output += "\\u00".utf8
                output += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
