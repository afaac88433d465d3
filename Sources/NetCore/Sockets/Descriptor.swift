// Owners of descriptors for everything that is not a registered handler. Closing is explicit where
// the order matters; the deinit is the net.

internal import CEpoll

/// Owns one descriptor.
package struct Descriptor: ~Copyable {
    /// The number, for a system call.
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    deinit {
        if number >= 0 { _ = cepoll_close(number) }
    }

    /// Gives the number away; the caller closes it.
    package consuming func take() -> Int32 {
        let taken = number
        discard self
        return taken
    }

    /// Closes a descriptor that nobody owns.
    package static func close(_ number: Int32) {
        if number >= 0 { _ = cepoll_close(number) }
    }

    /// Closes a connected socket that nobody owns, so that its peer sees a reset.
    package static func reset(_ number: Int32) {
        guard number >= 0 else { return }
        _ = cepoll_set_reset_on_close(number)
        _ = cepoll_close(number)
    }
}
