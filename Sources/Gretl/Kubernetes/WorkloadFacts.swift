// A workload as the API and events show it. A value: an event is kept longer than the workload.

import NetCore

/// What is shown of a workload.
package struct WorkloadFacts: Equatable, Sendable {
    package var id: String
    package var clusterID: String
    package var namespace: String
    package var name: String
    package var kind: String
    package var replicas: Int
    package var readyReplicas: Int
    package var desiredReplicas: Int

    package init(
        id: String, clusterID: String, namespace: String, name: String, kind: String,
        replicas: Int, readyReplicas: Int, desiredReplicas: Int
    ) {
        self.id = id
        self.clusterID = clusterID
        self.namespace = namespace
        self.name = name
        self.kind = kind
        self.replicas = replicas
        self.readyReplicas = readyReplicas
        self.desiredReplicas = desiredReplicas
    }

    /// Writes the members that a list and events share.
    func write(into json: inout JSONText) {
        json.field("id", id)
        json.field("cluster_id", clusterID)
        json.field("name", name)
        json.field("namespace", namespace)
        json.field("kind", kind)
        json.field("replicas", replicas)
        json.field("ready_replicas", readyReplicas)
        json.field("desired_replicas", desiredReplicas)
    }
}

extension Workload {
    package var facts: WorkloadFacts {
        WorkloadFacts(
            id: id, clusterID: cluster.id, namespace: namespace, name: name, kind: kind.rawValue,
            replicas: Int(replicas), readyReplicas: Int(readyReplicas),
            desiredReplicas: desiredReplicas)
    }

    /// The object of the API.
    func write(into json: inout JSONText) {
        json.beginObject()
        facts.write(into: &json)
        json.field("auto_sleep_enabled", settings.isEnabled)
        json.field("idle_timeout_minutes", settings.idleMinutes)
        json.field("last_activity_at", lastActivity.map(Timestamp.utcText))
        if let managedBy { json.field("managed_by", managedBy) }
        json.endObject()
    }
}
