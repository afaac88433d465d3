// A kubeconfig as its parts: clusters, users, contexts by name. Reads raw YAML or JSON, or either
// of them in base64. Knows nothing of what may be used; KubeconfigEntry decides that. No error
// repeats a value that may be a credential.

/// The parts of one kubeconfig.
package struct Kubeconfig: Sendable {
    package typealias Fields = [String: JSONValue]

    private let clusters: [String: Fields]
    private let users: [String: Fields]
    private let contexts: [String: Fields]
    private let current: String?

    /// Reads a text. Takes milliseconds for a large one.
    package init(_ text: [UInt8]) throws(APIError) {
        let document: JSONValue
        do throws(YAMLFailure) {
            document = try YAMLText.parse(Kubeconfig.plain(text))
        } catch {
            let place = error.line > 0 ? " in line \(error.line)" : ""
            throw .kubeconfig("it cannot be read\(place): \(error.message)")
        }
        guard case .object(let root) = document else {
            throw .kubeconfig("it is \(document.kind), not an object with clusters and users")
        }
        if let kind = root["kind"]?.text, kind != "Config" {
            throw .kubeconfig("its kind is not Config")
        }
        clusters = try Kubeconfig.entries(root, "clusters", "cluster")
        users = try Kubeconfig.entries(root, "users", "user")
        contexts = try Kubeconfig.entries(root, "contexts", "context")
        current = root["current-context"]?.text.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// YAML has a colon, base64 has none.
    private static func plain(_ text: [UInt8]) -> [UInt8] {
        guard text.count <= KubernetesLimits.kubeconfigBytes * 3 / 2,
            !text.contains(UInt8(ascii: ":")),
            let decoded = Base64.decode(text)
        else { return text }
        return decoded
    }

    private static func entries(
        _ root: Fields, _ list: String, _ member: String
    ) throws(APIError) -> [String: Fields] {
        let items: [JSONValue]
        switch root[list] {
        case nil, .null: return [:]
        case .array(let found): items = found
        default: throw .kubeconfig("its '\(list)' is no list")
        }
        let most = KubernetesLimits.kubeconfigEntries
        guard items.count <= most else {
            throw .kubeconfig("its '\(list)' has more than \(most) entries")
        }
        var entries: [String: Fields] = [:]
        for item in items {
            guard let name = item["name"]?.text, !name.isEmpty else {
                throw .kubeconfig("an entry of its '\(list)' has no name")
            }
            guard entries.updateValue(item[member]?.members ?? [:], forKey: name) == nil else {
                throw .kubeconfig("its '\(list)' has two entries of one name")
            }
        }
        return entries
    }

    /// The names of its contexts, for messages.
    private var contextNames: String {
        let names = contexts.keys.sorted().prefix(20).map { ClusterFailure.clean($0, most: 80) }
        return names.joined(separator: ", ") + (contexts.count > 20 ? ", …" : "")
    }

    /// A context with what it points to: the one of that name, else the current one, else the only
    /// one.
    package func entry(context wanted: String?) throws(APIError) -> KubeconfigEntry {
        guard !contexts.isEmpty else { throw .kubeconfig("it has no contexts") }
        guard let name = wanted ?? current ?? (contexts.count == 1 ? contexts.keys.first : nil)
        else {
            throw .kubeconfig(
                "it has several contexts and no current one",
                hint: "name one in 'context'; it has: \(contextNames)")
        }
        guard let context = contexts[name] else {
            throw .kubeconfig(
                "it has no context '\(ClusterFailure.clean(name, most: 80))'",
                hint: "it has: \(contextNames)")
        }
        guard let clusterName = context["cluster"]?.text, let cluster = clusters[clusterName]
        else { throw .kubeconfig("the context names a cluster that is not there") }
        var user: Fields = [:]
        if let userName = context["user"]?.text, !userName.isEmpty {
            guard let found = users[userName] else {
                throw .kubeconfig("the context names a user that is not there")
            }
            user = found
        }
        return KubeconfigEntry(
            context: name, cluster: cluster, user: user,
            namespace: context["namespace"]?.text.flatMap { $0.isEmpty ? nil : $0 })
    }
}

extension APIError {
    /// A kubeconfig that cannot be used.
    static func kubeconfig(_ reason: String, hint: String? = nil) -> APIError {
        APIError(
            .invalidKubeconfig, "the kubeconfig cannot be used: \(reason)",
            hint: hint ?? "send what 'kubectl config view --raw --flatten --minify' prints")
    }
}
