// Who may ask: checked before every route and before any body is read. A daemon that runs commands
// and listens on loopback can be reached by every web page in the user's browser (DNS rebinding,
// cross-site requests) and by every other user of the machine; the checks close both. Each refusal
// names its rule and the configuration key that opens it. Order: Host, Origin, Sec-Fetch-Site,
// content type, token, peer. Routes of /k8s need a token even when no other does.

import HTTPParser
package import NetCore

/// The checks before every route.
@ReactorActor
package final class Gate {
    /// What the owner configured.
    package struct Rules: Sendable {
        /// Further names for Host, lower case.
        package var hosts: Set<String> = []
        /// Origins allowed besides our own, as browsers send them.
        package var origins: Set<String> = []
        package var token: Secret?
        /// What routes of /k8s need when `token` is not set.
        package var clusterToken: Secret?

        package init() {}
    }

    /// What is done with a request.
    enum Verdict {
        case pass
        /// A preflight of a listed origin, or a plain OPTIONS.
        case answer(Response)
        case refuse(APIError)
    }

    /// Marks of connections (HTTPApplication.mark).
    package enum Peer {
        package static let ours: UInt8 = 0
        package static let foreign: UInt8 = 1
        /// Ours, at the socket in the home folder: no page and no forwarded port gets there.
        package static let door: UInt8 = 2
    }

    private let rules: Rules
    /// The Host value that passed last: most clients send the same one.
    private var lastHost = FlatArray<UInt8>([])

    package init(_ rules: Rules) { self.rules = rules }

    func check(_ exchange: Exchange) -> Verdict {
        if let refusal = checkHost(exchange) { return .refuse(refusal) }
        var isListed = false
        if exchange.range(of: .origin) != nil || exchange.range(of: .secFetchSite) != nil {
            switch checkOrigin(exchange) {
            case .failure(let refusal): return .refuse(refusal)
            case .success(let listed): isListed = listed
            }
            if exchange.method == .options, isListed,
                exchange.range(of: .acRequestMethod) != nil
            {
                return .answer(Response(status: 204, contentType: "", body: []))
            }
        }
        if let refusal = checkContentType(exchange) { return .refuse(refusal) }
        var hasToken = false
        if let token = rules.token {
            guard presents(token, exchange) else { return .refuse(Gate.unauthorized) }
            hasToken = true
        } else if Gate.isClusterPath(exchange) {
            guard let token = rules.clusterToken, presents(token, exchange) else {
                return .refuse(Gate.unauthorizedCluster)
            }
            hasToken = true
        }
        if exchange.connectionMark == Peer.foreign, !hasToken { return .refuse(Gate.foreignUser) }
        return .pass
    }

    // MARK: Host

    private func checkHost(_ exchange: Exchange) -> APIError? {
        let target = exchange.target
        // RFC 9112 section 3.2.2: the authority of an absolute target counts, not Host.
        let range: ByteRange
        if case .absolute = target.form {
            range = target.authority
        } else if let host = exchange.range(of: .host) {
            range = host
        } else {
            // Only HTTP/1.0 may leave it out, and no browser speaks that.
            return nil
        }
        if lastHost.count > 0, exchange.isEqual(range, lastHost) { return nil }
        let isKnown = exchange.withHead { bytes in
            guard let value = HostValue.parse(bytes, range),
                isAllowed(exchange.text(value.host).lowercased(), value.kind)
            else { return false }
            lastHost = FlatArray(copy(bytes, range))
            return true
        }
        guard !isKnown else { return nil }
        return APIError(
            .forbiddenHost, "the Host '\(Gate.shown(exchange.text(range)))' is not this machine's",
            hint: "call http://127.0.0.1 or http://localhost, or list the name under 'hosts'")
    }

    private func isAllowed(_ host: String, _ kind: HostValue.Kind) -> Bool {
        switch kind {
        case .name: host == "localhost" || host == "localhost." || rules.hosts.contains(host)
        case .ipv4: host.hasPrefix("127.") || rules.hosts.contains(host)
        case .ipv6:
            // With and without the brackets of the URL.
            ["::1", "[::1]"].contains(host) || rules.hosts.contains(host)
                || SocketAddress(host.filter { $0 != "[" && $0 != "]" }, port: 1)?.host == "::1"
        }
    }

    // MARK: Origin

    /// Whether the request comes from a listed origin; or the refusal.
    private func checkOrigin(_ exchange: Exchange) -> Result<Bool, APIError> {
        guard let range = exchange.range(of: .origin) else { return checkFetchSite(exchange) }
        let origin = exchange.text(range)
        guard exchange.count(of: .origin) == 1 else {
            return .failure(Gate.foreignOrigin("several"))
        }
        if rules.origins.contains(origin) {
            allow(origin, exchange)
            return .success(true)
        }
        let host = exchange.text(of: .host) ?? ""
        guard origin.lowercased() == "http://" + host.lowercased(), !host.isEmpty else {
            return .failure(Gate.foreignOrigin(origin))
        }
        return checkBrowserRequest(exchange)
    }

    /// A browser's request without an Origin.
    private func checkFetchSite(_ exchange: Exchange) -> Result<Bool, APIError> {
        // A browser sends one: several are somebody who tries.
        let isSingle = exchange.count(of: .secFetchSite) == 1
        let site = isSingle ? exchange.text(of: .secFetchSite) ?? "none" : "several"
        switch site {
        case "none", "same-origin": return checkBrowserRequest(exchange)
        default:
            // A link to us that somebody follows: a GET changes nothing here.
            if exchange.method == .get || exchange.method == .head,
                exchange.text(of: .secFetchMode) == "navigate",
                exchange.text(of: .secFetchDest) == "document"
            {
                return .success(false)
            }
            return .failure(
                APIError(
                    .forbiddenOrigin,
                    "the browser says the request comes from elsewhere "
                        + "(Sec-Fetch-Site: \(Gate.shown(site)))",
                    hint: "list the page's origin under 'cors.origins'"))
        }
    }

    /// A request without a body is one a page can send without a preflight: something only our own
    /// scripts set has to be there before it changes anything.
    private func checkBrowserRequest(_ exchange: Exchange) -> Result<Bool, APIError> {
        switch exchange.method {
        case .get, .head, .options: return .success(false)
        default: break
        }
        if exchange.range(of: .xGretl) != nil || hasJSONType(exchange) { return .success(false) }
        return .failure(
            APIError(
                .forbiddenOrigin, "a browser's request that changes something needs a marker",
                hint: "send 'Content-Type: application/json' or 'X-Gretl: 1'"))
    }

    private func allow(_ origin: String, _ exchange: Exchange) {
        var lines = "Access-Control-Allow-Origin: \(origin)\r\n"
        if exchange.method == .options {
            lines += "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE\r\n"
            lines += "Access-Control-Allow-Headers: Content-Type, Authorization, "
            lines += "Last-Event-ID, X-Gretl\r\n"
            lines += "Access-Control-Max-Age: 600\r\n"
        } else {
            // Of other headers a browser shows a page only a few, and these are documented.
            lines += "Access-Control-Expose-Headers: Retry-After, X-Gretl-Latest-Event, "
            lines += "X-Gretl-Oldest-Event\r\n"
        }
        exchange.additionalHeaders = Array(lines.utf8)
    }

    // MARK: Token and peer

    /// Compares in a time that depends on the length of the sent value only.
    private func presents(_ token: Secret, _ exchange: Exchange) -> Bool {
        guard exchange.count(of: .authorization) == 1,
            let range = exchange.range(of: .authorization)
        else { return false }
        let prefix = Array("bearer ".utf8)
        return exchange.withHead { bytes in
            let end = min(range.end, bytes.count)
            guard end - range.lower > prefix.count else { return false }
            for index in 0..<prefix.count
            where bytes[range.lower + index] | 0x20 != prefix[index] {
                return false
            }
            var start = range.lower + prefix.count
            while start < end, bytes[start] == 0x20 { start += 1 }
            return token.matches(bytes.extracting(start..<end))
        }
    }

    private static let unauthorized = APIError(
        .unauthorized, "this daemon asks for a token, and the request has none or a wrong one",
        hint: "send 'Authorization: Bearer TOKEN' with the auth.token of config.toml",
        headers: ["WWW-Authenticate": "Bearer"])

    private static let unauthorizedCluster = APIError(
        .unauthorized,
        "the routes of /k8s ask for a token, and the request has none or a wrong one",
        hint: "send 'Authorization: Bearer TOKEN' with GR_TOKEN of the daemon's environment, else "
            + "with what is in the file 'token' of its home folder; gr does so by itself",
        headers: ["WWW-Authenticate": "Bearer"])

    /// The router compares the bytes as they came: what is spelled otherwise has no route.
    private static func isClusterPath(_ exchange: Exchange) -> Bool {
        exchange.pathBegins(with: "/k8s/")
            || exchange.target.path.count == 4 && exchange.pathBegins(with: "/k8s")
    }

    private static let foreignUser = APIError(
        .forbiddenUser, "the caller is not the user this daemon belongs to",
        hint: "set auth.token and send it, or set 'peer_check = false'")

    private static func foreignOrigin(_ origin: String) -> APIError {
        APIError(
            .forbiddenOrigin, "the origin '\(shown(origin))' is not allowed",
            hint: "list it under 'cors.origins'")
    }

    /// Foreign text in a message: short and without control characters.
    private static func shown(_ text: String) -> String {
        String(
            text.unicodeScalars.filter { !$0.actsOnDisplay }.prefix(80).map { Character($0) })
    }

    private func copy(_ bytes: Span<UInt8>, _ range: ByteRange) -> [UInt8] {
        var copied: [UInt8] = []
        for index in range.lower..<min(range.end, bytes.count) { copied.append(bytes[index]) }
        return copied
    }
}
