// What we are allowed to do in a cluster, asked when it is registered: a right that is missing is
// named then, and not met as a 403 when somebody wants to put something to sleep. Used by Clusters.

import NetCore

/// The rights that are needed, verb by verb; docs/operations.md has the same list.
package enum ClusterRights {
    /// A verb on a resource. Of leases those in our own namespace are meant.
    struct Right: Sendable {
        var verb: String
        var group = ""
        var resource: String
        var subresource = ""
        var isOwnNamespace = false

        /// As people say it: `patch deployments.apps`, `create pods/portforward`.
        var text: String {
            let tail = subresource.isEmpty ? "" : "/\(subresource)"
            return "\(verb) \(resource)\(tail)\(group.isEmpty ? "" : ".\(group)")"
        }
    }

    static let wanted: [Right] =
        ["deployments", "statefulsets"].flatMap { resource in
            ["get", "list", "watch", "patch"].map {
                Right(verb: $0, group: "apps", resource: resource)
            }
        }
        + ["get", "list", "watch"].map { Right(verb: $0, resource: "pods") }
        + ["get", "create"].map {
            Right(verb: $0, resource: "pods", subresource: "portforward")
        }
        + ["get", "create", "update"].map {
            Right(
                verb: $0, group: "coordination.k8s.io", resource: "leases", isOwnNamespace: true)
        }

    /// The texts of the rights that are missing; nil when the API server does not tell.
    @ReactorActor
    static func missing(
        _ client: KubernetesClient, namespace: String, isLate: () -> Bool
    ) async throws(ClusterFailure) -> [String]? {
        var missing: [String] = []
        for right in wanted {
            guard !isLate() else { throw .unreachable("it answers too slowly") }
            let answer: JSONValue
            do throws(ClusterFailure) {
                answer = try await client.write(
                    "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                    question(right, namespace))
            } catch {
                guard error.isForbidden || error.isNotFound else { throw error }
                return nil
            }
            if answer["status", "allowed"] != .bool(true) { missing.append(right.text) }
        }
        return missing
    }

    private static func question(_ right: Right, _ namespace: String) -> JSONText {
        var json = JSONText()
        json.beginObject()
        json.field("apiVersion", "authorization.k8s.io/v1")
        json.field("kind", "SelfSubjectAccessReview")
        json.key("spec")
        json.beginObject()
        json.key("resourceAttributes")
        json.beginObject()
        if right.isOwnNamespace { json.field("namespace", namespace) }
        json.field("verb", right.verb)
        json.field("group", right.group)
        json.field("resource", right.resource)
        if !right.subresource.isEmpty { json.field("subresource", right.subresource) }
        json.endObject()
        json.endObject()
        json.endObject()
        return json
    }
}
