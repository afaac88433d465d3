// The control port of the fake cluster, plain HTTP on loopback: objects are made and faults are set
// while a test runs. Every route is `POST /fake/WORD?name=value`, answered with an object.

import NetCore

/// Answers on the control port.
@ReactorActor
final class Control: WireHandler {
    private let server: APIServer
    private var faults: Faults { server.faults }
    private var store: ObjectStore { server.store }

    init(_ server: APIServer) { self.server = server }

    func handle(_ request: WireRequest, on wire: Wire) {
        guard request.path.first == "fake", request.path.count == 2 else {
            return wire.refuse(404, "NotFound", "POST /fake/WORD is all there is")
        }
        guard let answer = objects(request) ?? trouble(request) ?? access(request) else {
            return wire.refuse(404, "NotFound", "there is no \(request.rawPath)")
        }
        wire.answer(200, answer)
    }

    private func objects(_ request: WireRequest) -> JSON? {
        let number = { (name: String, other: Int) in Int(request.query(name) ?? "") ?? other }
        let text = { (name: String, other: String) in request.query(name) ?? other }
        let kind = ObjectKind.named(text("kind", "deployments")) ?? ObjectKind.all[0]
        switch request.path[1] {
        case "state":
            return [
                "version": JSON(String(store.version)), "watches": JSON(server.watches.count),
                "connections": JSON(server.wires.count), "forwards": JSON(server.forwards.count),
                "requests": JSON(server.requests.count),
            ]
        case "requests": return .array(server.requests.map { JSON($0) })
        case "workload":
            let json = Seeds.workload(
                text("name", "web"), replicas: number("replicas", 1), port: number("port", 8_080))
            var object = json
            server.complete(&object, kind, text("namespace", "default"), manager: "kubectl")
            store.put(kind, object)
            return [:]
        case "seed":
            let namespace = text("namespace", "load")
            let maker = Seeds(namespace, replicas: number("replicas", 1), server.time)
            for index in 0..<min(number("count", 100), 100_000) {
                let version = store.nextVersion()
                let object = maker.object(
                    "\(text("name", "load"))-\(index)", version, store.makeUID())
                store.put(kind, object, namespace, "\(text("name", "load"))-\(index)")
            }
            return [:]
        case "replicas":
            server.setReplicas(
                number("replicas", 1), by: text("manager", "argocd-controller"), kind,
                text("namespace", "default"), text("name", "web"))
            return [:]
        case "remove":
            store.remove(kind, text("namespace", "default"), text("name", "web"))
            return [:]
        default: return nil
        }
    }

    private func trouble(_ request: WireRequest) -> JSON? {
        let number = { (name: String, other: Int) in Int(request.query(name) ?? "") ?? other }
        switch request.path[1] {
        case "fail":
            faults.failures = (
                number("count", 1), number("status", 503), request.query("retryAfter")
            )
            faults.failingMethod = request.query("method") ?? ""
        case "latency": faults.latency = .milliseconds(number("ms", 0))
        case "lose": faults.lostAnswers = number("count", 1)
        case "cut": for wire in Array(server.wires.values) { wire.close() }
        case "cut-watches": server.watches.cut()
        case "compact":
            store.compact()
            server.pages = [:]
        case "expire-watches":
            store.compact()
            server.watches.expire()
        case "go-back":
            store.goBack(by: number("by", 100))
            server.pages = [:]
        case "events":
            faults.duplicatesEvents = request.isSet("duplicate")
            faults.splitsEvents = request.isSet("split")
            if let ms = Int(request.query("bookmarkMs") ?? "") {
                faults.bookmarkInterval = .milliseconds(max(10, ms))
            }
        case "rival":
            faults.rival = (
                request.query("manager") ?? "hpa", number("replicas", 3), number("times", 1)
            )
        case "pods":
            faults.podDelay = .milliseconds(number("delay", 20))
            faults.readyDelay = .milliseconds(number("ready", 100))
            faults.neverReady = request.isSet("never")
            if let address = request.query("ip") { faults.podAddress = address }
        case "port":
            faults.ports[UInt16(clamping: number("pod", 0))] = UInt16(clamping: number("to", 0))
        case "freeze-forwards": for forward in server.forwards.values { forward.freeze() }
        case "cut-forwards":
            for forward in Array(server.forwards.values) { forward.wire.close() }
        default: return nil
        }
        return [:]
    }

    private func access(_ request: WireRequest) -> JSON? {
        switch request.path[1] {
        case "token":
            if let token = request.query("add") {
                faults.tokens[token] = request.query("user") ?? "gretl"
            }
            if let token = request.query("remove") { faults.tokens[token] = nil }
        case "deny": faults.denied.insert(request.query("right") ?? "")
        case "allow": faults.denied.remove(request.query("right") ?? "")
        default: return nil
        }
        return [:]
    }
}

/// Bodies as large and as full as those of a real cluster.
@ReactorActor
struct Seeds {
    private let parts: [[UInt8]]

    static func workload(_ name: String, replicas: Int, port: Int) -> JSON {
        [
            "metadata": ["name": JSON(name), "labels": ["app": JSON(name)]],
            "spec": [
                "replicas": JSON(replicas), "selector": ["matchLabels": ["app": JSON(name)]],
                "template": [
                    "metadata": ["labels": ["app": JSON(name)]],
                    "spec": [
                        "containers": [
                            [
                                "name": "app", "image": "registry.test/app:1",
                                "ports": [["containerPort": JSON(port)]],
                            ]
                        ]
                    ],
                ],
            ],
            "status": [:],
        ]
    }

    /// One is built whole; the others differ in name, version and uid.
    init(_ namespace: String, replicas: Int, _ time: String) {
        let mark = "\u{1}"
        var json = Seeds.workload(mark, replicas: replicas, port: 8_080)
        json.set("metadata", "namespace", to: JSON(namespace))
        json.set("metadata", "uid", to: "\u{2}")
        json.set("metadata", "resourceVersion", to: "\u{3}")
        json.set("metadata", "generation", to: 1)
        json.set("metadata", "creationTimestamp", to: JSON(time))
        json.set("metadata", "annotations", Controllers.podless, to: "true")
        if replicas > 0 {
            json["status"] = [
                "observedGeneration": 1, "replicas": JSON(replicas),
                "updatedReplicas": JSON(replicas), "readyReplicas": JSON(replicas),
                "availableReplicas": JSON(replicas),
            ]
        }
        var fields: JSON = [:]
        for index in 0..<40 { fields["f:field-\(index)-of-the-template"] = ["f:value": [:]] }
        let entry: JSON = [
            "manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1",
            "time": JSON(time), "fieldsType": "FieldsV1",
            "fieldsV1": ["f:spec": ["f:replicas": [:], "f:template": fields]],
        ]
        json.set("metadata", "managedFields", to: [entry])
        var parts: [[UInt8]] = [[]]
        var bytes = json.bytes[...]
        // The marks are written as \u0001 to \u0003.
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "\\"), bytes.starts(with: Array("u000".utf8)) {
                parts.append([bytes[bytes.startIndex + 4]])
                parts.append([])
                bytes = bytes.dropFirst(5)
            } else {
                parts[parts.count - 1].append(byte)
            }
        }
        self.parts = parts
    }

    func object(_ name: String, _ version: Int, _ uid: String) -> StoredObject {
        var bytes: [UInt8] = []
        for part in parts {
            switch part {
            case [UInt8(ascii: "1")]: bytes += name.utf8
            case [UInt8(ascii: "2")]: bytes += uid.utf8
            case [UInt8(ascii: "3")]: bytes += String(version).utf8
            default: bytes += part
            }
        }
        return StoredObject(bytes: bytes, version: version)
    }
}
