// Whose socket is it: exact questions to the kernel over NETLINK_SOCK_DIAG, about 2.5 us each
// whatever the number of sockets. Used for the peer check at accept and for "is this port free".

internal import CEpoll
import Glibc

/// The kernel's answers about sockets.
@ReactorActor
package final class SocketOwners {
    /// Who a socket belongs to.
    package struct Owner: Equatable, Sendable {
        package var uid: UInt32
        /// 0: no process holds it any more, whatever `uid` says.
        package var inode: UInt32
    }

    private let netlink: Int32

    /// Throws when the kernel has no sock_diag.
    package init() throws(SystemError) {
        netlink = cepoll_sockdiag_open()
        guard netlink >= 0 else { throw SystemError("sock_diag", netlink) }
    }

    /// Throws what ``init()`` would throw.
    package nonisolated static func probe() throws(SystemError) {
        let netlink = cepoll_sockdiag_open()
        guard netlink >= 0 else { throw SystemError("sock_diag", netlink) }
        Descriptor.close(netlink)
    }

    /// The socket that would accept a connection to `address`, nil when nobody listens.
    package func listener(at address: SocketAddress) throws(SystemError) -> Owner? {
        var owner = cepoll_socket_owner()
        let result = unsafe address.withRaw { unsafe cepoll_sockdiag_listener(netlink, $0, &owner) }
        guard result >= 0 else { throw SystemError("sock_diag", result) }
        return result == 1 ? Owner(uid: owner.uid, inode: owner.inode) : nil
    }

    /// The other end of a loopback connection we accepted, nil when it is gone.
    package func peer(local: SocketAddress, peer: SocketAddress) throws(SystemError) -> Owner? {
        var owner = cepoll_socket_owner()
        let result = unsafe local.withRaw { local in
            unsafe peer.withRaw { peer in unsafe cepoll_sockdiag_peer(netlink, local, peer, &owner)
            }
        }
        guard result >= 0 else { throw SystemError("sock_diag", result) }
        return result == 1 ? Owner(uid: owner.uid, inode: owner.inode) : nil
    }
}
