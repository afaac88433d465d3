// Why something could not be done at a cluster, as the code that asked has to tell it apart, and
// the answer a client of ours gets. What an API server says is quoted as its own, cut and cleaned:
// it is not trusted.

import NetCore

/// Why a request to an API server failed.
package enum ClusterFailure: Error, Equatable, Sendable {
    /// No whole answer came: the network, TLS, a limit.
    case unreachable(String)
    /// Something of ours: credentials that cannot be read or made, a full disk, a refusal.
    case ours(APIError)
    /// An answer that says no. `reason` is the word of a Status ("Conflict"), `message` its text.
    case refused(status: Int, reason: String, message: String)
    /// An answer that is none.
    case nonsense(String)
    /// We gave it up.
    case cancelled

    /// Somebody else changed the object meanwhile.
    package var isConflict: Bool {
        if case .refused(409, let reason, _) = self { reason != "AlreadyExists" } else { false }
    }

    package var isNotFound: Bool {
        if case .refused(404, _, _) = self { true } else { false }
    }

    /// The object does not take the change: among others when its uid is another one.
    package var isInvalid: Bool {
        if case .refused(422, _, _) = self { true } else { false }
    }

    package var isForbidden: Bool {
        if case .refused(403, _, _) = self { true } else { false }
    }

    /// The version asked for is too old to go on from.
    package var isExpired: Bool {
        if case .refused(410, _, _) = self { true } else { false }
    }

    /// A sentence for the log and for events.
    package var text: String {
        switch self {
        case .unreachable(let why): why
        case .ours(let error): error.message
        case .refused(let status, _, let message):
            message.isEmpty ? "it answered \(status)" : "it answered \(status): \(message)"
        case .nonsense(let why): "its answer makes no sense: \(why)"
        case .cancelled: "given up"
        }
    }

    /// What a client gets who asked for `what`, such as "putting 'web' to sleep".
    @ReactorActor
    package func answer(_ what: String, _ cluster: Cluster) -> APIError {
        switch self {
        case .ours(let error): return error
        case .unreachable, .nonsense, .cancelled:
            return APIError(
                .clusterUnreachable, "\(what): cluster '\(cluster.name)' cannot be used: \(text)",
                hint: "is \(ClusterFailure.clean(cluster.access.server)) up, and reachable from "
                    + "here? try 'kubectl get --raw /readyz'")
        case .refused(let status, _, let message):
            let said = message.isEmpty ? "status \(status)" : "\(status), \"\(message)\""
            return APIError(
                .clusterRefused, "\(what): the API server of '\(cluster.name)' answered \(said)",
                hint: ClusterFailure.advice(status))
        }
    }

    private static func advice(_ status: Int) -> String {
        switch status {
        case 401:
            "the credentials are no longer accepted: register the cluster again with fresh ones"
        case 403: "grant the right to the user of the kubeconfig; docs/operations.md lists them all"
        case 404: "run 'gr k8s sync': it may be gone"
        case 409: "it is being changed by somebody else all the time; try again"
        case 422: "the API server does not take the change; see its message"
        case 429, 500...599: "the API server is overloaded or failing; try again later"
        default: "see the API server's message"
        }
    }

    /// Foreign text without control characters, cut to what a person reads.
    package static func clean(_ text: String, most: Int = 300) -> String {
        var cleaned = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < most else { return cleaned + "…" }
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            cleaned.unicodeScalars.append(isControl ? " " : scalar)
        }
        return cleaned
    }
}
