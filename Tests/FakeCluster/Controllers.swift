// The controllers of the fake cluster: pods follow the replicas of a workload, become ready after a
// while, and the workload's status follows its pods. Workloads that were seeded by the thousand
// have no pods: their status alone follows.

import NetCore

/// What makes the world follow the objects.
@ReactorActor
final class Controllers {
    private let store: ObjectStore
    private let faults: Faults
    private let reactor: Reactor
    private var pending: Set<String> = []
    private var podNumber = 0

    /// Marks a workload that gets no pods.
    nonisolated static let podless = "fake/podless"

    init(_ store: ObjectStore, _ faults: Faults, on reactor: Reactor) {
        self.store = store
        self.faults = faults
        self.reactor = reactor
    }

    func changed(_ change: StoredChange) {
        guard let kind = ObjectKind.named(change.resource) else { return }
        if kind.hasScale {
            // The status of most is as it should be.
            if change.type == "DELETED" {
                return removePods(kind, change.namespace, change.name, keeping: 0)
            }
            schedule(kind, change.namespace, change.name, after: faults.podDelay)
        } else if kind.resource == "pods", let owner = change.object.json.workload {
            schedule(owner.kind, change.namespace, owner.name, after: .milliseconds(1))
        }
    }

    private func schedule(
        _ kind: ObjectKind, _ namespace: String, _ name: String, after delay: Duration
    ) {
        let key = "\(kind.resource)/\(namespace)/\(name)"
        guard pending.insert(key).inserted else { return }
        spawn { [self] in
            await reactor.pause(delay)
            pending.remove(key)
            reconcile(kind, namespace, name)
        }
    }

    private func reconcile(_ kind: ObjectKind, _ namespace: String, _ name: String) {
        guard let json = store.find(kind, namespace, name)?.json else { return }
        let wanted = json.replicas
        var ready = faults.neverReady ? 0 : wanted
        if json.at("metadata", "annotations", Controllers.podless) == nil {
            let pods = self.pods(namespace, kind, name)
            removePods(kind, namespace, name, keeping: wanted)
            for index in 0..<max(0, wanted - pods.count) {
                makePod(kind, json, ordinal: pods.count + index)
            }
            ready = self.pods(namespace, kind, name).count { $0.isReady }
        }
        setStatus(kind, namespace, name, wanted, ready)
    }

    private func setStatus(
        _ kind: ObjectKind, _ namespace: String, _ name: String, _ wanted: Int, _ ready: Int
    ) {
        guard var json = store.find(kind, namespace, name)?.json else { return }
        var status: JSON = [
            "observedGeneration": json.at("metadata", "generation") ?? 1
        ]
        // An API server leaves out what is 0.
        if wanted > 0 {
            status["replicas"] = JSON(wanted)
            status["updatedReplicas"] = JSON(wanted)
        }
        if ready > 0 {
            status["readyReplicas"] = JSON(ready)
            status["availableReplicas"] = JSON(ready)
        }
        guard json["status"] != status else { return }
        json["status"] = status
        store.put(kind, json)
    }

    // MARK: Pods

    private func pods(_ namespace: String, _ kind: ObjectKind, _ name: String) -> [JSON] {
        guard let podKind = ObjectKind.named("pods") else { return [] }
        return store.list(podKind, namespace).map(\.json).filter {
            $0.workload?.name == name && $0.workload?.kind.resource == kind.resource
        }
    }

    private func removePods(
        _ kind: ObjectKind, _ namespace: String, _ name: String, keeping: Int
    ) {
        guard let podKind = ObjectKind.named("pods") else { return }
        for pod in pods(namespace, kind, name).dropFirst(keeping) {
            store.remove(podKind, namespace, pod.name)
        }
    }

    private func makePod(_ kind: ObjectKind, _ owner: JSON, ordinal: Int) {
        guard let podKind = ObjectKind.named("pods") else { return }
        podNumber += 1
        let isStateful = kind.resource == "statefulsets"
        let set = isStateful ? owner.name : "\(owner.name)-5eed"
        let name =
            isStateful ? "\(owner.name)-\(ordinal)" : "\(set)-\(String(podNumber, radix: 36))"
        let reference: JSON = [
            "apiVersion": "apps/v1", "kind": isStateful ? "StatefulSet" : "ReplicaSet",
            "name": JSON(set), "uid": owner.at("metadata", "uid") ?? "", "controller": true,
        ]
        let labels =
            owner.at("spec", "template", "metadata", "labels")
            ?? owner.at("spec", "selector", "matchLabels") ?? [:]
        let pod: JSON = [
            "metadata": [
                "name": JSON(name), "namespace": JSON(owner.namespace),
                "uid": JSON(store.makeUID()), "labels": labels, "ownerReferences": [reference],
            ],
            "spec": [
                "nodeName": "node-1",
                "containers": owner.at("spec", "template", "spec", "containers") ?? [],
            ],
            "status": ["phase": "Pending", "conditions": [["type": "Ready", "status": "False"]]],
        ]
        store.put(podKind, pod)
        guard !faults.neverReady else { return }
        spawn { [self] in
            await reactor.pause(faults.readyDelay)
            guard var pod = store.find(podKind, owner.namespace, name)?.json else { return }
            pod["status"] = [
                "phase": "Running", "podIP": JSON(faults.podAddress), "hostIP": "192.0.2.254",
                "conditions": [["type": "Ready", "status": "True"]],
            ]
            store.put(podKind, pod)
        }
    }
}

extension JSON {
    var isReady: Bool {
        (at("status", "conditions")?.elements ?? []).contains {
            $0["type"]?.text == "Ready" && $0["status"]?.text == "True"
        }
    }

    /// Whose pod it is: a Deployment's pods belong to its set, which is named after it.
    fileprivate var workload: (kind: ObjectKind, name: String)? {
        guard let owner = at("metadata", "ownerReferences")?.elements.first,
            let name = owner["name"]?.text
        else { return nil }
        let isStateful = owner["kind"]?.text == "StatefulSet"
        guard let kind = ObjectKind.named(isStateful ? "statefulsets" : "deployments") else {
            return nil
        }
        return (kind, isStateful ? name : String(name.dropLast(5)))
    }
}
