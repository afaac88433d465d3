// Access by the owner's own kubeconfig: files and plugin are asked again when what they gave is
// old, has run out or was not taken. However many requests wait, it is done once.

import NetCore

/// Access by reference.
@ReactorActor
final class ReferenceAccess: ClusterAccess {
    private let reference: KubeconfigReference
    private let reactor: Reactor
    private let background: BackgroundThread
    private let runner: PluginRunner
    /// As they were when they were read last.
    private(set) var server: String
    private(set) var namespace: String
    /// The program that makes our tokens.
    private(set) var plugin: String?
    /// In memory only.
    private var kept: ClusterCredentials?
    private var madeAt: Instant
    private var expiresAt: Instant
    /// What went wrong last, and until when nobody tries again: a plugin may ask a person to log
    /// in, or lock an account.
    private var failure: (error: APIError, until: Instant)?
    private var isReading = false
    private var waiters: [CheckedContinuation<Result<ClusterCredentials, APIError>, Never>] = []

    /// Files are read again after that: a token may lie in one that somebody renews.
    private static let patience = Duration.seconds(50)
    /// A 401 to what is newer than that is not the credentials' fault, and a failure that is newer
    /// is not tried again.
    private static let leastAge = Duration.seconds(5)
    /// A credential is renewed that long before it runs out.
    private static let margin: Int64 = 30_000
    private static let waitersMost = 1_024

    init(
        _ reference: KubeconfigReference, server: String, namespace: String,
        on reactor: Reactor, background: BackgroundThread, runner: PluginRunner
    ) {
        self.reference = reference
        self.server = server
        self.namespace = namespace
        self.reactor = reactor
        self.background = background
        self.runner = runner
        madeAt = reactor.now
        expiresAt = reactor.now
    }

    func credentials(again: Bool) async throws(APIError) -> ClusterCredentials {
        let isYoung = reactor.now < madeAt + ReferenceAccess.leastAge
        if let kept, reactor.now < expiresAt, !again || isYoung { return kept }
        if let failure, reactor.now < failure.until { throw failure.error }
        guard waiters.count < ReferenceAccess.waitersMost else {
            throw .daemonBusy("too many requests wait for credentials")
        }
        let result: Result<ClusterCredentials, APIError> = await withCheckedContinuation {
            waiters.append($0)
            guard !isReading else { return }
            isReading = true
            spawn { [self] in await renewForAll() }
        }
        return try result.get()
    }

    private func renewForAll() async {
        let result: Result<ClusterCredentials, APIError>
        do throws(APIError) {
            result = .success(try await renew())
            failure = nil
        } catch {
            result = .failure(error)
            failure = (error, reactor.now + ReferenceAccess.leastAge)
        }
        isReading = false
        let waiting = waiters
        waiters = []
        for continuation in waiting { continuation.resume(returning: result) }
    }

    private func renew() async throws(APIError) -> ClusterCredentials {
        let reference = reference
        let read: Result<KubeconfigReference.Reading, APIError>
        do throws(BackgroundThread.Refusal) {
            read = try await background.perform {
                Result { () throws(APIError) in try reference.read() }
            }
        } catch { throw .daemonBusy("too much work is waiting") }
        let reading = try read.get()
        server = reading.direct.server
        namespace = reading.direct.namespace
        plugin = reading.plugin?.path
        var made = ClusterCredentials(
            identity: reading.direct.identity, authorization: reading.direct.authorization)
        var life = ReferenceAccess.patience
        if let spec = reading.plugin {
            let given = try await runner.run(spec, reference.environment, for: reading.direct)
            if let value = given.authorization { made.authorization = value }
            if let certificate = given.certificate {
                made.identity.certificate = certificate
                made.identity.key = given.key
            }
            life = .seconds(12 * 3_600)
            if let end = given.expiresAt {
                let left = end - reactor.wallNanoseconds() / 1_000_000 - ReferenceAccess.margin
                // One that runs out at once is not run for every request.
                life = min(life, max(.milliseconds(left), ReferenceAccess.leastAge))
            }
        }
        kept = made
        madeAt = reactor.now
        expiresAt = reactor.now + life
        return made
    }
}
