// What a cluster is registered with, and the access made of it: a kubeconfig, the pod we run in,
// or the owner's own kubeconfig where it lies. Knows the form in which each is stored. Used by
// Clusters.

package import NetCore

/// How somebody wants a cluster to be reached.
package enum ClusterSource: Sendable {
    /// Raw or base64, and the context that is meant.
    case kubeconfig([UInt8], context: String?)
    case inCluster
    case reference(KubeconfigReference)
}

/// Access that was made, with what it shows of itself.
struct MadeAccess {
    var access: any ClusterAccess
    var signs = ClusterProvider.Signs()
    /// For the database.
    var stored: Secret
    var isInCluster = false
    /// The path of the program that makes its tokens.
    var plugin: String?
}

/// Makes access of what was sent and of what is stored.
@ReactorActor
package struct AccessMaker {
    private let reactor: Reactor
    private let background: BackgroundThread
    private let place: InClusterAccess.Place
    private let runner: PluginRunner

    package init(
        on reactor: Reactor, background: BackgroundThread, place: InClusterAccess.Place,
        runner: PluginRunner
    ) {
        self.runner = runner
        self.reactor = reactor
        self.background = background
        self.place = place
    }

    /// Access by what somebody sent. Reading a kubeconfig takes milliseconds: off the reactor.
    func make(_ source: ClusterSource) async throws(APIError) -> MadeAccess {
        switch source {
        case .kubeconfig(let text, let context):
            return try await read(text, context)
        case .inCluster:
            let access = try InClusterAccess(place, on: reactor, background: background)
            // What the pod lacks is said now.
            _ = try await access.credentials(again: true)
            var made = MadeAccess(
                access: access, stored: AccessMaker.stored("in_cluster") { _ in })
            made.signs.server = access.server
            made.isInCluster = true
            return made
        case .reference(let reference):
            return try await follow(reference)
        }
    }

    /// The files are read, and a plugin run, now: who it is that says so sees at once what fails.
    private func follow(
        _ reference: KubeconfigReference
    ) async throws(APIError) -> MadeAccess {
        let access = refer(reference, server: "", namespace: "default")
        _ = try await access.credentials(again: true)
        var made = MadeAccess(
            access: access,
            stored: AccessMaker.stored("reference") { json in
                json.field("server", access.server)
                json.field("namespace", access.namespace)
                reference.write(into: &json)
            })
        made.signs.server = access.server
        made.signs.context = reference.context
        made.plugin = access.plugin
        made.signs.plugin = access.plugin.map { PrivateFile.split($0).name } ?? ""
        return made
    }

    private func refer(
        _ reference: KubeconfigReference, server: String, namespace: String
    ) -> ReferenceAccess {
        ReferenceAccess(
            reference, server: server, namespace: namespace, on: reactor,
            background: background, runner: runner)
    }

    private func read(
        _ text: [UInt8], _ context: String?
    ) async throws(APIError) -> MadeAccess {
        let result: Result<(DirectAccess, String), APIError>
        do throws(BackgroundThread.Refusal) {
            result = try await background.perform {
                Result { () throws(APIError) in
                    let entry = try Kubeconfig(text).entry(context: context)
                    return (try entry.access(), entry.context)
                }
            }
        } catch { throw .daemonBusy("too much work is waiting") }
        let (direct, name) = try result.get()
        var made = MadeAccess(
            access: StoredAccess(direct),
            stored: AccessMaker.stored("kubeconfig") { direct.write(into: &$0) })
        made.signs.server = direct.server
        made.signs.context = name
        return made
    }

    private static func stored(
        _ kind: String, _ write: (inout JSONText) -> Void
    ) -> Secret {
        var json = JSONText()
        json.beginObject()
        json.field("kind", kind)
        write(&json)
        json.endObject()
        return Secret(json.text)
    }

    /// Access by a row. What cannot be used says why whenever it is asked for.
    func restore(_ stored: Secret) -> any ClusterAccess {
        let fields = (try? JSONValue.object(Array(stored.reveal().utf8))) ?? [:]
        switch fields["kind"]?.text {
        case "kubeconfig":
            if let direct = DirectAccess(fields) { return StoredAccess(direct) }
        case "reference":
            if let server = fields["server"]?.text, let context = fields["context"]?.text,
                let reference = try? KubeconfigReference(
                    paths: fields["paths"], context: context,
                    environment: fields["environment"])
            {
                return refer(
                    reference, server: server,
                    namespace: fields["namespace"]?.text ?? "default")
            }
        case "in_cluster":
            do throws(APIError) {
                return try InClusterAccess(place, on: reactor, background: background)
            } catch { return UnusableAccess(error) }
        default: break
        }
        return UnusableAccess(
            APIError(
                .invalidKubeconfig, "how this cluster is reached was stored by another version",
                hint: "register it again"))
    }
}

/// Access that was stored and is none any more.
@ReactorActor
private final class UnusableAccess: ClusterAccess {
    private let reason: APIError

    init(_ reason: APIError) { self.reason = reason }

    var server: String { "" }

    func credentials(again: Bool) async throws(APIError) -> ClusterCredentials { throw reason }
}
