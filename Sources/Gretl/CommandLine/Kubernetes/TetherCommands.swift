// Tethers on the command line: a local port that leads to a workload, in one command; what there
// are; and their end. The daemon does the work; a workload is named as a person names it.

internal import NetCore

/// A tether as GET /k8s/tethers gives it.
struct TetherAnswer: Decodable, Sendable {
    let tether_id: String
    let workload_id: String?
    let workload: String?
    let namespace: String?
    let label: String?
    let container_port: Int?
    let local_port: Int?
    let tunnel_url: String?
    let active: Bool?
    let open_connections: Int?
    let total_connections: Int?
    let failed_connections: Int?
    let bytes_to_pods: Int?
    let bytes_from_pods: Int?
    let last_error: Failure?

    struct Failure: Decodable, Sendable {
        let message: String
        let at: String?
    }

    /// `namespace/name:port`, or what is known of it.
    var target: String {
        let name = workload ?? workload_id ?? "?"
        let place = namespace.map { "\($0)/\(name)" } ?? name
        return "\(place):\(container_port.map { "\($0)" } ?? "?")"
    }
}

enum TetherCommands {
    private static let patience = Duration.seconds(60)

    // MARK: tether

    static let tether: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let given = context.invocation
        let port = try PortCommands.port(given.arguments[1])
        let client = try context.client()
        let workload = try NamedWorkload.find(given.arguments[0], client)
        let label = given.value("label")
        var id = try known(workload, port, label, client)
        if id == nil { id = try made(workload, port, label, client) }
        let body = try client.call("POST", "/k8s/tethers/\(id ?? "")/activate", within: patience)
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let answer = try client.decode(TetherAnswer.self, body)
        context.print(DisplayText.escaped(answer.tunnel_url ?? ""))
        if !context.isQuiet {
            context.say(
                DisplayText.escaped(
                    "leads to \(workload.namespace)/\(workload.name):\(port) until "
                        + "'gr k8s untether :\(answer.local_port ?? 0)'"))
        }
        return .success
    }

    /// One that leads there already keeps its port, active or not.
    private static func known(
        _ workload: NamedWorkload, _ port: Int, _ label: String?, _ client: DaemonClient
    ) throws(CommandFailure) -> String? {
        let all = try tethers(client, of: workload.id)
        return all.first {
            $0.container_port == port && (label == nil || $0.label == label)
        }?.tether_id
    }

    private static func made(
        _ workload: NamedWorkload, _ port: Int, _ label: String?, _ client: DaemonClient
    ) throws(CommandFailure) -> String {
        var json = JSONText()
        json.beginObject()
        json.field("container_port", port)
        if let label { json.field("label", label) }
        json.endObject()
        let target = "/k8s/workloads/\(DaemonClient.percentEncoded(workload.id))/tether"
        let body = try client.call("POST", target, body: json.bytes, within: patience)
        return try client.decode(TetherAnswer.self, body).tether_id
    }

    private static func tethers(
        _ client: DaemonClient, of workload: String? = nil
    ) throws(CommandFailure) -> [TetherAnswer] {
        let query = workload.map { "?workload_id=\(DaemonClient.percentEncoded($0))" } ?? ""
        return try client.decode(
            [TetherAnswer].self, try client.call("GET", "/k8s/tethers\(query)"))
    }

    // MARK: tethers

    static let list: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let body = try client.call("GET", "/k8s/tethers")
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let all = try client.decode([TetherAnswer].self, body)
        guard !context.isQuiet else {
            for tether in all { context.print(DisplayText.escaped(tether.tether_id)) }
            return .success
        }
        show(all, context)
        for tether in all where tether.active == true {
            guard let failure = tether.last_error else { continue }
            context.say(
                DisplayText.escaped("port \(tether.local_port ?? 0): \(failure.message)"))
        }
        return .success
    }

    private static func show(_ tethers: [TetherAnswer], _ context: CommandContext) {
        var table = TableOutput(columns: [
            .init(title: "PORT", isNumber: true), .init(title: "STATE"),
            .init(title: "LEADS TO"), .init(title: "LABEL", expendability: 1),
            .init(title: "OPEN", isNumber: true),
            .init(title: "FAILED", isNumber: true, expendability: 2),
            .init(title: "IN", isNumber: true, expendability: 3),
            .init(title: "OUT", isNumber: true, expendability: 3),
        ])
        for tether in tethers {
            let isActive = tether.active == true
            let failed = tether.failed_connections ?? 0
            table.add([
                .init("\(tether.local_port ?? 0)"),
                .init(isActive ? "active" : "closed", isActive ? .good : .dim),
                .init(DisplayText.escaped(tether.target)),
                .init(DisplayText.escaped(tether.label ?? "-")),
                .init("\(tether.open_connections ?? 0)"),
                .init("\(failed)", failed > 0 ? .bad : nil),
                .init(bytes(tether.bytes_from_pods)), .init(bytes(tether.bytes_to_pods)),
            ])
        }
        context.io.writeOutput(Array(table.text(context.style, within: context.io.columns).utf8))
    }

    private static func bytes(_ count: Int?) -> String {
        let count = count ?? 0
        let units: [(Int, String)] = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")]
        for (size, letter) in units where count >= size { return "\(count / size)\(letter)" }
        return "\(count)"
    }

    // MARK: untether

    static let untether: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let text = context.invocation.arguments[0]
        let tether = try meant(text, client)
        let id = DaemonClient.percentEncoded(tether.tether_id)
        let body: [UInt8]
        if context.invocation.has("rm") {
            body = try client.call("DELETE", "/k8s/tethers/\(id)?force=1", within: patience)
        } else {
            body = try client.call("POST", "/k8s/tethers/\(id)/deactivate", within: patience)
        }
        if context.isJSON {
            context.printJSON(body)
        } else {
            let what = context.invocation.has("rm") ? "removed" : "closed"
            context.say(DisplayText.escaped("the tether to \(tether.target) is \(what)"))
        }
        return .success
    }

    /// By its id, or by its local port.
    private static func meant(
        _ text: String, _ client: DaemonClient
    ) throws(CommandFailure) -> TetherAnswer {
        let all = try tethers(client)
        let digits = text.hasPrefix(":") ? String(text.dropFirst()) : text
        let byPort = all.filter { "\($0.local_port ?? 0)" == digits }
        // A port that was closed can be another tether's by now.
        let found =
            all.first { $0.tether_id == text } ?? byPort.first { $0.active == true }
            ?? byPort.first
        guard let found else {
            throw CommandFailure(
                exit: .unknownService, code: "unknown_tether",
                message: "no tether has the id or the port '\(text)'",
                hint: "see: gr k8s tethers")
        }
        return found
    }
}
