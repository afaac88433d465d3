// Access of a pod to its own cluster: address from the environment, authority and token from the
// mount of the service account. The token is replaced by the kubelet before it runs out, so it is
// read again after 50 seconds, and after a 401.

package import NetCore

/// Access by the service account of the pod we run in.
@ReactorActor
package final class InClusterAccess: ClusterAccess {
    /// Where a pod finds what it needs.
    package struct Place: Sendable {
        package var host: String?
        package var port: String?
        package var folder = "/var/run/secrets/kubernetes.io/serviceaccount"

        /// By the environment. Tests say another folder, since they have no kubelet.
        package init(_ environment: [String: String]) {
            host = environment["KUBERNETES_SERVICE_HOST"]
            port = environment["KUBERNETES_SERVICE_PORT"]
            if let folder = environment["GR_SERVICE_ACCOUNT_FOLDER"], folder.hasPrefix("/") {
                self.folder = folder
            }
        }
    }

    package let server: String
    package private(set) var namespace = "default"
    private let folder: String
    private let reactor: Reactor
    private let background: BackgroundThread
    private var kept: (credentials: ClusterCredentials, until: Instant)?

    private nonisolated static let patience = Duration.seconds(50)
    private nonisolated static let tokenMost = 64 << 10
    private nonisolated static let authorityMost = 512 << 10

    /// Throws outside a cluster.
    package init(
        _ place: Place, on reactor: Reactor, background: BackgroundThread
    ) throws(APIError) {
        guard let host = place.host, !host.isEmpty, let port = place.port, UInt16(port) != nil
        else {
            throw APIError(
                .invalidKubeconfig,
                "the daemon does not run in a cluster: KUBERNETES_SERVICE_HOST and "
                    + "KUBERNETES_SERVICE_PORT are not set",
                hint: "send a kubeconfig, or run the daemon as a pod (in_cluster is for that)")
        }
        let isSix = host.contains(":") && !host.hasPrefix("[")
        server = try KubeconfigEntry.server("https://\(isSix ? "[\(host)]" : host):\(port)")
        folder = place.folder
        self.reactor = reactor
        self.background = background
    }

    package func credentials(again: Bool) async throws(APIError) -> ClusterCredentials {
        if !again, let kept, reactor.now < kept.until { return kept.credentials }
        let folder = folder
        let read: Result<Mount, APIError>
        do throws(BackgroundThread.Refusal) {
            read = try await background.perform {
                Result { () throws(APIError) in try InClusterAccess.read(folder) }
            }
        } catch { throw .daemonBusy("too much work is waiting") }
        let mount = try read.get()
        namespace = mount.namespace ?? namespace
        kept = (mount.credentials, reactor.now + InClusterAccess.patience)
        return mount.credentials
    }

    private struct Mount: Sendable {
        var credentials: ClusterCredentials
        var namespace: String?
    }

    private nonisolated static func read(_ folder: String) throws(APIError) -> Mount {
        var identity = TLSIdentity()
        let authority = try file("\(folder)/ca.crt", authorityMost)
        identity.authorities = String(decoding: authority, as: UTF8.self)
        let token = try file("\(folder)/token", tokenMost)
        let bearer: Secret
        do throws(APIError) { bearer = try KubeconfigEntry.bearer(token) } catch {
            throw unreadable("\(folder)/token", "it holds no token")
        }
        let name = (try? file("\(folder)/namespace", 256)).map {
            String(decoding: $0.prefix { $0 > 0x20 }, as: UTF8.self)
        }
        return Mount(
            credentials: ClusterCredentials(identity: identity, authorization: bearer),
            namespace: name.flatMap { $0.isEmpty ? nil : $0 })
    }

    /// The kubelet makes links, so they are followed.
    private nonisolated static func file(
        _ path: String, _ most: Int
    ) throws(APIError) -> [UInt8] {
        let found: [UInt8]?
        do throws(FileError) {
            found = try ProjectFile.contents(of: path, limit: most, isToRun: false)
        } catch { throw unreadable(path, error.message) }
        guard let found else { throw unreadable(path, "it is not there") }
        return found
    }

    private nonisolated static func unreadable(_ path: String, _ reason: String) -> APIError {
        APIError(
            .invalidKubeconfig, "the pod's service account cannot be used: \(path): \(reason)",
            hint: "give the pod a service account, and 'automountServiceAccountToken' with it")
    }
}
