// Where an absolute http or https URL points, taken apart just so far that the name a certificate
// must hold can differ from the address that is dialled.

/// Host, port and the rest of a URL.
package struct URLPlace: Equatable, Sendable {
    /// "http" or "https".
    package let scheme: String
    /// As written; an IPv6 address in brackets.
    package let host: String
    package let port: Int
    /// Path and query, with a slash in front, or nothing.
    package let rest: String

    package init(_ url: String) throws(TransferError) {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), url.utf8.count <= 16_384,
            let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://")
        else { throw .invalidRequest("its address is no URL") }
        scheme = url[..<colon].lowercased()
        guard scheme == "http" || scheme == "https" else {
            throw .invalidRequest("its address is neither http nor https")
        }
        let behind = url[colon...].dropFirst(3)
        let authority = behind.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        rest = String(behind.dropFirst(authority.count))
        guard !authority.contains("@"), !authority.isEmpty else {
            throw .invalidRequest("its address names no host, or a user")
        }
        let standard = scheme == "https" ? 443 : 80
        // Behind the bracket of an IPv6 address, if it is one.
        let bracket = authority.lastIndex(of: "]")
        let name = bracket.map { authority[...$0] } ?? authority.prefix { $0 != ":" }
        let tail = authority.dropFirst(name.count)
        guard !name.isEmpty, tail.isEmpty || tail.hasPrefix(":"),
            let port = tail.count < 2 ? standard : Int(tail.dropFirst()),
            (1...65_535).contains(port)
        else { throw .invalidRequest("its address has no usable host and port") }
        host = String(name)
        self.port = port
    }

    /// As in the header Host.
    package var authority: String {
        port == (scheme == "https" ? 443 : 80) ? host : "\(host):\(port)"
    }

    /// The same place under another name.
    func url(host name: String) -> String { "\(scheme)://\(name):\(port)\(rest)" }
}
