// A numeric address and port, or a Unix path, as the kernel wants it. Names are never looked up
// here: a look-up can block for seconds.

internal import CEpoll
import Glibc

/// Where a socket is, or shall be.
@safe  // a plain value of the kernel's, copied whole
package struct SocketAddress: Sendable {
    var raw: cepoll_address

    init(raw: cepoll_address) { self.raw = raw }

    /// A numeric IPv4 or IPv6 address (no brackets); nil when `text` is neither.
    package init?(_ text: String, port: UInt16) {
        var raw = cepoll_address()
        guard unsafe cepoll_address_parse(&raw, text, port) == 0 else { return nil }
        self.raw = raw
    }

    /// A Unix socket path; nil when it does not fit into 107 bytes.
    package init?(path: String) {
        var raw = cepoll_address()
        guard unsafe cepoll_address_unix(&raw, path) == 0 else { return nil }
        self.raw = raw
    }

    package var isIPv6: Bool { unsafe withRaw { unsafe cepoll_address_family($0) == AF_INET6 } }
    package var isUnix: Bool { unsafe withRaw { unsafe cepoll_address_family($0) == AF_UNIX } }
    package var port: UInt16 { unsafe withRaw { unsafe UInt16(clamping: cepoll_address_port($0)) } }

    /// The numeric address without port: `127.0.0.1`, `::1`.
    package var host: String {
        unsafe withRaw { raw in
            unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
                let count = unsafe cepoll_address_text(raw, text.baseAddress, 64)
                return count > 0 ? unsafe String(cString: text.baseAddress!) : ""
            }
        }
    }

    /// As in a URL: `127.0.0.1:80`, `[::1]:80`.
    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool { isIPv6 ? host == "::1" : host.hasPrefix("127.") }

    func withRaw<Value>(_ body: (UnsafePointer<cepoll_address>) -> Value) -> Value {
        unsafe withUnsafePointer(to: raw) { unsafe body($0) }
    }
}
