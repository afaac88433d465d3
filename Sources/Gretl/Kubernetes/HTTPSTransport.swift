// Carries requests to a real API server: HTTPSClient with the credentials of the cluster. A 401 has
// them read anew, once. Nothing is believed of the server: bodies have a bound, redirects are
// answers like any other, and what it says is not repeated unless it is cleaned.

package import NetCore

/// Requests to one API server over TLS.
@ReactorActor
package final class HTTPSTransport: ClusterTransport {
    private let https: HTTPSClient
    private let access: any ClusterAccess

    package init(_ https: HTTPSClient, _ access: any ClusterAccess) {
        self.https = https
        self.access = access
    }

    /// Most bytes of an answer that says no.
    private static let refusalMost = 64 << 10

    package func send(
        _ request: ClusterRequest, limit: Int
    ) async throws(ClusterFailure) -> ClusterAnswer {
        var answer = try await attempt(request, limit, again: false)
        if answer.status == 401 { answer = try await attempt(request, limit, again: true) }
        return ClusterAnswer(
            status: answer.status, retryAfter: HTTPSTransport.retryAfter(answer.head),
            body: answer.body)
    }

    private func attempt(
        _ request: ClusterRequest, _ limit: Int, again: Bool
    ) async throws(ClusterFailure) -> HTTPSClient.Answer {
        let made = try await make(request, again: again)
        do throws(TransferError) { return try await https.send(made, limit: limit) } catch {
            throw HTTPSTransport.failure(error)
        }
    }

    package func stream(
        _ request: ClusterRequest, to sink: any ClusterSink
    ) async throws(ClusterFailure) -> ClusterAnswer {
        let answer = try await attempt(request, sink, again: false)
        return answer.status == 401 ? try await attempt(request, sink, again: true) : answer
    }

    private func attempt(
        _ request: ClusterRequest, _ sink: any ClusterSink, again: Bool
    ) async throws(ClusterFailure) -> ClusterAnswer {
        let made = try await make(request, again: again)
        let body = StreamedBody(sink, HTTPSTransport.refusalMost)
        let result: Result<ClusterAnswer, ClusterFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                body.continuation = continuation
                body.transfer = https.open(made, body)
            }
        } onCancel: {
            ReactorActor.post { body.end(.failure(.cancelled)) }
        }
        return try result.get()
    }

    private func make(
        _ request: ClusterRequest, again: Bool
    ) async throws(ClusterFailure) -> HTTPSClient.Request {
        let credentials: ClusterCredentials
        do throws(APIError) { credentials = try await access.credentials(again: again) } catch {
            throw .ours(error)
        }
        var made = HTTPSClient.Request(url: access.server + request.target)
        made.method = request.method
        made.identity = credentials.identity
        made.authorization = credentials.authorization
        made.body = request.body
        made.headers = [("Accept", "application/json"), ("User-Agent", HTTPSTransport.agent)]
        if let type = request.contentType { made.headers.append(("Content-Type", type)) }
        made.totalTimeout = request.timeout
        made.idleTimeout = request.idleTimeout
        return made
    }

    private static let agent = "gretl/\(Version.text)"

    /// Only whole seconds are understood; a server that wants more than a minute is down.
    fileprivate static func retryAfter(_ head: HTTPSClient.Head) -> Duration? {
        head.value("retry-after").flatMap { Int($0) }.map { .seconds(min(max($0, 0), 60)) }
    }

    fileprivate static func failure(_ error: TransferError) -> ClusterFailure {
        error == .cancelled ? .cancelled : .unreachable(error.text)
    }
}

/// One streamed answer.
@ReactorActor
private final class StreamedBody: TransferConsumer {
    private let sink: any ClusterSink
    private let refusalMost: Int
    private var head = HTTPSClient.Head(status: 0, headers: [])
    private var refusal: [UInt8] = []
    var continuation: CheckedContinuation<Result<ClusterAnswer, ClusterFailure>, Never>?
    var transfer: Transfer?

    init(_ sink: any ClusterSink, _ refusalMost: Int) {
        self.sink = sink
        self.refusalMost = refusalMost
    }

    func end(_ result: Result<ClusterAnswer, ClusterFailure>) {
        transfer?.cancel()
        transfer = nil
        continuation?.resume(returning: result)
        continuation = nil
    }

    func transferDidBegin(_ transfer: Transfer, _ head: HTTPSClient.Head) { self.head = head }

    func transfer(_ transfer: Transfer, received bytes: Span<UInt8>) -> TransferFlow {
        guard head.status == 200 else {
            for index in 0..<min(bytes.count, max(0, refusalMost - refusal.count)) {
                refusal.append(bytes[index])
            }
            return .go
        }
        if !sink.take(bytes) { end(.failure(.cancelled)) }
        return .go
    }

    func transferDidEnd(_ transfer: Transfer, _ failure: TransferError?) {
        self.transfer = nil
        if let failure { return end(.failure(HTTPSTransport.failure(failure))) }
        end(
            .success(
                ClusterAnswer(
                    status: head.status, retryAfter: HTTPSTransport.retryAfter(head),
                    body: refusal)))
    }
}
