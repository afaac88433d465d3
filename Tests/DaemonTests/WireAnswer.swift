// One answer of the daemon as it came over the wire, and what is wrong with its form (RFC 9110,
// RFC 9112, and the rules the API sets for all its answers). Parsed here and not with the project's
// parser: a mistake shared by both sides would not show.

import TestSupport

/// One answer.
struct WireAnswer {
    let status: Int
    let version: String
    /// In order, names as sent.
    let fields: [(name: String, value: String)]
    let body: [UInt8]

    var json: JSONValue { JSONValue(body) ?? .missing }
    var text: String { String(decoding: body, as: UTF8.self) }
    var code: String? { json["code"].text }
    var message: String { json["message"].text ?? "" }
    var hint: String { json["hint"].text ?? "" }

    func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    func value(_ name: String) -> String? { values(name).first }

    /// `Connection` holds the option.
    func connection(_ option: String) -> Bool {
        values("Connection").flatMap { $0.lowercased().split(separator: ",") }
            .contains { $0.trimmed == option }
    }

    /// Every code of the API's error table by status.
    static let codes: [Int: Set<String>] = [
        400: [
            "invalid_spec", "invalid_kubeconfig", "unknown_goal", "unknown_model",
            "missing_api_key", "invalid_cwd", "invalid_decision",
        ],
        401: ["unauthorized"],
        403: [
            "forbidden_host", "forbidden_origin", "forbidden_user", "foreign_process",
            "sleep_refused",
        ],
        404: [
            "unknown_service", "unknown_group", "not_found", "unknown_cluster",
            "unknown_workload", "unknown_run",
        ],
        405: ["method_not_allowed"], 408: ["request_timeout"],
        409: ["port_in_use", "already_running", "name_taken", "not_running", "not_waiting"],
        413: ["body_too_large"], 414: ["uri_too_long"], 415: ["unsupported_media_type"],
        417: ["expectation_failed"], 431: ["headers_too_large"],
        500: ["internal"], 501: ["not_implemented"],
        502: ["ready_timeout", "group_failed", "cluster_unreachable", "cluster_refused"],
        503: ["daemon_busy"], 505: ["version_not_supported"], 507: ["storage_full"],
    ]

    /// What breaks a rule, for an answer to `method`; empty when it is well-formed.
    func problems(answering method: String) -> [String] {
        var found: [String] = []
        if version != "HTTP/1.1" { found.append("version \(version)") }
        if status == 100 { return found }
        if values("Date").count != 1 || !Self.isDate(value("Date") ?? "") { found.append("Date") }
        for name in ["Content-Length", "Content-Type", "Location", "Allow"]
        where values(name).count > 1 { found.append("repeated \(name)") }
        if status == 204 {
            if value("Content-Length") != nil { found.append("Content-Length on 204") }
        } else if values("Content-Length").count != 1 {
            found.append("no Content-Length")
        }
        if method == "HEAD" || status == 204 {
            if !body.isEmpty { found.append("body") }
        } else if !body.isEmpty, value("Content-Type") != "application/json" {
            found.append("Content-Type \(value("Content-Type") ?? "missing")")
        }
        if status == 405, value("Allow") == nil { found.append("405 without Allow") }
        if status == 401, value("WWW-Authenticate") == nil { found.append("401 without challenge") }
        if status == 503, value("Retry-After") == nil { found.append("503 without Retry-After") }
        if value("X-Content-Type-Options") != "nosniff" { found.append("nosniff") }
        if value("Cache-Control") != "no-store" { found.append("Cache-Control") }
        if method != "HEAD", status >= 400 { found += errorProblems() }
        return found
    }

    private func errorProblems() -> [String] {
        guard case .object(let members) = json else { return ["the error is not an object"] }
        var found: [String] = []
        for key in ["code", "message", "hint"] where (members[key]?.text ?? "").isEmpty {
            found.append("error without \(key)")
        }
        let code = members["code"]?.text ?? ""
        if Self.codes[status]?.contains(code) != true { found.append("code \(code) at \(status)") }
        return found
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7).
    static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 6, text.utf8.count == 29, parts[5] == "GMT" else { return false }
        let days = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let clock = parts[4].split(separator: ":").compactMap { Int($0) }
        return days.contains(String(parts[0])) && months.contains(String(parts[2]))
            && Int(parts[1]) != nil && Int(parts[3]) != nil && clock.count == 3 && clock[0] < 24
            && clock[1] < 60 && clock[2] < 61
    }
}

extension Substring {
    /// Without blanks and tabs at both ends.
    var trimmed: String {
        var rest = self
        while let byte = rest.utf8.first, byte == 0x20 || byte == 0x09 { rest = rest.dropFirst() }
        while let byte = rest.utf8.last, byte == 0x20 || byte == 0x09 { rest = rest.dropLast() }
        return String(rest)
    }
}
