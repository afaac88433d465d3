// An accepted TCP connection that has to wait: for a pod that wakes, for a connection to it. No
// byte is read, all stay with the kernel, which stops the client when its buffer is full; what is
// noticed is a client that leaves. Used by TetherConnection.

internal import CEpoll

/// A connected socket that nobody reads from yet.
@ReactorActor
package final class HeldSocket: EventHandler {
    private let reactor: Reactor
    private var descriptor: Int32
    private var registration = Registration.none
    /// Empty once it was called, or never will be.
    private var left: (() -> Void)?

    /// Owns `descriptor` from now on, and resets it when it throws. `peerLeft` is called at most
    /// once, when the socket is closed already, and never from inside this initialiser.
    package init(
        _ descriptor: Int32, on reactor: Reactor, peerLeft: @escaping () -> Void
    ) throws(SystemError) {
        self.reactor = reactor
        self.descriptor = descriptor
        left = peerLeft
        do throws(SystemError) {
            registration = try reactor.register(descriptor, .readHangUp, self)
        } catch {
            reset()
            throw error
        }
    }

    package func ready(_ mask: EventMask) {
        if mask.isDisjoint(with: [.hangUp, .error]), mask.contains(.readHangUp), hasBytes {
            // It has asked, said that this was all, and waits for the answer. Whether it still
            // does cannot be told any more until something is sent.
            try? reactor.change(registration, [])
            return
        }
        let told = left
        reset()
        told?()
    }

    private var hasBytes: Bool {
        var byte: UInt8 = 0
        // The byte is a local that outlives the call.
        return unsafe cepoll_peek(descriptor, &byte, 1) > 0
    }

    /// Gives the socket away with everything that arrived; -1 when it is gone.
    package func take() -> Int32 {
        let taken = descriptor
        leave()
        return taken
    }

    /// Closes the socket, so that its peer sees a reset. Nobody is told.
    package func reset() {
        let lost = descriptor
        leave()
        Descriptor.reset(lost)
    }

    private func leave() {
        reactor.deregister(registration)
        registration = .none
        descriptor = -1
        left = nil
    }
}
