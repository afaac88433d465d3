// One context of a kubeconfig: what of it may be used, and the access that it describes. A
// kubeconfig that was posted can name programs to run, files to read and machines to ask; all of
// that is refused with its name and the way out. From a file of the owner's own more is taken.

/// A context, and the cluster and user it names.
package struct KubeconfigEntry: Sendable {
    package let context: String
    let cluster: Kubeconfig.Fields
    let user: Kubeconfig.Fields
    package let namespace: String?

    /// Reads a file that is named in the kubeconfig.
    package typealias FileReader = (String) throws(APIError) -> [UInt8]

    /// The forms that need the owner's consent, and why.
    private static let refused: [(member: String, inUser: Bool, reason: String)] = [
        ("exec", true, "runs a program"), ("auth-provider", true, "runs a removed plugin"),
        ("tokenFile", true, "reads a file"), ("client-certificate", true, "reads a file"),
        ("client-key", true, "reads a file"), ("certificate-authority", false, "reads a file"),
        ("proxy-url", false, "sends everything through another machine"),
        ("insecure-skip-tls-verify", false, "trusts whoever answers"),
        ("as", true, "acts as somebody else"), ("as-uid", true, "acts as somebody else"),
        ("as-groups", true, "acts as somebody else"),
        ("as-user-extra", true, "acts as somebody else"),
    ]

    /// What not even a file of the owner's may say.
    private static let unsupported: Set<String> = [
        "auth-provider", "proxy-url", "as", "as-uid", "as-groups", "as-user-extra",
    ]

    /// Throws for what must not be taken from somebody who posted it; with `isOwn` for what is
    /// not known here.
    package func check(isOwn: Bool) throws(APIError) {
        for (member, inUser, reason) in KubeconfigEntry.refused {
            guard isSet(member, inUser), !isOwn || KubeconfigEntry.unsupported.contains(member)
            else { continue }
            let place = inUser ? "user" : "cluster"
            guard !isOwn else {
                throw .kubeconfig(
                    "'\(member)' of its \(place) is not supported: it \(reason)",
                    hint: "use a context without '\(member)'")
            }
            throw .kubeconfig(
                "'\(member)' of its \(place) is not taken from a request: it \(reason)",
                hint: "run 'gr k8s clusters add --context NAME', which uses your own kubeconfig "
                    + "where it lies, or send one with certificates and tokens in it")
        }
    }

    /// A path beside its data is not read.
    private func isSet(_ member: String, _ inUser: Bool) -> Bool {
        let fields = inUser ? user : cluster
        if let data = fields["\(member)-data"]?.text, !data.isEmpty { return false }
        switch fields[member] {
        case nil, .null, .bool(false): return false
        case .string(let text): return !text.isEmpty && text != "false"
        case .array(let items): return !items.isEmpty
        case .object(let members): return !members.isEmpty
        default: return true
        }
    }

    /// The access without what a plugin adds. `file` is nil for a kubeconfig that was posted.
    package func access(file: FileReader? = nil) throws(APIError) -> DirectAccess {
        try check(isOwn: file != nil)
        var access = DirectAccess(
            server: try KubeconfigEntry.server(cluster["server"]?.text),
            namespace: try namespaceName())
        access.identity.authorities = try pem(
            cluster, "certificate-authority", "CERTIFICATE", file)
        if let name = cluster["tls-server-name"]?.text, !name.isEmpty {
            access.identity.serverName = try KubeconfigEntry.hostName(name)
        }
        if case .bool(true)? = cluster["insecure-skip-tls-verify"] {
            access.identity.isUnverified = true
        }
        access.identity.certificate = try pem(user, "client-certificate", "CERTIFICATE", file)
        access.identity.key = try pem(user, "client-key", "PRIVATE KEY", file).map { Secret($0) }
        guard (access.identity.certificate == nil) == (access.identity.key == nil) else {
            throw .kubeconfig("its user has a client certificate or a key without the other")
        }
        access.authorization = try authorization(file)
        return access
    }

    /// What runs a plugin; nil when something else says who we are, as in kubectl.
    var plugin: JSONValue? {
        let others = ["token", "tokenFile", "username", "client-certificate"]
        guard !others.contains(where: { isSet($0, true) }),
            (user["client-certificate-data"]?.text ?? "").isEmpty, isSet("exec", true)
        else { return nil }
        return user["exec"]
    }

    private func namespaceName() throws(APIError) -> String {
        guard let namespace else { return "default" }
        let isName = namespace.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
        }
        guard isName, namespace.utf8.count <= 63 else {
            throw .kubeconfig("the namespace of its context is no name")
        }
        return namespace
    }

    private func authorization(_ file: FileReader?) throws(APIError) -> Secret? {
        if let token = user["token"]?.text, !token.isEmpty {
            return try KubeconfigEntry.bearer(Array(token.utf8))
        }
        if let file, let path = user["tokenFile"]?.text, !path.isEmpty {
            return try KubeconfigEntry.bearer(try file(path))
        }
        if let name = user["username"]?.text, !name.isEmpty {
            let pair = "\(name):\(user["password"]?.text ?? "")"
            return Secret("Basic \(Base64.encode(Array(pair.utf8)))")
        }
        return nil
    }

    /// The value of the header for a token, which may have a line end behind it.
    static func bearer(_ token: [UInt8]) throws(APIError) -> Secret {
        let text = Array(token.prefix { $0 > 0x20 })
        guard !text.isEmpty, text.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            token.dropFirst(text.count).allSatisfy({ $0 <= 0x20 }), text.count <= 64 << 10
        else { throw .kubeconfig("its token has characters that no token has, or no end") }
        return Secret("Bearer " + String(decoding: text, as: UTF8.self))
    }

    /// The text of a PEM member: that of its data, or of its file.
    private func pem(
        _ fields: Kubeconfig.Fields, _ member: String, _ label: String, _ file: FileReader?
    ) throws(APIError) -> String? {
        var bytes: [UInt8]?
        if let data = fields["\(member)-data"]?.text, !data.isEmpty {
            guard let decoded = Base64.decode(data.utf8) else {
                throw .kubeconfig("'\(member)-data' is no base64")
            }
            bytes = decoded
        } else if let file, let path = fields[member]?.text, !path.isEmpty {
            bytes = try file(path)
        }
        guard let bytes else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("-----BEGIN "), text.contains("\(label)-----") else {
            throw .kubeconfig("'\(member)' holds no \(label.lowercased()) in PEM")
        }
        return text
    }

    // MARK: Server

    /// An address that may be asked: https, or http on this machine, where kubectl proxy listens.
    /// Link-local addresses are those of a cloud's metadata, not of a cluster.
    static func server(_ text: String?) throws(APIError) -> String {
        guard var text, !text.isEmpty else { throw .kubeconfig("its cluster has no 'server'") }
        while text.hasSuffix("/") { text.removeLast() }
        let place: URLPlace
        do throws(TransferError) { place = try URLPlace(text) } catch {
            throw .kubeconfig("'server' of its cluster: \(error.text)")
        }
        guard !place.rest.contains("?"), !place.rest.contains("#") else {
            throw .kubeconfig("'server' of its cluster has a query")
        }
        let host = place.host.lowercased()
        let isLocal = host == "localhost" || host == "[::1]" || host.hasPrefix("127.")
        guard place.scheme == "https" || isLocal else {
            throw .kubeconfig(
                "'server' of its cluster is plain http to another machine",
                hint: "tokens would be readable on the way: use https")
        }
        guard !host.hasPrefix("169.254."), !host.hasPrefix("[fe8"), !host.hasPrefix("[fd00:ec2:")
        else { throw .kubeconfig("'server' of its cluster is a link-local address") }
        return text
    }

    private static func hostName(_ text: String) throws(APIError) -> String {
        let isName = text.utf8.allSatisfy {
            (0x61...0x7A).contains($0 | 0x20) || (0x30...0x3A).contains($0) || $0 == 0x2D
                || $0 == 0x2E
        }
        guard isName, text.utf8.count <= 253 else {
            throw .kubeconfig("'tls-server-name' of its cluster is no name")
        }
        return text
    }
}
