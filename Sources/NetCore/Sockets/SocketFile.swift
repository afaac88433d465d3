// A Unix socket by the path of its file, and the user at its other end.
//
// The daemon listens on one in its home folder and `gr` connects to it. The kernel takes 107 bytes
// of a path; the path of a home folder can be longer, so then the folder is opened and the socket
// named through it, for both sides.

internal import CEpoll
import Glibc

/// The address of a socket file, good as long as this lives.
package struct SocketFile: ~Copyable {
    package let address: SocketAddress
    /// The folder that a long path is named through; -1 when the path is short enough.
    private let folder: Descriptor

    /// `path` is that of a file in a folder that exists.
    package init(_ path: String) throws(SystemError) {
        if let address = SocketAddress(path: path) {
            self.address = address
            folder = Descriptor(-1)
            return
        }
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        // The path is copied into a terminated text for the length of the call.
        let opened = unsafe cepoll_open_folder(String(path[..<slash]))
        guard opened >= 0 else { throw SystemError("open the folder of a socket", opened) }
        let name = path[path.index(after: slash)...]
        guard let address = SocketAddress(path: "/proc/self/fd/\(opened)/\(name)") else {
            Descriptor.close(opened)
            throw SystemError("name a socket", -ENAMETOOLONG)
        }
        self.address = address
        folder = Descriptor(opened)
    }

    /// The user who made the other end of a connected Unix socket; nil when the kernel has none.
    package static func peerUser(of descriptor: Int32) -> UInt32? {
        var user = UInt32.max
        // The kernel fills the one number; its "nobody" is the highest.
        guard unsafe cepoll_peer_user(descriptor, &user) == 0, user != .max else { return nil }
        return user
    }
}
