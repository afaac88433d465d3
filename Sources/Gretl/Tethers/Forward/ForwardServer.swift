// Where an API server is, taken from the address in a kubeconfig: what a socket needs of it, and
// what the request line does. Used by PortForwarder; pure.

/// An API server's address.
package struct ForwardServer: Equatable, Sendable {
    package let isSecure: Bool
    /// A name or a numeric address, without brackets.
    package let host: String
    package let port: UInt16
    /// What stands before `/api`, without a slash at the end.
    package let path: String

    /// Nil when it is neither http nor https, or has no host.
    package init?(_ url: String) {
        let rest: Substring
        if url.hasPrefix("https://") {
            isSecure = true
            rest = url.dropFirst(8)
        } else if url.hasPrefix("http://") {
            isSecure = false
            rest = url.dropFirst(7)
        } else {
            return nil
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest.dropFirst(authority.count).prefix { $0 != "?" && $0 != "#" }
        guard tail.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        path = tail.hasSuffix("/") ? String(tail.dropLast()) : String(tail)
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            let behind = authority[authority.index(after: end)...]
            guard behind.isEmpty || behind.hasPrefix(":") else { return nil }
            portText = behind.isEmpty ? nil : behind.dropFirst()
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let name = parts.first else { return nil }
            host = String(name)
            portText = parts.count == 2 ? parts[1] : nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            !host.contains("@")
        else { return nil }
        guard let portText else {
            port = isSecure ? 443 : 80
            return
        }
        guard let number = UInt16(portText), number > 0 else { return nil }
        port = number
    }

    /// The value of Host.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }
}
