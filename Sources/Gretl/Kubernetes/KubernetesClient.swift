// Requests to the API server of one cluster, with the manners it asks for: a 429 or 5xx that says
// when to come back is obeyed, a Status is read for its reason, everything has a bound. Used by
// Workloads, the sweeper and tethers; one for each cluster.

package import NetCore

/// Asks one API server.
@ReactorActor
package final class KubernetesClient {
    private let transport: any ClusterTransport
    private let reactor: Reactor
    private let background: BackgroundThread
    private let pace: Pace

    /// How long it waits; tests are in a hurry.
    package struct Pace: Sendable {
        /// The unit of pauses between attempts.
        package var pause = Duration.milliseconds(200)
        /// What Retry-After may ask for at most, in all.
        package var patience = Duration.seconds(30)
        package init() {}
    }

    /// Largest single object that is read: more than an API server stores.
    package nonisolated static let objectMost = 4 << 20
    /// Largest list that is read as a whole, such as the pods of one workload.
    package nonisolated static let listMost = 16 << 20
    private static let attemptsMost = 10

    package init(
        _ transport: any ClusterTransport, on reactor: Reactor, background: BackgroundThread,
        pace: Pace = Pace()
    ) {
        self.transport = transport
        self.reactor = reactor
        self.background = background
        self.pace = pace
    }

    /// The body of the answer; a status other than 2xx throws `.refused`.
    package func send(
        _ request: ClusterRequest, limit: Int = KubernetesClient.objectMost
    ) async throws(ClusterFailure) -> [UInt8] {
        var waited = Duration.zero
        for attempt in 1... {
            let answer = try await transport.send(request, limit: limit)
            if (200..<300).contains(answer.status) { return answer.body }
            let failure = KubernetesClient.failure(answer)
            guard let pause = answer.retryAfter, attempt < KubernetesClient.attemptsMost,
                answer.status == 429 || answer.status >= 500, waited + pause <= pace.patience,
                !Task.isCancelled
            else { throw failure }
            waited += pause
            await reactor.pause(jittered(pause))
        }
        throw .cancelled
    }

    /// Reads a body as it comes; a status other than 200 throws.
    package func stream(
        _ request: ClusterRequest, to sink: any ClusterSink
    ) async throws(ClusterFailure) {
        var waited = Duration.zero
        for attempt in 1... {
            let answer = try await transport.stream(request, to: sink)
            if answer.status == 200 { return }
            let failure = KubernetesClient.failure(answer)
            guard let pause = answer.retryAfter, attempt < KubernetesClient.attemptsMost,
                answer.status == 429 || answer.status >= 500, waited + pause <= pace.patience,
                !Task.isCancelled
            else { throw failure }
            waited += pause
            await reactor.pause(jittered(pause))
        }
    }

    /// A little more than `pause`: many who were sent away must not come back at once.
    private func jittered(_ pause: Duration) -> Duration {
        let milliseconds = max(1, pace.pause.inMilliseconds)
        return min(pause, pace.patience) + .milliseconds(Int64.random(in: 0...milliseconds))
    }

    /// Waits before attempt `number` at something that went wrong, longer each time.
    package func backOff(_ number: Int) async {
        let unit = max(1, pace.pause.inMilliseconds)
        let most = unit << Int64(min(max(0, number), 8))
        await reactor.pause(.milliseconds(Int64.random(in: unit / 2 + 1...most + 1)))
    }

    /// GET of one object, decoded.
    package func object(_ target: String) async throws(ClusterFailure) -> JSONValue {
        try await decode(try await send(ClusterRequest("GET", target)))
    }

    /// GET of a list that is short enough to be read as a whole: its items.
    package func items(_ target: String) async throws(ClusterFailure) -> [JSONValue] {
        let request = ClusterRequest("GET", target)
        let body = try await send(request, limit: KubernetesClient.listMost)
        return try await decode(body)["items"]?.elements ?? []
    }

    /// POST or PUT of a whole object; the object as it is then.
    package func write(
        _ method: String, _ target: String, _ body: JSONText
    ) async throws(ClusterFailure) -> JSONValue {
        try await decode(try await send(ClusterRequest(method, target, body: body.bytes)))
    }

    /// A merge patch (RFC 7396) of one object, in our name; the object as it is then.
    package func patch(_ target: String, _ body: JSONText) async throws(ClusterFailure) -> [UInt8] {
        var request = ClusterRequest("PATCH", "\(target)?fieldManager=gretl", body: body.bytes)
        request.contentType = "application/merge-patch+json"
        return try await send(request)
    }

    // MARK: Answers

    /// Decodes an object; off the reactor when that takes long.
    package func decode(_ body: [UInt8]) async throws(ClusterFailure) -> JSONValue {
        do throws(APIError) {
            return .object(try await background.decode(body))
        } catch {
            throw .nonsense(error.message)
        }
    }

    /// What an answer that is not 2xx says: a Status in JSON, or text.
    nonisolated static func failure(_ answer: ClusterAnswer) -> ClusterFailure {
        let fields = try? JSONValue.object(Array(answer.body.prefix(65_536)))
        guard let fields, case .string(let message)? = fields["message"] else {
            let text = String(decoding: answer.body.prefix(300), as: UTF8.self)
            return .refused(
                status: answer.status, reason: "", message: ClusterFailure.clean(text))
        }
        var reason = ""
        if case .string(let word)? = fields["reason"] { reason = word }
        return .refused(
            status: answer.status, reason: reason, message: ClusterFailure.clean(message))
    }
}

extension JSONValue {
    /// What a path of member names leads to; nil where there is nothing.
    package subscript(path: String...) -> JSONValue? {
        var value = self
        for name in path {
            guard case .object(let members) = value, let member = members[name] else { return nil }
            value = member
        }
        return value
    }

    /// Its text, when it is a string.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// Its value, when it is a whole number.
    package var whole: Int? {
        if case .integer(let value) = self { Int(value) } else { nil }
    }

    /// Its elements, when it is an array.
    package var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// Its members, when it is an object.
    package var members: [String: JSONValue] {
        if case .object(let members) = self { members } else { [:] }
    }
}
