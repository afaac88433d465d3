// The verbs: list, get, create, patch, update, delete, and what an API server says when they cannot
// be done.

import Gretl
import NetCore

extension APIServer {
    func serve(_ call: APICall, _ request: WireRequest, on wire: Wire) {
        if call.subresource == "portforward" { return forward(call, request, on: wire) }
        switch call.verb {
        case "list": list(call, request, on: wire)
        case "watch": watches.open(call, request, on: wire)
        case "create": create(call, request, on: wire)
        default:
            guard let object = store.find(call.kind, call.namespace, call.name) else {
                return wire.refuseMissing(call.kind, call.name)
            }
            change(object, call, request, on: wire)
        }
    }

    private func change(
        _ object: StoredObject, _ call: APICall, _ request: WireRequest, on wire: Wire
    ) {
        switch call.verb {
        case "get":
            if call.subresource == "scale" { return wire.answer(200, scale(of: object.json)) }
            wire.answer(200, object.whole(call.kind))
        case "patch", "update":
            guard let body = JSON(request.body) else {
                return wire.refuse(400, "BadRequest", "the body is no JSON")
            }
            write(body, to: object, call, request, on: wire)
        default:
            store.remove(call.kind, call.namespace, call.name)
            wire.answer(
                200, ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success"])
        }
    }

    // MARK: Lists

    private func list(_ call: APICall, _ request: WireRequest, on wire: Wire) {
        let limit =
            request.query("resourceVersion") == "0" ? 0 : Int(request.query("limit") ?? "0") ?? 0
        var rest: [StoredObject]
        var version = store.version
        if let token = request.query("continue"), !token.isEmpty {
            guard token.hasPrefix("page-") else {
                return wire.refuse(400, "BadRequest", "continue key is not valid")
            }
            guard let page = pages[token] else {
                return wire.refuse(
                    410, "Expired",
                    "The provided continue parameter is too old to display a consistent list."
                )
            }
            (rest, version) = (page.objects, page.version)
        } else {
            let selector = Selector(request)
            rest = store.list(call.kind, call.namespace)
            if !selector.isEmpty { rest = rest.filter { selector.matches($0.json) } }
        }
        var metadata: JSON = ["resourceVersion": JSON(String(version))]
        if limit > 0, rest.count > limit {
            let token = "page-\(version)-\(pages.count)-\(rest.count)"
            pages[token] = (Array(rest.dropFirst(limit)), version)
            metadata["continue"] = JSON(token)
            metadata["remainingItemCount"] = JSON(rest.count - limit)
            rest = Array(rest.prefix(limit))
        }
        var body = Array("{\"kind\":\"\(call.kind.kind)List\",\"apiVersion\":".utf8)
        body += "\"\(call.kind.apiVersion)\",\"metadata\":".utf8
        metadata.write(to: &body)
        body += ",\"items\":[".utf8
        for (index, object) in rest.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += object.bytes
        }
        body += "]}".utf8
        wire.answer(200, body)
    }

    // MARK: Creation

    private func create(_ call: APICall, _ request: WireRequest, on wire: Wire) {
        guard var json = JSON(request.body) else {
            return wire.refuse(400, "BadRequest", "the body is no JSON")
        }
        let name = json.name
        guard !name.isEmpty else {
            return wire.refuse(422, "Invalid", "metadata.name: Required value: name is required")
        }
        guard store.find(call.kind, call.namespace, name) == nil else {
            return wire.refuse(
                409, "AlreadyExists", "\(call.kind.qualified) \"\(name)\" already exists",
                details: Refusal.details(call.kind, name))
        }
        if let why = invalid(json, call.kind) { return refuseInvalid(why, call, on: wire) }
        complete(&json, call.kind, call.namespace, manager: manager(request))
        let stored =
            request.query("dryRun") == nil
            ? store.put(call.kind, json) : StoredObject(json, version: 0)
        wire.answer(201, stored.whole(call.kind))
    }

    /// Fills in what an API server does.
    func complete(_ json: inout JSON, _ kind: ObjectKind, _ namespace: String, manager: String) {
        if kind.isNamespaced { json.set("metadata", "namespace", to: JSON(namespace)) }
        json.set("metadata", "uid", to: JSON(store.makeUID()))
        json.set("metadata", "creationTimestamp", to: JSON(time))
        guard kind.hasScale else { return }
        json.set("metadata", "generation", to: 1)
        json.set("spec", "replicas", to: JSON(json.replicas))
        if json["status"] == nil { json["status"] = [:] }
        json.claimReplicas(manager, time, kind)
    }

    var time: String { Timestamp.utcText(milliseconds: reactor.wallNanoseconds() / 1_000_000) }

    func manager(_ request: WireRequest) -> String {
        if let named = request.query("fieldManager"), !named.isEmpty { return named }
        let agent = request.headers["user-agent"] ?? "unknown"
        return String(agent.prefix { $0 != "/" })
    }

    // MARK: Changes

    private func write(
        _ body: JSON, to object: StoredObject, _ call: APICall, _ request: WireRequest,
        on wire: Wire
    ) {
        let isOurs = call.kind.hasScale && call.verb == "patch" && body["spec"] != nil
        if isOurs, let rival = faults.rival, rival.times > 0 {
            faults.rival?.times -= 1
            setReplicas(rival.replicas, by: rival.manager, call.kind, call.namespace, call.name)
        }
        // Somebody may have been quicker.
        guard let current = store.find(call.kind, call.namespace, call.name) else {
            return wire.refuseMissing(call.kind, call.name)
        }
        let old = current.json
        if let uid = body.at("metadata", "uid")?.text, uid != old.at("metadata", "uid")?.text {
            let why = "metadata.uid: Invalid value: \"\(uid)\": field is immutable"
            return refuseInvalid(why, call, on: wire)
        }
        let wanted = body.at("metadata", "resourceVersion")?.text ?? ""
        if !wanted.isEmpty, wanted != String(current.version) {
            return wire.refuse(
                409, "Conflict",
                "Operation cannot be fulfilled on \(call.kind.qualified) \"\(call.name)\": the "
                    + "object has been modified; please apply your changes to the latest version "
                    + "and try again",
                details: call.details)
        }
        var new =
            call.subresource == "scale" ? old : call.verb == "patch" ? old.merged(with: body) : body
        if call.subresource == "scale" {
            new.set("spec", "replicas", to: JSON(body.replicasOfScale))
        } else {
            for kept in [
                "uid", "creationTimestamp", "name", "namespace", "managedFields", "generation",
            ] {
                new.set("metadata", kept, to: old.at("metadata", kept))
            }
            if call.verb == "update", new["status"] == nil { new["status"] = old["status"] }
        }
        if let why = invalid(new, call.kind) { return refuseInvalid(why, call, on: wire) }
        finish(new, old, call, request, on: wire)
    }

    private func finish(
        _ new: JSON, _ old: JSON, _ call: APICall, _ request: WireRequest, on wire: Wire
    ) {
        var new = new
        new["kind"] = nil
        new["apiVersion"] = nil
        new.set("metadata", "resourceVersion", to: old.at("metadata", "resourceVersion"))
        let isScale = call.subresource == "scale"
        if call.kind.hasScale, new["spec"] != old["spec"] {
            new.set(
                "metadata", "generation",
                to: JSON((old.at("metadata", "generation")?.integer ?? 0) + 1))
            if new.replicas != old.replicas {
                let isDropped = isScale && new.replicas == 0
                new.claimReplicas(
                    isDropped ? nil : manager(request), time, call.kind, isScale: isScale)
            }
        }
        var stored = StoredObject(
            new, version: Int(new.at("metadata", "resourceVersion")?.text ?? "") ?? 0)
        // What changes nothing makes no new version.
        if request.query("dryRun") == nil, new != old { stored = store.put(call.kind, new) }
        if faults.lostAnswers > 0 {
            faults.lostAnswers -= 1
            return wire.close()
        }
        if isScale {
            wire.answer(200, scale(of: stored.json))
        } else {
            wire.answer(200, stored.whole(call.kind))
        }
    }

    /// Another actor of the cluster sets replicas.
    func setReplicas(
        _ replicas: Int, by manager: String, _ kind: ObjectKind, _ namespace: String, _ name: String
    ) {
        guard var json = store.find(kind, namespace, name)?.json else { return }
        json.set("spec", "replicas", to: JSON(replicas))
        json.set(
            "metadata", "generation",
            to: JSON((json.at("metadata", "generation")?.integer ?? 0) + 1))
        json.claimReplicas(manager, time, kind)
        store.put(kind, json)
    }

    private func refuseInvalid(_ why: String, _ call: APICall, on wire: Wire) {
        wire.refuse(
            422, "Invalid",
            "\(call.kind.kind).\(call.kind.group) \"\(call.name)\" is invalid: \(why)",
            details: call.details)
    }

    private func invalid(_ json: JSON, _ kind: ObjectKind) -> String? {
        if kind.hasScale, json.replicas < 0 {
            return
                "spec.replicas: Invalid value: \(json.replicas): must be at least 0"
        }
        guard kind.resource == "leases" else { return nil }
        for field in ["renewTime", "acquireTime"] {
            guard let time = json.at("spec", field)?.text else { continue }
            let bytes = Array(time.utf8)
            // 2026-01-01T00:00:00.000000Z, or an offset in the place of the Z.
            let isUTC = bytes.count == 27 && bytes[26] == UInt8(ascii: "Z")
            let hasOffset = bytes.count == 32 && "+-".utf8.contains(bytes[26])
            guard isUTC || hasOffset, bytes[19] == UInt8(ascii: ".") else {
                return
                    "spec.\(field): parsing time \"\(time)\" as \"2006-01-02T15:04:05.000000Z07:00\""
            }
        }
        return nil
    }

    /// A Scale, whose spec says nothing at 0.
    private func scale(of json: JSON) -> JSON {
        var metadata: JSON = [:]
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata[field] = json.at("metadata", field)
        }
        let replicas = json.replicas
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
            "spec": replicas == 0 ? [:] : ["replicas": JSON(replicas)],
            "status": ["replicas": json.at("status", "replicas") ?? 0],
        ]
    }
}

extension JSON {
    /// A Scale without replicas means 0.
    fileprivate var replicasOfScale: Int { at("spec", "replicas")?.integer ?? 0 }

    /// Writes down who owns spec.replicas; nil: nobody any more.
    mutating func claimReplicas(
        _ manager: String?, _ time: String, _ kind: ObjectKind, isScale: Bool = false
    ) {
        var entries = (at("metadata", "managedFields")?.elements ?? []).compactMap {
            entry -> JSON? in
            var entry = entry
            guard entry.at("fieldsV1", "f:spec", "f:replicas") != nil else { return entry }
            entry.set("fieldsV1", "f:spec", "f:replicas", to: nil)
            if entry.at("fieldsV1", "f:spec")?.members.isEmpty == true {
                entry.set("fieldsV1", "f:spec", to: nil)
            }
            return entry["fieldsV1"]?.members.isEmpty == true ? nil : entry
        }
        if let manager {
            var entry: JSON = [
                "manager": JSON(manager), "operation": "Update",
                "apiVersion": JSON(kind.apiVersion),
                "time": JSON(time), "fieldsType": "FieldsV1",
                "fieldsV1": ["f:spec": ["f:replicas": [:]]],
            ]
            if isScale { entry["subresource"] = "scale" }
            entries.append(entry)
        }
        set("metadata", "managedFields", to: .array(entries))
    }
}

/// labelSelector (equality, inequality, existence, sets) and fieldSelector (metadata.name).
struct Selector {
    private enum Term {
        case oneOf(String, [String])
        case noneOf(String, [String])
        case exists(String)
        case missing(String)
        case name(String)
    }

    private var terms: [Term] = []

    var isEmpty: Bool { terms.isEmpty }

    init(_ request: WireRequest) {
        for text in Selector.split(request.query("labelSelector") ?? "") {
            terms.append(Selector.term(text))
        }
        for text in Selector.split(request.query("fieldSelector") ?? "")
        where text.hasPrefix("metadata.name=") {
            terms.append(.name(String(text.drop { $0 != "=" }.drop { $0 == "=" })))
        }
    }

    /// At commas outside of brackets.
    private static func split(_ text: String) -> [String] {
        var parts = [""]
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts.filter { !$0.isEmpty }
    }

    private static func term(_ text: String) -> Term {
        for (word, isIn) in [(" notin ", false), (" in ", true)] {
            guard let range = text.firstRange(of: word) else { continue }
            let key = String(text[..<range.lowerBound])
            let values = text[range.upperBound...].split { "() ,".contains($0) }.map(String.init)
            return isIn ? .oneOf(key, values) : .noneOf(key, values)
        }
        if text.hasPrefix("!") { return .missing(String(text.dropFirst())) }
        guard let sign = text.firstIndex(of: "=") else { return .exists(text) }
        let value = String(text[sign...].drop { $0 == "=" })
        let key = text[..<sign]
        return key.hasSuffix("!")
            ? .noneOf(String(key.dropLast()), [value]) : .oneOf(String(key), [value])
    }

    func matches(_ json: JSON) -> Bool {
        let labels = json.at("metadata", "labels")
        return terms.allSatisfy { term in
            switch term {
            case .oneOf(let key, let values): values.contains { labels?[key]?.text == $0 }
            case .noneOf(let key, let values): !values.contains { labels?[key]?.text == $0 }
            case .exists(let key): labels?[key] != nil
            case .missing(let key): labels?[key] == nil
            case .name(let name): json.name == name
            }
        }
    }
}
