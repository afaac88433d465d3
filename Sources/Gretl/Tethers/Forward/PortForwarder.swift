// Connects to a port of a pod through the API server: credentials, a connection to the server, the
// opening of a WebSocket. One connection each time, since one that is shared stops all when one
// stops (measured). Used by ClusterDialer.

package import NetCore

/// Opens forwards.
@ReactorActor
package final class PortForwarder {
    /// A connected, encrypted stream to the address, or the reason why there is none.
    package typealias Connect =
        @ReactorActor (
            _ server: ForwardServer, _ address: SocketAddress, _ cluster: Cluster,
            _ identity: TLSIdentity
        ) async throws(DialFailure) -> any ForwardStream

    private let reactor: Reactor
    private let line: ForwardLine
    private let names: NameLookup
    private let connect: Connect

    package init(on reactor: Reactor, connect: @escaping Connect) {
        self.reactor = reactor
        line = ForwardLine(on: reactor)
        names = NameLookup(on: reactor)
        self.connect = connect
    }

    /// What ClusterDialer calls.
    package func forward(
        _ workload: Workload, _ pod: String, _ port: UInt16,
        _ finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
    ) -> any PodAttempt {
        let attempt = ForwardAttempt(finished)
        spawn { [self] in
            do throws(DialFailure) {
                attempt.tell(.success(try await open(workload, pod, port)))
            } catch { attempt.tell(.failure(error)) }
        }
        return attempt
    }

    private func open(
        _ workload: Workload, _ pod: String, _ port: UInt16
    ) async throws(DialFailure) -> any PodEnd {
        let cluster = workload.cluster
        guard let server = ForwardServer(cluster.access.server) else {
            throw DialFailure("the address of cluster '\(cluster.name)' is neither http nor https")
        }
        var isAgain = false
        while true {
            let credentials: ClusterCredentials
            do throws(APIError) {
                credentials = try await cluster.access.credentials(again: isAgain)
            } catch { throw DialFailure(error.message) }
            let stream = try await stream(to: server, cluster, credentials.identity)
            let request = ForwardHandshake.Request(
                server: server, namespace: workload.namespace, pod: pod, port: port,
                authorization: credentials.authorization)
            let outcome = await handshake(request, stream)
            switch outcome {
            case .open(let early):
                return ForwardedPod(stream, pod: pod, early: early, on: line)
            case .unauthorized where !isAgain:
                stream.close()
                isAgain = true
            case .unauthorized(let text), .failed(let text):
                stream.close()
                throw DialFailure(text)
            }
        }
    }

    private func handshake(
        _ request: ForwardHandshake.Request, _ stream: any ForwardStream
    ) async -> ForwardHandshake.Outcome {
        await withCheckedContinuation { continuation in
            _ = ForwardHandshake(request, over: stream, on: reactor) {
                continuation.resume(returning: $0)
            }
        }
    }

    /// The first address that takes a connection.
    private func stream(
        to server: ForwardServer, _ cluster: Cluster, _ identity: TLSIdentity
    ) async throws(DialFailure) -> any ForwardStream {
        let hosts: [String]
        do throws(NameLookup.Failure) { hosts = try await names.addresses(of: server.host) } catch {
            throw DialFailure(error.text)
        }
        var failure = DialFailure("the API server has no address")
        for host in hosts {
            guard let address = SocketAddress(host, port: server.port) else { continue }
            do throws(DialFailure) {
                return try await connect(server, address, cluster, identity)
            } catch { failure = error }
        }
        throw failure
    }
}

extension Reactor {
    /// A connected socket to `address`.
    func connect(
        to address: SocketAddress, within timeout: Duration
    ) async throws(SystemError) -> Int32 {
        let outcome: Connector.Outcome = await withCheckedContinuation { continuation in
            _ = Connector(to: address, timeout: timeout, on: self) {
                continuation.resume(returning: $0)
            }
        }
        switch outcome {
        case .connected(let socket): return socket
        case .failed(let error): throw error
        }
    }
}

/// One forward on its way. It goes on when it is given up, and is closed when it comes about: every
/// step of it has its limit of time.
@ReactorActor
private final class ForwardAttempt: PodAttempt {
    private var finished: ((Result<any PodEnd, DialFailure>) -> Void)?

    init(_ finished: @escaping (Result<any PodEnd, DialFailure>) -> Void) {
        self.finished = finished
    }

    func cancel() { finished = nil }

    func tell(_ result: Result<any PodEnd, DialFailure>) {
        let told = finished
        finished = nil
        if told == nil, case .success(let end) = result { end.discard() }
        told?(result)
    }
}

/// A pod behind an API server.
@ReactorActor
final class ForwardedPod: PodEnd {
    let pod: String
    private let stream: any ForwardStream
    private let early: [UInt8]
    private let line: ForwardLine

    init(_ stream: any ForwardStream, pod: String, early: [UInt8], on line: ForwardLine) {
        self.stream = stream
        self.pod = pod
        self.early = early
        self.line = line
    }

    func join(
        _ client: Int32, owner: any TetherLinkOwner
    ) throws(SystemError) -> any TetherLink {
        try ForwardLink(client, stream, ForwardFrames(), early: early, on: line, owner: owner)
    }

    func discard() { stream.close() }
}
