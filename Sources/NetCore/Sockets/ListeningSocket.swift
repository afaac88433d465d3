// Every listening TCP socket of this machine, from the kernel's own list. For the scan that says
// who holds a port; it takes from 0.2 ms (one port) to some milliseconds, so it is for a thread
// that may block. Whether a single port is free is SocketOwners' question, which costs 2.5 us.

internal import CEpoll
import Glibc

/// A socket that takes connections.
package struct ListeningSocket: Sendable, Equatable {
    /// The address without port: `127.0.0.1`, `::`.
    package var host: String
    package var port: UInt16
    package var uid: UInt32
    /// 0: no process holds it.
    package var inode: UInt32
    /// An IPv6 socket that takes no IPv4 connections.
    package var isV6Only: Bool

    package init(host: String, port: UInt16, uid: UInt32, inode: UInt32, isV6Only: Bool = false) {
        self.host = host
        self.port = port
        self.uid = uid
        self.inode = inode
        self.isV6Only = isV6Only
    }

    /// Most sockets that are listed.
    private static let most = 32_768
    /// More than the kernel puts into one piece.
    private static let pieceMost = 512

    /// The listeners on `port`, or on every port. A kernel without IPv6 has none of that family.
    package static func list(port: UInt16 = 0) throws(SystemError) -> [ListeningSocket] {
        let netlink = Descriptor(cepoll_sockdiag_open())
        guard netlink.number >= 0 else { throw SystemError("sock_diag", netlink.number) }
        var found: [ListeningSocket] = []
        for (sequence, family) in [AF_INET, AF_INET6].enumerated() {
            let number = UInt32(sequence + 1)
            let asked = cepoll_socklist_begin(netlink.number, family, port, number)
            guard asked == 0 else { throw SystemError("sock_diag", asked) }
            try read(netlink.number, number, isOptional: family == AF_INET6, into: &found)
        }
        return found.filter { port == 0 || $0.port == port }
    }

    private static func read(
        _ netlink: Int32, _ sequence: UInt32, isOptional: Bool,
        into found: inout [ListeningSocket]
    ) throws(SystemError) {
        let piece = UnsafeMutablePointer<cepoll_listening>.allocate(capacity: pieceMost)
        defer { unsafe piece.deallocate() }
        // Ends at the last piece; each of the others adds sockets or the kernel is broken.
        for _ in 0..<most where found.count < most {
            var isLast: Int32 = 0
            // The kernel writes at most `pieceMost` records and says how many.
            let count = unsafe cepoll_socklist_next(
                netlink, sequence, piece, Int32(pieceMost), &isLast)
            guard count >= 0 else {
                if isOptional, count == -ENOENT || count == -EAFNOSUPPORT { return }
                throw SystemError("sock_diag", count)
            }
            for index in 0..<Int(count) {
                let one = unsafe piece[index]
                let address = SocketAddress(raw: one.address)
                found.append(
                    ListeningSocket(
                        host: address.host, port: address.port, uid: one.uid, inode: one.inode,
                        isV6Only: one.is_v6_only != 0))
            }
            if isLast != 0 { return }
        }
    }
}
