// The opening of a WebSocket from the server's side (RFC 6455 section 4.2): what a request has to
// say, and the answer 101. Host, Origin and token were looked at by the gate as for any request.
// No subprotocol and no extension is ever agreed on: permessage-deflate is declined by silence.

internal import HTTPParser

/// Why a request does not open a WebSocket.
package struct WebSocketRefusal: Error, Equatable, Sendable {
    /// 400 or 426.
    package let status: Int
    package let message: String
    /// Headers that the status asks for.
    package var headers: [String: String] = [:]
}

extension Exchange {
    /// The key of a request that opens a WebSocket.
    package func webSocketKey() throws(WebSocketRefusal) -> String {
        guard method == .get, !declaresBody else {
            throw WebSocketRefusal(status: 400, message: "a WebSocket is opened by a plain GET")
        }
        guard !isHTTP10 else {
            throw WebSocketRefusal(status: 400, message: "a WebSocket needs HTTP/1.1")
        }
        guard hasToken("websocket", in: .upgrade), hasToken("upgrade", in: .connection) else {
            throw WebSocketRefusal(
                status: 426, message: "this path is a WebSocket and the request asks for none",
                headers: ["Upgrade": "websocket", "Connection": "Upgrade"])
        }
        guard count(of: .secWebSocketVersion) == 1, text(of: .secWebSocketVersion) == "13" else {
            throw WebSocketRefusal(
                status: 426, message: "the version of the WebSocket protocol is not 13",
                headers: ["Sec-WebSocket-Version": "13"])
        }
        guard count(of: .secWebSocketKey) == 1, let key = text(of: .secWebSocketKey),
            Exchange.isKey(key)
        else {
            throw WebSocketRefusal(
                status: 400, message: "Sec-WebSocket-Key is not one key of 16 bytes")
        }
        return key
    }

    /// Answers 101; `opened` gets the connection, unless the client has left by then.
    package func openWebSocket(
        key: String, _ options: WebSocketOptions = WebSocketOptions(),
        _ opened: @escaping @ReactorActor (WebSocketConnection) -> Void
    ) {
        upgrade([
            ("Upgrade", "websocket"), ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", WebSocketKey.accept(key)),
        ]) { socket in
            WebSocketConnection.open(socket, options, opened)
        }
    }

    /// 16 bytes in base64: 22 characters of the alphabet and two signs of filling.
    private static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, bytes[22] == 0x3D, bytes[23] == 0x3D else { return false }
        return bytes[..<22].allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F: true
            default: false
            }
        }
    }

    /// Whether a list of tokens (RFC 9110 section 5.6.1) has `token`, in any case, on any of its
    /// lines.
    private func hasToken(_ token: String, in header: KnownHeader) -> Bool {
        // Several lines of one header are one list; a browser sends one line.
        guard count(of: header) == 1, let text = text(of: header) else { return false }
        return text.split(separator: ",").contains { word in
            var word = word
            while word.first == " " || word.first == "\t" { word.removeFirst() }
            while word.last == " " || word.last == "\t" { word.removeLast() }
            return word.lowercased() == token
        }
    }
}
