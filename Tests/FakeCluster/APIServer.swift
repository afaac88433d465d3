// The fake API server: who asks, may they, and which verb of which object is meant. The verbs are
// in APIVerbs.swift, watches in Watches.swift.

import Gretl
import NetCore

/// Answers as an API server does.
@ReactorActor
final class APIServer: WireHandler {
    let reactor: Reactor
    let store = ObjectStore()
    let faults = Faults()
    let watches: Watches
    /// Pages of lists that go on, by their token.
    var pages: [String: (objects: [StoredObject], version: Int)] = [:]
    /// What was asked, the latest last.
    private(set) var requests: [String] = []
    /// Connections over TLS that are open.
    var wires: [ObjectIdentifier: Wire] = [:]
    /// Port-forwards that are open.
    var forwards: [ObjectIdentifier: Forward] = [:]

    init(on reactor: Reactor) {
        self.reactor = reactor
        watches = Watches(store, faults, on: reactor)
        let controllers = Controllers(store, faults, on: reactor)
        store.changed = { [watches, weak self] change in
            watches.tell(change)
            self?.podMayBeGone(change)
            controllers.changed(change)
        }
    }

    /// What leads to a pod ends with it.
    private func podMayBeGone(_ change: StoredChange) {
        guard change.resource == "pods", change.type == "DELETED" else { return }
        let pod = "\(change.namespace)/\(change.name)"
        for forward in Array(forwards.values) where forward.pod == pod { forward.wire.close() }
    }

    func handle(_ request: WireRequest, on wire: Wire) {
        requests.append("\(request.method) \(request.rawPath)")
        if requests.count > 10_000 { requests.removeFirst(5_000) }
        guard faults.latency > .zero else { return answer(request, on: wire) }
        spawn { [self] in
            await reactor.pause(faults.latency)
            answer(request, on: wire)
        }
    }

    private func answer(_ request: WireRequest, on wire: Wire) {
        if failsOnPurpose(request, on: wire) { return }
        guard let user = user(request, wire) else {
            return wire.refuse(401, "Unauthorized", "Unauthorized")
        }
        if request.path == ["readyz"] || request.path == ["healthz"] || request.path == ["livez"] {
            return wire.answer(200, Array("ok".utf8), type: "text/plain; charset=utf-8")
        }
        if let found = Discovery.answer(request.rawPath) { return wire.answer(200, found) }
        guard let call = APICall(request, user: user) else {
            return wire.refuse(404, "NotFound", "the server could not find the requested resource")
        }
        if call.isReview { return review(call, request, on: wire) }
        guard isAllowed(call.verb, call.right, user) else {
            return wire.refuse(403, "Forbidden", call.refusal, details: call.details)
        }
        serve(call, request, on: wire)
    }

    private func failsOnPurpose(_ request: WireRequest, on wire: Wire) -> Bool {
        let isMeant = faults.failingMethod.isEmpty || faults.failingMethod == request.method
        guard faults.failures.count > 0, isMeant else { return false }
        faults.failures.count -= 1
        let (_, status, retryAfter) = faults.failures
        let headers = retryAfter.map { [("Retry-After", $0)] } ?? []
        if status == 429 {
            let text = Array("Too many requests, please try again later.\n".utf8)
            wire.answer(429, text, type: "text/plain; charset=utf-8", headers: headers)
        } else {
            let body = Refusal.status(status, "InternalError", "it fails on purpose")
            wire.answer(status, body.bytes, headers: headers)
        }
        return true
    }

    /// Nil for a token that means nobody.
    private func user(_ request: WireRequest, _ wire: Wire) -> String? {
        if let value = request.headers["authorization"] {
            guard value.hasPrefix("Bearer ") else { return nil }
            return faults.tokens[String(value.dropFirst(7))]
        }
        return wire.user.isEmpty ? "system:anonymous" : wire.user
    }

    private func isAllowed(_ verb: String, _ resource: String, _ user: String) -> Bool {
        user != "system:anonymous" && !faults.denied.contains("\(verb) \(resource)")
    }

    private func review(_ call: APICall, _ request: WireRequest, on wire: Wire) {
        guard var review = JSON(request.body) else {
            return wire.refuse(400, "BadRequest", "the body is no JSON")
        }
        let asked = review.at("spec", "resourceAttributes")
        var resource = asked?["resource"]?.text ?? ""
        if let part = asked?["subresource"]?.text, !part.isEmpty { resource += "/" + part }
        let allowed = isAllowed(asked?["verb"]?.text ?? "", resource, call.user)
        review["status"] = ["allowed": .bool(allowed)]
        wire.answer(201, review)
    }
}

/// What a request means.
struct APICall {
    let user: String
    let verb: String
    let kind: ObjectKind
    /// Empty for every namespace.
    let namespace: String
    let name: String
    let subresource: String
    var isReview = false

    init?(_ request: WireRequest, user: String) {
        self.user = user
        var path = request.path[...]
        let (group, version): (String, String)
        if path.first == "api", path.count >= 3 {
            (group, version) = ("", path[1])
            path = path.dropFirst(2)
        } else if path.first == "apis", path.count >= 4 {
            (group, version) = (path[1], path[2])
            path = path.dropFirst(3)
        } else {
            return nil
        }
        if group == "authorization.k8s.io", path.first == "selfsubjectaccessreviews" {
            (kind, namespace, name) = (ObjectKind.all[0], "", "")
            (subresource, verb, isReview) = ("", "create", true)
            return
        }
        var namespace = ""
        if path.first == "namespaces", path.count >= 3 {
            namespace = path[path.startIndex + 1]
            path = path.dropFirst(2)
        }
        guard let resource = path.popFirst(),
            let kind = ObjectKind.find(group, version, resource)
        else { return nil }
        self.kind = kind
        self.namespace = namespace
        name = path.popFirst() ?? ""
        subresource = path.popFirst() ?? ""
        switch request.method {
        case "GET":
            verb = request.isSet("watch") ? "watch" : name.isEmpty ? "list" : "get"
        case "POST": verb = "create"
        case "PUT": verb = "update"
        case "PATCH": verb = "patch"
        case "DELETE": verb = "delete"
        default: return nil
        }
    }

    /// What a right names: `deployments`, `deployments/scale`.
    var right: String { kind.resource + (subresource.isEmpty ? "" : "/" + subresource) }

    var details: JSON { Refusal.details(kind, name) }

    var refusal: String {
        let place = namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(namespace)\""
        let which = name.isEmpty ? "" : " \"\(name)\""
        return "\(kind.qualified)\(which) is forbidden: User \"\(user)\" cannot \(verb) resource "
            + "\"\(right)\" in API group \"\(kind.group)\" \(place)"
    }
}
