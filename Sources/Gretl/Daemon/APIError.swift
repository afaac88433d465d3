// Every error the API answers with: code, status, message, hint. The only file that knows which
// HTTP number belongs to which code. Messages name the cause, hints the next step; neither may
// contain a token, an environment value or anything else that is secret.

package import NetCore

/// An error answer, `{code, message, hint}`.
package struct APIError: Error, Equatable, Sendable {
    /// The stable codes of the contract and of docs/api.md.
    package enum Code: String, Sendable, CaseIterable {
        case invalidSpec = "invalid_spec"
        case unauthorized
        case forbiddenHost = "forbidden_host"
        case forbiddenOrigin = "forbidden_origin"
        case forbiddenUser = "forbidden_user"
        case foreignProcess = "foreign_process"
        case unknownService = "unknown_service"
        case unknownGroup = "unknown_group"
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case requestTimeout = "request_timeout"
        case portInUse = "port_in_use"
        case alreadyRunning = "already_running"
        case notRunning = "not_running"
        case nameTaken = "name_taken"
        case bodyTooLarge = "body_too_large"
        case uriTooLong = "uri_too_long"
        case unsupportedMediaType = "unsupported_media_type"
        case expectationFailed = "expectation_failed"
        case headersTooLarge = "headers_too_large"
        case `internal` = "internal"
        case notImplemented = "not_implemented"
        case readyTimeout = "ready_timeout"
        case groupFailed = "group_failed"
        case daemonBusy = "daemon_busy"
        case versionNotSupported = "version_not_supported"
        case storageFull = "storage_full"
        case invalidKubeconfig = "invalid_kubeconfig"
        case unknownCluster = "unknown_cluster"
        case unknownWorkload = "unknown_workload"
        case sleepRefused = "sleep_refused"
        case clusterUnreachable = "cluster_unreachable"
        case clusterRefused = "cluster_refused"
        case unknownTether = "unknown_tether"
        case tetherActive = "tether_active"
        case portPoolExhausted = "port_pool_exhausted"
        case unknownRun = "unknown_run"
        case unknownGoal = "unknown_goal"
        case unknownModel = "unknown_model"
        case missingAPIKey = "missing_api_key"
        case invalidFolder = "invalid_cwd"
        case invalidDecision = "invalid_decision"
        case folderBusy = "cwd_busy"
        case notWaiting = "not_waiting"
        case runActive = "run_active"
        case sandboxUnavailable = "sandbox_unavailable"
        case upgradeRequired = "upgrade_required"

        /// The HTTP status that goes with the code.
        package var status: Int {
            switch self {
            case .invalidSpec: 400
            case .unauthorized: 401
            case .forbiddenHost, .forbiddenOrigin, .forbiddenUser, .foreignProcess: 403
            case .unknownService, .unknownGroup, .notFound: 404
            case .methodNotAllowed: 405
            case .requestTimeout: 408
            case .portInUse, .alreadyRunning, .notRunning, .nameTaken: 409
            case .bodyTooLarge: 413
            case .uriTooLong: 414
            case .unsupportedMediaType: 415
            case .expectationFailed: 417
            case .headersTooLarge: 431
            case .internal: 500
            case .notImplemented: 501
            case .readyTimeout, .groupFailed: 502
            case .daemonBusy: 503
            case .versionNotSupported: 505
            case .storageFull: 507
            case .invalidKubeconfig: 400
            case .unknownCluster, .unknownWorkload: 404
            case .sleepRefused: 403
            case .clusterUnreachable, .clusterRefused: 502
            case .unknownTether: 404
            case .tetherActive: 409
            case .portPoolExhausted: 503
            case .unknownRun: 404
            case .unknownGoal, .unknownModel, .missingAPIKey, .invalidFolder, .invalidDecision: 400
            case .folderBusy, .notWaiting, .runActive: 409
            case .sandboxUnavailable: 503
            case .upgradeRequired: 426
            }
        }

        /// The code for a refusal of the HTTP server.
        static func forRefusal(_ status: Int) -> Code {
            switch status {
            case 408: .requestTimeout
            case 413: .bodyTooLarge
            case 414: .uriTooLong
            case 417: .expectationFailed
            case 431: .headersTooLarge
            case 500: .internal
            case 501: .notImplemented
            case 505: .versionNotSupported
            default: .invalidSpec
            }
        }
    }

    package var code: Code
    package var message: String
    package var hint: String
    /// Headers the status asks for (Allow, Retry-After, WWW-Authenticate).
    package var headers: [String: String] = [:]
    /// The last lines a program wrote, where they may say why.
    package var logTail: [String] = []
    /// What became of each service of a group.
    package var results: [GroupResult] = []

    package init(
        _ code: Code, _ message: String, hint: String, headers: [String: String] = [:]
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = headers
    }

    /// The answer's bytes and headers. What went wrong inside has a number by which it is found in
    /// the daemon's log.
    package var response: Response { response(withDetail: false) }

    /// The same with `detail`, the message once more, for clients of the original's /api.
    package var detailed: Response { response(withDetail: true) }

    private func response(withDetail: Bool) -> Response {
        var headers = headers
        if code == .internal {
            let id = RandomID.make()
            headers["X-Request-Id"] = id
            Log.shared.error("a request failed", ["id": id, "reason": message])
        }
        var json = JSONText()
        json.beginObject()
        json.field("code", code.rawValue)
        json.field("message", message)
        json.field("hint", hint)
        if withDetail { json.field("detail", message) }
        if !logTail.isEmpty || !results.isEmpty {
            json.key("details")
            json.beginObject()
            if !logTail.isEmpty { json.field("logTail", logTail) }
            if !results.isEmpty { GroupResult.write(results, into: &json) }
            json.endObject()
        }
        json.endObject()
        return Response(
            status: code.status,
            headers: headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
            body: json.bytes)
    }

    // MARK: The ones with fixed words

    static func unknownService(_ name: String) -> APIError {
        APIError(
            .unknownService, "no service is registered under the name '\(name)'",
            hint: "run 'gr ls' for the registered names, or register it with 'gr add'")
    }

    static func daemonBusy(_ what: String) -> APIError {
        APIError(
            .daemonBusy, what, hint: "retry in a second", headers: ["Retry-After": "1"])
    }

    static func invalid(_ message: String, hint: String) -> APIError {
        APIError(.invalidSpec, message, hint: hint)
    }
}
