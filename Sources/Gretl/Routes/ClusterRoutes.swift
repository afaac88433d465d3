// /k8s/clusters: list, register, get, remove. Each handler decodes, makes one call into the domain
// and encodes. Of how a cluster is reached nothing is ever in an answer.

package import NetCore

/// Handlers of the cluster routes.
@ReactorActor
package struct ClusterRoutes {
    let clusters: Clusters
    let background: BackgroundThread

    func list(_ exchange: Exchange) {
        var json = JSONText()
        json.beginArray()
        for cluster in clusters.all { ClusterRoutes.write(cluster, into: &json) }
        json.endArray()
        exchange.reply(Response(status: 200, body: json.bytes))
    }

    func get(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            var json = JSONText()
            ClusterRoutes.write(try clusters.get(id), into: &json)
            return Response(status: 200, body: json.bytes)
        }
    }

    func register(_ exchange: Exchange) {
        let body = exchange.body
        let isAtDoor = exchange.connectionMark == Gate.Peer.door
        exchange.reply {
            await APIError.catching { () async throws(APIError) in
                let fields = try await background.decode(body)
                let draft = try ClusterRoutes.draft(fields, isAtDoor: isAtDoor)
                let made = try await clusters.add(draft)
                var json = JSONText()
                json.beginObject()
                ClusterRoutes.writeMembers(made.cluster, into: &json)
                if let missing = made.missingRights {
                    json.field("missing_rights", missing)
                } else {
                    json.nullField("missing_rights")
                }
                if let plugin = made.plugin { json.field("plugin", plugin) }
                json.endObject()
                return Response(status: 201, body: json.bytes)
            }
        }
    }

    func remove(_ exchange: Exchange) {
        answer(exchange) { id throws(APIError) in
            try await clusters.remove(id)
            return Response(status: 200, body: Array(#"{"ok":true}"#.utf8))
        }
    }

    // MARK: Bodies

    /// What a body asks for; `isAtDoor`: it came to the socket in the home folder.
    static func draft(
        _ fields: [String: JSONValue], isAtDoor: Bool
    ) throws(APIError) -> Clusters.Draft {
        guard let name = try text(fields, "name") else {
            throw .invalid(
                "the field 'name' is missing", hint: "such as {\"name\": \"prod-eks\", …}")
        }
        var isInCluster = false
        switch fields["in_cluster"] {
        case nil, .null, .bool(false): break
        case .bool(true): isInCluster = true
        case .some(let other): throw ServicePatch.wrong("in_cluster", other, "a boolean")
        }
        let kubeconfig = try kubeconfig(fields["kubeconfig"])
        let context = try text(fields, "context")
        let source: ClusterSource
        switch (isInCluster, kubeconfig) {
        case (false, nil) where fields["kubeconfig_paths"] != nil:
            source = .reference(
                try reference(fields, context: context ?? "", isAtDoor: isAtDoor))
        case (true, nil): source = .inCluster
        case (false, let text?): source = .kubeconfig(text, context: context)
        case (true, _):
            throw .invalid(
                "'in_cluster' and 'kubeconfig' exclude each other", hint: "send one of them")
        case (false, nil):
            throw .invalid(
                "neither 'kubeconfig' nor 'in_cluster' is there",
                hint: "send the text of a kubeconfig, raw or in base64, or \"in_cluster\": true "
                    + "where the daemon runs as a pod")
        }
        var provider = try text(fields, "provider")
        if let given = provider {
            guard given.utf8.count <= 64, !given.unicodeScalars.contains(where: \.actsOnDisplay)
            else {
                throw .invalid("the field 'provider' is too long", hint: "such as \"eks\"")
            }
            if given.isEmpty { provider = nil }
        }
        return Clusters.Draft(name: name, provider: provider, source: source)
    }

    /// Such a file names programs to run: who sends it must be the owner, at the one place where
    /// neither a page nor a forwarded port gets to.
    private static func reference(
        _ fields: [String: JSONValue], context: String, isAtDoor: Bool
    ) throws(APIError) -> KubeconfigReference {
        guard isAtDoor else {
            throw APIError(
                .invalidKubeconfig,
                "'kubeconfig_paths' is only taken at the socket in the daemon's home folder",
                hint: "run 'gr k8s clusters add --context NAME' where the daemon runs, without "
                    + "--address")
        }
        guard !context.isEmpty else {
            throw .invalid("the field 'context' is missing", hint: "name one of its contexts")
        }
        return try KubeconfigReference(
            paths: fields["kubeconfig_paths"], context: context,
            environment: fields["environment"])
    }

    /// A text, or an object: a kubeconfig in JSON may be put there as it is.
    private static func kubeconfig(_ value: JSONValue?) throws(APIError) -> [UInt8]? {
        switch value {
        case nil, .null, .string(""): return nil
        case .string(let text): return Array(text.utf8)
        case .object(let members): return JSONText.bytes(of: .object(members))
        case .some(let other):
            throw ServicePatch.wrong("kubeconfig", other, "the text of a kubeconfig")
        }
    }

    private static func text(
        _ fields: [String: JSONValue], _ name: String
    ) throws(APIError) -> String? {
        switch fields[name] {
        case nil, .null: return nil
        case .string(let text): return text
        case .some(let other): throw ServicePatch.wrong(name, other, "a text")
        }
    }

    // MARK: Answers

    private static func write(_ cluster: Cluster, into json: inout JSONText) {
        json.beginObject()
        writeMembers(cluster, into: &json)
        json.endObject()
    }

    private static func writeMembers(_ cluster: Cluster, into json: inout JSONText) {
        json.field("id", cluster.id)
        json.field("name", cluster.name)
        json.field("provider", cluster.provider)
        json.field("in_cluster", cluster.isInCluster)
        json.field("created_at", Timestamp.utcText(milliseconds: cluster.createdAt))
    }

    /// Answers a request about the cluster its path names.
    private func answer(
        _ exchange: Exchange,
        _ operation: @escaping @Sendable @ReactorActor (String) async throws(APIError) -> Response
    ) {
        let id = exchange.parameter(0) ?? ""
        exchange.reply {
            await APIError.catching { () async throws(APIError) in try await operation(id) }
        }
    }
}

extension JSONText {
    /// A value as JSON.
    static func bytes(of value: JSONValue) -> [UInt8] {
        var json = JSONText()
        json.write(value)
        return json.bytes
    }

    private mutating func write(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .integer(let number): integer(number)
        case .number(let number): double(number)
        case .string(let text): string(text)
        case .array(let items):
            beginArray()
            for item in items { write(item) }
            endArray()
        case .object(let members):
            beginObject()
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                key(text: name)
                write(member)
            }
            endObject()
        }
    }
}
