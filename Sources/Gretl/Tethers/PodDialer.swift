// How a tether gets to a pod, as protocols: the cluster's side finds a pod and connects to it, in
// the pod's network or through the API server, and a proxy knows neither. Implemented by
// ClusterDialer, and by the tests with a local server.

package import NetCore

/// Connects to pods of workloads.
@ReactorActor
package protocol PodDialer: AnyObject {
    /// Begins to connect to `port` of a ready pod of `workload`, for which it waits until the
    /// attempt is cancelled. With `wasWoken` false, a workload without any pod is a failure that
    /// says so. `finished` is called at most once: not after a cancel, never from inside this call.
    func dial(
        _ workload: Workload, port: UInt16, wasWoken: Bool,
        finished: @escaping (Result<any PodEnd, DialFailure>) -> Void
    ) -> any PodAttempt
}

/// A connection that is being made.
@ReactorActor
package protocol PodAttempt: AnyObject {
    /// Ends it without a result; nothing to do when there was one.
    func cancel()
}

/// Why there is no connection.
package struct DialFailure: Error, Equatable, Sendable {
    /// The workload has no pod and none is coming: it sleeps, whatever we believed.
    package var isAsleep: Bool
    /// English, without any secret.
    package var text: String

    package init(_ text: String, isAsleep: Bool = false) {
        self.text = text
        self.isAsleep = isAsleep
    }
}

/// A connection to a pod over which no byte of the client has gone yet.
@ReactorActor
package protocol PodEnd: AnyObject {
    var pod: String { get }
    /// Begins to move bytes between a client's socket and the pod. Owns the socket from now on, and
    /// has closed both when it throws; the owner is not told then.
    func join(
        _ client: Int32, owner: any TetherLinkOwner
    ) throws(SystemError) -> any TetherLink
    /// Closes it: there is nobody any more.
    func discard()
}

/// A client and a pod, and the bytes between them.
@ReactorActor
package protocol TetherLink: AnyObject {
    var bytesFromClient: UInt64 { get }
    var bytesFromPod: UInt64 { get }
    /// When bytes were last moved, first of all when it was made.
    var lastMovement: Instant { get }
    /// One side has ended and the other has not.
    var isHalfClosed: Bool { get }
    /// Ends it; the client sees a reset, and the owner is told as of every other end.
    func close()
}

/// How a link ended.
package enum TetherLinkEnd: Equatable, Sendable {
    /// Both sides have ended, and all bytes were handed on.
    case finished
    /// The client went away.
    case clientLeft
    /// The pod, the way to it or this machine failed; the client saw a reset.
    case failed(String)
    /// The owner closed it.
    case closed
}

/// Who is told that a link is over.
@ReactorActor
package protocol TetherLinkOwner: AnyObject {
    /// Called exactly once, never from inside a call of the owner's.
    func linkEnded(_ link: any TetherLink, _ end: TetherLinkEnd)
}
