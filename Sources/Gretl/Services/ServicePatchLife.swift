// The fields of a registration that say how its program lives: when it is started, by whom the
// port is opened, how it is stopped, where its output goes. Read by ServicePatch.

extension ServicePatch {
    static func restart(_ value: JSONValue?) throws(APIError) -> Field<RestartPolicy> {
        guard let value else { return .absent }
        if value == .null { return .null }
        guard case .string(let text) = value, let policy = RestartPolicy(rawValue: text) else {
            throw .invalid(
                "the field 'restart' is none of never, on-failure, always",
                hint: "the default is on-failure")
        }
        return .value(policy)
    }

    /// `manual` or `on-demand`.
    static func start(_ value: JSONValue?) throws(APIError) -> Field<StartMode> {
        guard let value else { return .absent }
        if value == .null { return .null }
        guard case .string(let text) = value, let mode = StartMode(rawValue: text) else {
            throw .invalid(
                "the field 'start' is none of manual, on-demand", hint: "the default is manual")
        }
        return .value(mode)
    }

    /// `true` or `false`.
    static func flag(_ field: String, _ value: JSONValue?) throws(APIError) -> Field<Bool> {
        guard let value else { return .absent }
        switch value {
        case .null: return .null
        case .bool(let flag): return .value(flag)
        default: throw wrong(field, value, "true or false")
        }
    }

    /// A signal a program can act on.
    static func stopSignal(_ value: JSONValue?) throws(APIError) -> Field<String> {
        guard let value else { return .absent }
        if value == .null { return .null }
        guard case .string(let name) = value, SignalName.stopping.contains(name) else {
            throw .invalid(
                "the field 'stopSignal' is none of "
                    + SignalName.stopping.joined(separator: ", "),
                hint: "the default is SIGTERM; SIGKILL always follows after the grace")
        }
        return .value(name)
    }

    /// An absolute path without ways back; where it may lead is checked with the whole spec.
    static func logFile(_ value: JSONValue?) throws(APIError) -> Field<String> {
        let field = try text("logFile", value, most: 3_500)
        guard case .value(let path) = field else { return field }
        let parts = path.utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = parts.dropFirst().allSatisfy { part in
            !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
        guard path.utf8.first == UInt8(ascii: "/"), isPlain else {
            throw .invalid(
                "the field 'logFile' is not an absolute path of a file, without '.' and '..'",
                hint: "give a path below 'cwd', such as /home/me/web/log/web.log")
        }
        return field
    }

    /// Whether a monitor could listen for a service of this spec.
    static func checkListening(_ spec: ServiceSpec) throws(APIError) {
        guard spec.listen || spec.startMode == .onDemand else { return }
        let field = spec.startMode == .onDemand ? "'start': \"on-demand\"" : "'listen'"
        guard spec.port != nil else {
            throw .invalid(
                "\(field) needs a port: there is nothing to listen on",
                hint: "give the field 'port'")
        }
        guard spec.command != nil else {
            throw .invalid(
                "\(field) needs a command: somebody else runs this service and opens its port",
                hint: "give the field 'cmd'")
        }
        guard spec.ready != nil else {
            throw .invalid(
                "\(field) needs a ready check by HTTP: a mere connection proves nothing while the "
                    + "socket is held open for the program",
                hint: "give the field 'ready', such as http://localhost:\(spec.port ?? 80)/health")
        }
    }
}
