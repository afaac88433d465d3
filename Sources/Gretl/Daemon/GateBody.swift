// What the gate asks of a request that brings a body: JSON, and as it is. A page can send forms and
// plain text to anybody without asking, JSON it cannot. Called by Gate, before the body is read.

internal import HTTPParser
import NetCore

extension Gate {
    func checkContentType(_ exchange: Exchange) -> APIError? {
        guard exchange.declaresBody else { return nil }
        switch exchange.method {
        case .get, .head, .options, .trace: return nil
        default: break
        }
        guard hasJSONType(exchange) else {
            return APIError(
                .unsupportedMediaType, "a body has to be JSON in UTF-8",
                hint: "send 'Content-Type: application/json'")
        }
        guard !hasContentCoding(exchange) else {
            return APIError(
                .unsupportedMediaType, "a body with a Content-Encoding cannot be read",
                hint: "send it as it is, without that header")
        }
        return nil
    }

    /// A coding means other bytes than those we would read (RFC 9110 8.4). Looked for only where
    /// there is a body, so it has no place in the parser's table.
    private func hasContentCoding(_ exchange: Exchange) -> Bool {
        let name = Array("\ncontent-encoding:".utf8)
        return exchange.withHead { bytes in
            guard bytes.count > name.count else { return false }
            for start in 0..<bytes.count - name.count where bytes[start] == name[0] {
                var length = 1
                while length < name.count {
                    let byte = bytes[start + length]
                    let isUpper = byte >= 0x41 && byte <= 0x5A
                    guard (isUpper ? byte | 0x20 : byte) == name[length] else { break }
                    length += 1
                }
                if length == name.count { return true }
            }
            return false
        }
    }

    func hasJSONType(_ exchange: Exchange) -> Bool {
        guard exchange.count(of: .contentType) == 1, let text = exchange.text(of: .contentType)
        else { return false }
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        var type = parts[0]
        // Blanks before ";" mean nothing (RFC 9110 8.3.1); inside they make another type.
        while type.last == " " || type.last == "\t" { type.removeLast() }
        return type.lowercased() == "application/json" && parts.dropFirst().allSatisfy(isReadable)
    }

    /// Whether a parameter of a type lets the body be UTF-8, the only JSON there is (RFC 8259 8.1).
    private func isReadable(_ parameter: Substring) -> Bool {
        let words = parameter.lowercased().filter { ![" ", "\t", "\""].contains($0) }
        return !words.hasPrefix("charset=") || words == "charset=utf-8"
    }
}
