// The body of POST /v1/services: a merge patch (RFC 7396) on the service of that name. Absent
// fields keep, null clears, unknown ones are ignored and named in `warnings`. Everything that can
// be wrong with a spec is found here, before anything is changed.

/// A registration as it was sent, checked field by field.
package struct ServicePatch: Sendable {
    /// What one field says.
    enum Field<Value: Sendable>: Sendable {
        case absent
        case null
        case value(Value)
    }

    package let name: String
    var port = Field<Int>.absent
    var command = Field<String>.absent
    var directory = Field<String>.absent
    var group = Field<String>.absent
    var ready = Field<String>.absent
    /// Merged variable by variable: RFC 7396 goes down into objects, and null takes one away.
    var environment = Field<[String: String?]>.absent
    var dependsOn = Field<[String]>.absent
    var restartWith = Field<[String]>.absent
    var restart = Field<RestartPolicy>.absent
    var start = Field<StartMode>.absent
    var listen = Field<Bool>.absent
    var autostart = Field<Bool>.absent
    var tty = Field<Bool>.absent
    var stopSignal = Field<String>.absent
    var logFile = Field<String>.absent
    var root = Field<String>.absent
    /// Notes for the answer: unknown fields.
    package var warnings: [String] = []

    /// The longest command, and the most bytes of all variables together: what fits into one
    /// message to a monitor with room to spare.
    static let commandMost = 32 * 1_024
    static let environmentMost = 96 * 1_024
    static let nameMost = 128

    private static let known: Set<String> = [
        "name", "port", "cmd", "cwd", "group", "ready", "env", "dependsOn", "restartWith",
        "restart", "start", "listen", "autostart", "tty", "stopSignal", "logFile", "root",
    ]

    /// Throws `invalid_spec` naming the field, what it is and what it has to be.
    package init(_ fields: [String: JSONValue]) throws(APIError) {
        name = try ServicePatch.name(fields["name"])
        port = try ServicePatch.port(fields["port"])
        command = try ServicePatch.text("cmd", fields["cmd"], most: ServicePatch.commandMost)
        directory = try ServicePatch.folder("cwd", fields["cwd"])
        root = try ServicePatch.folder("root", fields["root"])
        group = try ServicePatch.group(fields["group"])
        ready = try ServicePatch.ready(fields["ready"])
        environment = try ServicePatch.environment(fields["env"])
        dependsOn = try ServicePatch.names("dependsOn", fields["dependsOn"], of: name)
        restartWith = try ServicePatch.names("restartWith", fields["restartWith"], of: name)
        restart = try ServicePatch.restart(fields["restart"])
        start = try ServicePatch.start(fields["start"])
        listen = try ServicePatch.flag("listen", fields["listen"])
        autostart = try ServicePatch.flag("autostart", fields["autostart"])
        tty = try ServicePatch.flag("tty", fields["tty"])
        stopSignal = try ServicePatch.stopSignal(fields["stopSignal"])
        logFile = try ServicePatch.logFile(fields["logFile"])
        for key in fields.keys.sorted().prefix(16) where !ServicePatch.known.contains(key) {
            warnings.append("unknown field '\(key.prefix(64))' was ignored")
        }
    }

    /// The spec after this patch. `old` is nil for a new service, which has to name its port.
    package func applied(
        to old: ServiceSpec?, daemonPorts: Set<Int>
    ) throws(APIError) -> ServiceSpec {
        var spec = old ?? ServiceSpec(name: name)
        if case .absent = port, old == nil {
            throw .invalid(
                "the field 'port' is missing",
                hint: "give the port the service listens on, or null for a worker without one")
        }
        spec.port = port.merged(into: spec.port)
        spec.command = command.merged(into: spec.command)
        spec.directory = directory.merged(into: spec.directory)
        spec.group = group.merged(into: spec.group)
        spec.ready = ready.merged(into: spec.ready)
        spec.environment = try merged(into: spec.environment)
        spec.dependsOn = dependsOn.merged(into: spec.dependsOn) ?? []
        spec.restartWith = try restarts(with: spec)
        spec.restart = restart.merged(into: spec.restart) ?? .onFailure
        spec.startMode = start.merged(into: spec.startMode) ?? .manual
        spec.listen = listen.merged(into: spec.listen) ?? false
        spec.autostart = autostart.merged(into: spec.autostart) ?? false
        spec.tty = tty.merged(into: spec.tty) ?? false
        spec.stopSignal = stopSignal.merged(into: spec.stopSignal)
        spec.logFile = logFile.merged(into: spec.logFile)
        spec.root = root.merged(into: spec.root)
        try ServicePatch.checkListening(spec)
        if let port = spec.port, daemonPorts.contains(port) {
            throw .invalid(
                "port \(port) is the daemon's own", hint: "choose another port for '\(name)'")
        }
        return spec
    }

    /// What was dropped from 'dependsOn' is dropped here too, unless it is named again.
    private func restarts(with spec: ServiceSpec) throws(APIError) -> [String] {
        guard case .value(let names) = restartWith else {
            let old = restartWith.merged(into: spec.restartWith) ?? []
            return old.filter(spec.dependsOn.contains)
        }
        if let odd = names.first(where: { !spec.dependsOn.contains($0) }) {
            throw .invalid(
                "'restartWith' names '\(odd)', which is not in 'dependsOn'",
                hint: "it is for services that '\(name)' depends on")
        }
        return names
    }

    private func merged(into old: [String: String]) throws(APIError) -> [String: String] {
        switch environment {
        case .absent: return old
        case .null: return [:]
        case .value(let changes):
            var variables = old
            for (key, value) in changes { variables[key] = value }
            try ServicePatch.checkSize(of: variables)
            return variables
        }
    }

    private static func checkSize(of variables: [String: String]) throws(APIError) {
        let bytes = variables.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 2 }
        guard bytes <= environmentMost, variables.count <= 1_024 else {
            throw .invalid(
                "the field 'env' has more than \(environmentMost) bytes or 1024 variables",
                hint: "keep large values in a file")
        }
    }

    // MARK: Fields

    static func wrong(_ field: String, _ value: JSONValue, _ wanted: String) -> APIError {
        .invalid("the field '\(field)' is \(value.kind), not \(wanted)", hint: "see docs/api.md")
    }

    private static func name(_ value: JSONValue?) throws(APIError) -> String {
        guard let value else {
            throw .invalid("the field 'name' is missing", hint: "name the service")
        }
        guard case .string(let name) = value else { throw wrong("name", value, "a string") }
        try check(name: name)
        return name
    }

    /// 1 to 128 bytes, no control characters, no `@`, `:` or `-` in front, not only digits.
    package static func check(name: String) throws(APIError) {
        let hint = "use lower-case letters, digits, '-' and '_', such as 'jobs-server'"
        guard !name.isEmpty, name.utf8.count <= nameMost else {
            throw .invalid("a name has 1 to \(nameMost) bytes", hint: hint)
        }
        guard !name.actsOnDisplay else {
            throw .invalid(
                "the name contains control characters, or marks that turn its direction",
                hint: hint)
        }
        // By bytes: with a combining mark behind it, "@" would be another character.
        let first = name.utf8.first
        guard first != UInt8(ascii: "@"), first != UInt8(ascii: ":"), name != ".", name != ".."
        else {
            throw .invalid("'\(name)' cannot be a service's name", hint: hint)
        }
        guard first != UInt8(ascii: "-") else {
            throw .invalid(
                "'\(name)' begins with '-': commands would take it for an option", hint: hint)
        }
        guard name.utf8.contains(where: { !(0x30...0x39).contains($0) }) else {
            throw .invalid("'\(name)' is a number, which would mean a port", hint: hint)
        }
    }

    private static func port(_ value: JSONValue?) throws(APIError) -> Field<Int> {
        guard let value else { return .absent }
        switch value {
        case .null: return .null
        case .integer(let port) where (1...65_535).contains(port): return .value(Int(port))
        case .integer, .number:
            throw .invalid(
                "the field 'port' is out of range", hint: "a port is a number from 1 to 65535")
        default: throw wrong("port", value, "a number from 1 to 65535")
        }
    }

    /// What may be done about a text that is refused; gr.toml has other words for it.
    static let clearingHint = "leave it out to keep it as it is; null in a request clears it"

    static func text(
        _ field: String, _ value: JSONValue?, most: Int
    ) throws(APIError) -> Field<String> {
        guard let value else { return .absent }
        switch value {
        case .null: return .null
        case .string(let text):
            guard !text.isEmpty, text.utf8.count <= most, !text.utf8.contains(0) else {
                throw .invalid(
                    "the field '\(field)' has to have 1 to \(most) bytes and no NUL",
                    hint: clearingHint)
            }
            return .value(text)
        default: throw wrong(field, value, "a string")
        }
    }

    private static func folder(
        _ name: String, _ value: JSONValue?
    ) throws(APIError) -> Field<String> {
        let field = try text(name, value, most: 4_095)
        if case .value(let path) = field, path.utf8.first != UInt8(ascii: "/") {
            throw .invalid(
                "the field '\(name)' is not an absolute path",
                hint: "give a path that starts with /")
        }
        return field
    }

    private static func group(_ value: JSONValue?) throws(APIError) -> Field<String> {
        let field = try text("group", value, most: nameMost)
        if case .value(let group) = field {
            let hint = "such as \"@jobs\""
            guard !group.actsOnDisplay else {
                throw .invalid(
                    "the field 'group' contains control characters, or marks that turn its "
                        + "direction", hint: hint)
            }
            guard group.utf8.first == UInt8(ascii: "@") else {
                throw .invalid("the field 'group' has to start with @", hint: hint)
            }
            guard group.utf8.count > 1 else {
                throw .invalid("the field 'group' has no name behind the @", hint: hint)
            }
        }
        return field
    }

    private static func ready(_ value: JSONValue?) throws(APIError) -> Field<String> {
        let field = try text("ready", value, most: 2_048)
        if case .value(let url) = field, case .failure(let why) = ReadyURL.parse(url) {
            throw .invalid("the field 'ready' \(why.words)", hint: why.hint)
        }
        return field
    }

    private static func environment(
        _ value: JSONValue?
    ) throws(APIError) -> Field<[String: String?]> {
        guard let value else { return .absent }
        if value == .null { return .null }
        guard case .object(let items) = value else { throw wrong("env", value, "an object") }
        var variables: [String: String?] = [:]
        for (key, item) in items {
            let text: String?
            switch item {
            case .string(let given): text = given
            case .null: text = nil
            default: throw wrong("env.\(key.prefix(64))", item, "a string")
            }
            guard !key.isEmpty,
                !key.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x3D }),
                text?.utf8.contains(0) != true
            else {
                throw .invalid(
                    "'\(key.prefix(64))' cannot be a variable's name, or its value has a NUL",
                    hint: "a name is not empty and has neither '=' nor control characters")
            }
            variables.updateValue(text, forKey: key)
        }
        return .value(variables)
    }

    private static func names(
        _ field: String, _ value: JSONValue?, of name: String
    ) throws(APIError) -> Field<[String]> {
        guard let value else { return .absent }
        if value == .null { return .null }
        guard case .array(let items) = value else {
            throw wrong(field, value, "an array of at most 256 names")
        }
        guard items.count <= 256 else {
            throw .invalid(
                "the field '\(field)' has \(items.count) names, and 256 is the most",
                hint: "depend on one that depends on the others")
        }
        var names: [String] = []
        for item in items {
            guard case .string(let other) = item else {
                throw wrong(field, item, "a service's name")
            }
            try check(name: other)
            guard other != name else {
                throw .invalid(
                    "'\(name)' depends on itself", hint: "remove it from '\(field)'")
            }
            if !names.contains(other) { names.append(other) }
        }
        return .value(names)
    }
}

extension ServicePatch.Field {
    /// Absent keeps, null clears, a value replaces.
    func merged(into old: Value?) -> Value? {
        switch self {
        case .absent: old
        case .null: nil
        case .value(let value): value
        }
    }
}
