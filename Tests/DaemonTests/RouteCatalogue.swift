// Requests to every route, made from the daemon's own route table: a route that is added there is
// attacked, and its answers are looked at, without anybody thinking of it here. Used by the tests
// of the gate. Only the table is taken from the program; what it answers is judged from outside.

import CEpoll
import Glibc
import Gretl
import TestSupport
import Testing

/// A request that does something unless it is refused.
struct RouteRequest {
    let method: String
    var target: String
    var body: String?
    var fields: [String] = []

    var name: String { "\(method) \(target)" }
    /// Sent by a page it has no preflight, whatever it does.
    var isRead: Bool { method == "GET" || method == "HEAD" }

    /// Needs a token whatever config.toml says.
    var isCluster: Bool { target.hasPrefix("/k8s/") }

    /// The bytes with these lines for Host, and further fields; `type` is that of the body.
    func bytes(
        hosts: [String] = ["localhost"], _ more: [String] = [], type: String = "application/json"
    ) -> String {
        var lines = hosts.map { "Host: \($0)" } + fields + more
        if let body {
            if !type.isEmpty { lines.append("Content-Type: \(type)") }
            lines.append("Content-Length: \(body.utf8.count)")
        }
        return "\(method) \(target) HTTP/1.1\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
            + (body ?? "")
    }
}

/// Requests to all routes.
enum RouteCatalogue {
    /// Each route once or more, with these in its path; those that remove come last. Somebody
    /// listens on `port` or is going to; a service is registered on the other one, perhaps.
    static func requests(
        service: String, group: String = "@g", port: UInt16, registered: UInt16
    ) -> [RouteRequest] {
        var found: [RouteRequest] = []
        for route in RouteTable.routes {
            let method = "\(route.method)".uppercased()
            let parts = route.pattern.split(separator: "/").map { part in
                switch part {
                case "{name}": route.pattern.hasPrefix("/v1/groups/") ? group : service
                case "{id}": "0123456789abcdef"
                case "{port}": route.pattern.hasPrefix("/ports/") ? "\(registered)" : "\(port)"
                default: String(part)
                }
            }
            let target = "/" + parts.joined(separator: "/")
            if target.contains("{") { Issue.record("what is to stand in \(route.pattern)?") }
            var request = RouteRequest(method: method, target: target)
            switch route.id {
            case .registerService, .adoptPort:
                request.body = #"{"name":"intruder","port":null,"cmd":"exec sleep 300"}"#
            case .clientAdd:
                request.body =
                    "{\"port\":\(port),\"name\":\"intruder\",\"cmd\":\"exec sleep 300\"}"
            case .registerCluster: request.body = #"{"name":"intruder","in_cluster":true}"#
            case .createTether: request.body = #"{"container_port":80}"#
            case .startRun: request.body = #"{"goal":"pytest","cwd":"/tmp"}"#
            case .resumeRun: request.body = #"{"decision":"approve"}"#
            case .configureRun: request.body = #"{"max_iterations":3}"#
            case .attachService: request.fields = ["Connection: Upgrade", "Upgrade: tcp"]
            case .resizeService: request.target += "?rows=11&cols=22"
            case .startService, .restartService, .startGroup: request.target += "?timeout=0"
            default: break
            }
            found.append(request)
            switch route.id {
            case .serviceLogs, .logs:
                found.append(RouteRequest(method: method, target: target + "?follow=1"))
            case .startService, .startGroup:
                found.append(RouteRequest(method: method, target: target + "?plan=1"))
            default: break
            }
            if method == "GET" { found.append(RouteRequest(method: "HEAD", target: target)) }
        }
        return found.filter { $0.method != "DELETE" } + found.filter { $0.method == "DELETE" }
    }
}

/// Status and fields of an answer whose body may have no end.
struct WireHead {
    let status: Int
    let fields: [(name: String, value: String)]
    /// What came with the head.
    let rest: String

    func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// What of the headers every answer has is missing.
    var problems: [String] {
        let wanted = [
            ("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Content-Security-Policy", "frame-ancestors 'none'"), ("Cache-Control", "no-store"),
            ("Vary", "Origin"),
        ]
        return wanted.filter { values($0.0) != [$0.1] }.map { "\($0.0): \(values($0.0))" }
    }

    /// Everything that would let a page of another origin read or send.
    var permissions: [String] {
        fields.filter { $0.name.lowercased().hasPrefix("access-control-") }.map(\.name)
    }
}

extension WireClient {
    /// The head of the next answer, and of its body what came with it. For the last one of a
    /// connection.
    func head(within milliseconds: Int64 = 10_000) throws -> WireHead {
        var bytes: [UInt8] = []
        let deadline = cepoll_monotonic() + milliseconds * 1_000_000
        while cepoll_monotonic() < deadline {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.firstRange(of: "\r\n\r\n") {
                return try Self.parse(text[..<end.lowerBound], String(text[end.upperBound...]))
            }
            _ = DaemonProcess.waitReadable(descriptor, 100)
            guard let more = readNow() else { continue }
            guard !more.isEmpty else { throw WireError.ended(text) }
            bytes += more
        }
        throw WireError.silent(String(decoding: bytes.prefix(200), as: UTF8.self))
    }

    private static func parse(_ head: Substring, _ rest: String) throws -> WireHead {
        let lines = head.split(separator: "\r\n")
        guard let first = lines.first, let status = Int(first.dropFirst(9).prefix(3)) else {
            throw WireError.malformed(String(head))
        }
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (
                name: String(parts.first ?? ""), value: (parts.last ?? "").trimmed
            )
        }
        return WireHead(status: status, fields: fields, rest: rest)
    }
}
