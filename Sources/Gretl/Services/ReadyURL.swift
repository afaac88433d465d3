// The URL of a ready check, taken apart once at registration. Only plain HTTP to this machine: a
// ready check must not become a way to make the daemon call others.

import NetCore

/// Where and what to ask whether a service is ready.
package struct ReadyURL: Equatable, Sendable {
    /// Why a URL cannot be used.
    package struct Refusal: Error, Equatable {
        let words: String
        let hint: String
    }

    /// As given: `localhost`, `127.0.0.1`, `[::1]`.
    var host: String
    var port: UInt16
    /// Path and query; starts with a slash.
    var target: String

    /// The addresses to try: both families for a name.
    var addresses: [SocketAddress] {
        let texts: [String]
        switch host.lowercased() {
        case "localhost": texts = ["127.0.0.1", "::1"]
        case "[::1]": texts = ["::1"]
        default: texts = [host]
        }
        return texts.compactMap { SocketAddress($0, port: port) }
    }

    /// The bytes of the request.
    var request: [UInt8] {
        Array(
            ("GET \(target) HTTP/1.1\r\nHost: \(host):\(port)\r\nUser-Agent: gr\r\n"
                + "Accept: */*\r\nConnection: close\r\n\r\n").utf8)
    }

    /// Takes `text` apart.
    static func parse(_ text: String) -> Result<ReadyURL, Refusal> {
        let hint = "use a URL such as http://localhost:7401/health"
        guard !text.lowercased().hasPrefix("https://") else {
            return .failure(
                Refusal(
                    words: "uses https, which ready checks do not speak yet",
                    hint: "check a plain HTTP port, or leave 'ready' out: the port is then tried"))
        }
        guard text.lowercased().hasPrefix("http://") else {
            return .failure(Refusal(words: "is not an http:// URL", hint: hint))
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !text.contains("#") else {
            return .failure(
                Refusal(words: "contains characters a URL cannot have", hint: hint))
        }
        let rest = text.dropFirst("http://".count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var target = String(rest[end...])
        if !target.hasPrefix("/") { target = "/" + target }
        guard let (host, port) = authority(rest[..<end]) else {
            return .failure(Refusal(words: "has no valid host and port", hint: hint))
        }
        guard isThisMachine(host) else {
            return .failure(
                Refusal(
                    words: "does not point to this machine",
                    hint: "use localhost, 127.0.0.1 or [::1]"))
        }
        return .success(ReadyURL(host: host, port: port, target: target))
    }

    private static func authority(_ text: Substring) -> (String, UInt16)? {
        let colon: Substring.Index?
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            let after = text.index(after: bracket)
            guard after == text.endIndex || text[after] == ":" else { return nil }
            colon = after == text.endIndex ? nil : after
        } else {
            colon = text.firstIndex(of: ":")
        }
        guard let colon else { return text.isEmpty ? nil : (String(text), 80) }
        let digits = text[text.index(after: colon)...]
        guard let port = UInt16(digits), port > 0, !digits.hasPrefix("+") else { return nil }
        return colon == text.startIndex ? nil : (String(text[..<colon]), port)
    }

    private static func isThisMachine(_ host: String) -> Bool {
        let host = host.lowercased()
        if host == "localhost" || host == "[::1]" { return true }
        return SocketAddress(host, port: 1)?.isLoopback == true && !host.contains(":")
    }
}
