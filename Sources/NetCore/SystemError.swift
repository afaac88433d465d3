// What the machine said when it said no: the operation and its errno. Thrown by everything in
// NetCore that calls the kernel; the callers decide by `kind`, never by number.

import Glibc

/// A failed system call.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    /// How a caller has to react.
    package enum Kind {
        /// Nothing to do now; readiness will be reported.
        case wouldBlock
        /// The other end is gone: close, count, say nothing.
        case peerGone
        /// No descriptor (or memory for one) is left.
        case outOfDescriptors
        /// Anything else: report it.
        case other
    }

    package let operation: StaticString
    /// A positive errno.
    package let code: Int32

    package init(_ operation: StaticString, _ negativeErrno: some BinaryInteger) {
        self.operation = operation
        let value = Int32(clamping: negativeErrno)
        self.code = value == .min ? EIO : abs(value)
    }

    package var kind: Kind {
        switch code {
        case EAGAIN, EINTR, EINPROGRESS: .wouldBlock
        case EPIPE, ECONNRESET, ECONNABORTED, ENOTCONN, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,
            ECONNREFUSED:
            .peerGone
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: .outOfDescriptors
        default: .other
        }
    }

    /// Whoever was to do it has too much to do.
    package static func tooBusy(_ operation: StaticString) -> SystemError {
        SystemError(operation, EAGAIN)
    }

    /// The address cannot be bound on this machine (no IPv6, for example).
    package var isAddressUnavailable: Bool {
        code == EADDRNOTAVAIL || code == EAFNOSUPPORT
    }

    /// Somebody else has the address.
    package var isAddressInUse: Bool { code == EADDRINUSE }

    /// The kernel or the file system has no such call, or a sandbox around us hides it.
    package var isUnsupported: Bool { code == ENOSYS || code == EINVAL || code == EOPNOTSUPP }

    /// The kernel refused it to this user.
    package static func isRefusalOfRights(_ code: Int32) -> Bool { code == EACCES || code == EPERM }

    /// Nobody listens there.
    package var isRefusal: Bool {
        code == ECONNREFUSED || code == ENOENT || code == ENOTDIR || code == ENOTSOCK
    }

    package var description: String { "\(operation): \(SystemError.text(code))" }

    package static func == (left: SystemError, right: SystemError) -> Bool {
        left.code == right.code && left.operation.description == right.operation.description
    }

    /// The kernel's words for an errno, such as "No such file or directory".
    package static func text(_ code: Int32) -> String {
        // strerror's answer is valid until the next call in this thread; it is copied at once.
        guard let words = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: words)
    }
}
