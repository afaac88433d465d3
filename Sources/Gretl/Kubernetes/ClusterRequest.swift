// One request to an API server and what carries it. The transport is a protocol, so that what
// Workloads decides can be tried against a thousand invented clusters in a second; the one that
// counts is HTTPSTransport. Used by KubernetesClient only.

package import NetCore

/// A request to the API server of a cluster.
package struct ClusterRequest: Sendable {
    package var method: String
    /// Path and query, escaped, with a slash in front.
    package var target: String
    package var body: [UInt8]?
    package var contentType: String?
    /// How long the answer may take altogether; nil: as long as bytes come.
    package var timeout: Duration?
    /// How long no byte may come.
    package var idleTimeout = Duration.seconds(60)

    package init(_ method: String, _ target: String, body: [UInt8]? = nil) {
        self.method = method
        self.target = target
        self.body = body
        timeout = .seconds(60)
        if body != nil { contentType = "application/json" }
    }
}

/// What an API server answered.
package struct ClusterAnswer: Sendable {
    package var status: Int
    /// What Retry-After asks for.
    package var retryAfter: Duration?
    package var body: [UInt8]

    package init(status: Int, retryAfter: Duration? = nil, body: [UInt8] = []) {
        self.status = status
        self.retryAfter = retryAfter
        self.body = body
    }
}

/// Carries requests to one cluster.
@ReactorActor
package protocol ClusterTransport: AnyObject {
    /// One attempt; throws when there was no whole answer of at most `limit` bytes.
    func send(
        _ request: ClusterRequest, limit: Int
    ) async throws(ClusterFailure) -> ClusterAnswer

    /// Hands the body of a 200 to `sink` as it comes and returns behind its end; another status is
    /// an answer, with at most 64 KiB of its body. Cancelling the task ends it with `.cancelled`,
    /// and so does the sink.
    func stream(
        _ request: ClusterRequest, to sink: any ClusterSink
    ) async throws(ClusterFailure) -> ClusterAnswer
}

/// Takes a body as it comes.
@ReactorActor
package protocol ClusterSink: AnyObject {
    /// The next bytes; false: no more are wanted.
    func take(_ bytes: Span<UInt8>) -> Bool
}

/// Parts of a target.
package enum ClusterPath {
    /// `text` as one segment of a path or one value of a query: an API server names things, and a
    /// name must not become a path.
    package static func escape(_ text: String) -> String {
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F, 0x7E: escaped.append(byte)
            // Two dots would be a step up.
            case 0x2E where text != "." && text != "..": escaped.append(byte)
            default:
                escaped.append(UInt8(ascii: "%"))
                for digit in [byte >> 4, byte & 15] {
                    escaped.append(digit < 10 ? 0x30 + digit : 0x37 + digit)
                }
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// Where all workloads of a kind are listed and watched.
    package static func list(_ kind: Workload.Kind) -> String { "/apis/apps/v1/\(plural(kind))" }

    /// Where one workload is.
    package static func object(
        _ kind: Workload.Kind, namespace: String, name: String
    ) -> String {
        "/apis/apps/v1/namespaces/\(escape(namespace))/\(plural(kind))/\(escape(name))"
    }

    /// Where things of `plural` in the core group are, such as pods.
    package static func core(_ plural: String, namespace: String) -> String {
        "/api/v1/namespaces/\(escape(namespace))/\(plural)"
    }

    private static func plural(_ kind: Workload.Kind) -> String {
        switch kind {
        case .deployment: "deployments"
        case .statefulSet: "statefulsets"
        }
    }
}
