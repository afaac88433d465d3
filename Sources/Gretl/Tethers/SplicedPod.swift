// A pod that is reached by a plain socket: its bytes go by splice(2) and never enter user space.
// Made by dialers once they are connected.

package import NetCore

/// A connected socket to a pod.
@ReactorActor
package final class SplicedPod: PodEnd {
    package nonisolated let pod: String
    private let splicer: Splicer
    private var descriptor: Int32

    /// Owns `descriptor`, a connected, non-blocking TCP socket.
    package init(_ descriptor: Int32, pod: String, through splicer: Splicer) {
        self.descriptor = descriptor
        self.pod = pod
        self.splicer = splicer
    }

    package func join(
        _ client: Int32, owner: any TetherLinkOwner
    ) throws(SystemError) -> any TetherLink {
        let far = descriptor
        descriptor = -1
        return try SplicedLink(client, far, through: splicer, owner: owner)
    }

    package func discard() {
        Descriptor.reset(descriptor)
        descriptor = -1
    }
}

/// A pair of spliced sockets as a link.
@ReactorActor
private final class SplicedLink: TetherLink, SplicePairOwner {
    /// Nil only while it is made.
    private var pair: SplicePair?
    private var owner: (any TetherLinkOwner)?

    init(
        _ client: Int32, _ far: Int32, through splicer: Splicer, owner: any TetherLinkOwner
    ) throws(SystemError) {
        self.owner = owner
        pair = try SplicePair(near: client, far: far, through: splicer, owner: self)
    }

    var bytesFromClient: UInt64 { pair?.bytesFromNear ?? 0 }
    var bytesFromPod: UInt64 { pair?.bytesFromFar ?? 0 }
    var lastMovement: Instant { pair?.lastMovement ?? .distantFuture }
    var isHalfClosed: Bool { pair?.isHalfClosed ?? false }

    func close() { pair?.close() }

    func pairEnded(_ pair: SplicePair, _ end: SplicePair.End) {
        let told = owner
        owner = nil
        told?.linkEnded(self, SplicedLink.meaning(of: end))
    }

    private static func meaning(of end: SplicePair.End) -> TetherLinkEnd {
        switch end {
        case .finished: .finished
        case .reset(.near, _): .clientLeft
        case .reset(.far, let error):
            .failed("the connection to the pod was lost: \(SystemError.text(error.code))")
        case .closed: .closed
        case .failed(let error):
            .failed("this machine could not move the bytes: \(SystemError.text(error.code))")
        }
    }
}
