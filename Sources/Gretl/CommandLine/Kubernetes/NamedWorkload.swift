// A workload as a person names it on the command line, found among those the daemon knows. Shared
// by all commands about workloads and tethers.

internal import NetCore

/// A workload as GET /k8s/workloads gives it.
struct NamedWorkload: Decodable, Sendable {
    let id: String
    let cluster_id: String?
    let name: String
    let namespace: String
    let kind: String?
    let replicas: Int?
    let ready_replicas: Int?
    let desired_replicas: Int?
    let auto_sleep_enabled: Bool?
    let idle_timeout_minutes: Int?
    let last_activity_at: String?
    let managed_by: String?

    var title: String { "\(namespace)/\(name)" }
    var isAsleep: Bool { replicas == 0 }
    var target: String { "/k8s/workloads/\(DaemonClient.percentEncoded(id))" }

    private static let patience = Duration.seconds(60)

    /// Those of a query, such as `?asleep=1`.
    static func all(
        _ client: DaemonClient, _ query: String = ""
    ) throws(CommandFailure) -> [NamedWorkload] {
        try client.decode(
            [NamedWorkload].self,
            try client.call("GET", "/k8s/workloads\(query)", within: patience))
    }

    /// The one that a person means: by id, `name` or `namespace/name`.
    static func find(
        _ text: String, _ client: DaemonClient
    ) throws(CommandFailure) -> NamedWorkload {
        let all = try all(client)
        let found = all.filter { $0.id == text || $0.name == text || $0.title == text }
        guard let first = found.first else {
            let close = Suggestion.hint(for: text, among: all.map(\.name))
            throw CommandFailure(
                exit: .unknownService, code: "unknown_workload",
                message: "no workload is named '\(text)'",
                hint: close ?? "see: gr k8s workloads; look again with: gr k8s sync")
        }
        guard found.count == 1 else {
            let names = found.prefix(4).map { "\($0.title) (\($0.id))" }
            throw CommandFailure(
                exit: .conflict, code: "ambiguous",
                message: "\(found.count) workloads are named '\(text)'",
                hint: "say which: \(names.joined(separator: ", "))")
        }
        return first
    }
}
