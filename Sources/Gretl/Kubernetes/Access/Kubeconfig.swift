// A kubeconfig as its parts: clusters, users, contexts by name. Reads raw YAML or JSON, or either
// of them in base64. Knows nothing of what may be used; KubeconfigEntry decides that. No error
// repeats a value that may be a credential.

/// The parts of one kubeconfig.
package struct Kubeconfig: Sendable {
    package typealias Fields = [String: JSONValue]

    private var clusters: [String: Fields]
    private var users: [String: Fields]
    private var contexts: [String: Fields]
    private var current: String?

    /// Reads a text. Takes milliseconds for a large one. What it names of its own `folder` becomes
    /// an absolute path.
    package init(_ text: [UInt8], folder: String? = nil) throws(APIError) {
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
        let place = { (fields: Fields) in folder.map { Kubeconfig.placed(fields, $0) } ?? fields }
        clusters = try Kubeconfig.entries(root, "clusters", "cluster").mapValues(place)
        users = try Kubeconfig.entries(root, "users", "user").mapValues(place)
        contexts = try Kubeconfig.entries(root, "contexts", "context")
        current = root["current-context"]?.text.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// What is missing here comes from `other`, entry by entry, as with several files in
    /// KUBECONFIG.
    func merged(with other: Kubeconfig) -> Kubeconfig {
        var merged = self
        merged.clusters.merge(other.clusters) { first, _ in first }
        merged.users.merge(other.users) { first, _ in first }
        merged.contexts.merge(other.contexts) { first, _ in first }
        merged.current = current ?? other.current
        return merged
    }

    private static func placed(_ fields: Fields, _ folder: String) -> Fields {
        func absolute(_ path: String) -> JSONValue {
            .string(path.isEmpty || path.hasPrefix("/") ? path : "\(folder)/\(path)")
        }
        var placed = fields
        for name in ["certificate-authority", "client-certificate", "client-key", "tokenFile"] {
            if let path = fields[name]?.text { placed[name] = absolute(path) }
        }
        if case .object(var exec)? = fields["exec"], let command = exec["command"]?.text,
            command.contains("/")
        {
            exec["command"] = absolute(command)
            placed["exec"] = .object(exec)
        }
        return placed
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
