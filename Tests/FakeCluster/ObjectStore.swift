// The objects of the fake cluster, one rising version for all of them, and the changes that watches
// read. An object never changes: a newer one takes its place, so a page of a list can wait.

/// An object as it was at one version.
final class StoredObject {
    let version: Int
    /// Without kind and apiVersion, as in lists.
    let bytes: [UInt8]
    private var parsed: JSON?

    init(_ json: JSON, version: Int) {
        parsed = json
        bytes = json.bytes
        self.version = version
    }

    /// For thousands of them: read when somebody looks inside.
    init(bytes: [UInt8], version: Int) {
        self.bytes = bytes
        self.version = version
    }

    var json: JSON {
        if let parsed { return parsed }
        let read = JSON(bytes) ?? [:]
        parsed = read
        return read
    }

    /// As it is answered alone.
    func whole(_ kind: ObjectKind) -> [UInt8] {
        var output = Array("{\"kind\":\"\(kind.kind)\",\"apiVersion\":\"\(kind.apiVersion)\"".utf8)
        if bytes.count > 2 { output.append(UInt8(ascii: ",")) }
        output += bytes.dropFirst()
        return output
    }
}

/// A change of an object.
struct StoredChange {
    /// ADDED, MODIFIED or DELETED.
    let type: String
    let resource: String
    let namespace: String
    let name: String
    let object: StoredObject
}

/// All objects and their changes.
final class ObjectStore {
    private(set) var version = 1_000
    private var objects: [String: [String: StoredObject]] = [:]
    private var order: [String: [String]] = [:]
    private(set) var changes: [StoredChange] = []
    /// Watches from before it are told that it is gone.
    private(set) var compacted = 1_000
    /// Called with each change.
    var changed: (StoredChange) -> Void = { _ in }
    private var uids = 0

    private static let changesMost = 50_000

    static func place(_ namespace: String, _ name: String) -> String { namespace + "/" + name }

    func find(_ kind: ObjectKind, _ namespace: String, _ name: String) -> StoredObject? {
        objects[kind.resource]?[ObjectStore.place(namespace, name)]
    }

    /// In the order of namespace and name; "" is every namespace.
    func list(_ kind: ObjectKind, _ namespace: String) -> [StoredObject] {
        let all = objects[kind.resource] ?? [:]
        let sorted = order[kind.resource] ?? all.keys.sorted()
        order[kind.resource] = sorted
        let prefix = namespace + "/"
        return sorted.compactMap {
            namespace.isEmpty || $0.hasPrefix(prefix) ? all[$0] : nil
        }
    }

    func makeUID() -> String {
        uids += 1
        let digits = String(uids, radix: 16)
        let padded = String(repeating: "0", count: max(0, 12 - digits.count)) + digits
        return "5eed0000-0000-4000-8000-\(padded)"
    }

    func nextVersion() -> Int {
        version += 1
        return version
    }

    /// Stores what `json` is now; its resourceVersion is set here.
    @discardableResult
    func put(_ kind: ObjectKind, _ json: JSON) -> StoredObject {
        let version = nextVersion()
        var json = json
        json["kind"] = nil
        json["apiVersion"] = nil
        json.set("metadata", "resourceVersion", to: JSON(String(version)))
        let object = StoredObject(json, version: version)
        put(kind, object, json.at("metadata", "namespace")?.text ?? "", json.name)
        return object
    }

    func put(_ kind: ObjectKind, _ object: StoredObject, _ namespace: String, _ name: String) {
        let old = objects[kind.resource, default: [:]]
            .updateValue(object, forKey: ObjectStore.place(namespace, name))
        if old == nil { order[kind.resource] = nil }
        record(
            StoredChange(
                type: old == nil ? "ADDED" : "MODIFIED", resource: kind.resource,
                namespace: namespace, name: name, object: object))
    }

    /// Removes it; the last state carries the version of its end.
    @discardableResult
    func remove(_ kind: ObjectKind, _ namespace: String, _ name: String) -> StoredObject? {
        let place = ObjectStore.place(namespace, name)
        guard let old = objects[kind.resource]?.removeValue(forKey: place) else { return nil }
        order[kind.resource] = nil
        let version = nextVersion()
        var json = old.json
        json.set("metadata", "resourceVersion", to: JSON(String(version)))
        let object = StoredObject(json, version: version)
        record(
            StoredChange(
                type: "DELETED", resource: kind.resource, namespace: namespace, name: name,
                object: object))
        return object
    }

    private func record(_ change: StoredChange) {
        changes.append(change)
        if changes.count > ObjectStore.changesMost {
            compacted = changes[ObjectStore.changesMost / 2].object.version
            changes.removeFirst(ObjectStore.changesMost / 2)
        }
        changed(change)
    }

    /// Forgets the changes so far, as etcd does.
    func compact() {
        changes = []
        compacted = version
    }

    /// Goes back, as an etcd that was restored from a copy does. Changes are forgotten.
    func goBack(by count: Int) {
        version = max(1, version - count)
        changes = []
        compacted = version
    }
}

extension JSON {
    var name: String { at("metadata", "name")?.text ?? "" }
    var namespace: String { at("metadata", "namespace")?.text ?? "" }
    /// What a Deployment or StatefulSet shall have; 1 unless it says so.
    var replicas: Int { at("spec", "replicas")?.integer ?? 1 }
}
