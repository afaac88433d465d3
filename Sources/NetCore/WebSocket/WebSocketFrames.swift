// Frames of a server, rendered once: an event goes to all its subscribers as the same bytes.

internal import HTTPParser

/// Renders frames, unmasked as a server's are.
package enum WebSocketFrames {
    /// A whole text message; `text` is UTF-8.
    package static func text(_ text: [UInt8]) -> ByteChunk { render(.text, text) }

    /// A whole message of bytes.
    package static func binary(_ bytes: [UInt8]) -> ByteChunk { render(.binary, bytes) }

    static func render(_ opcode: WebSocketOpcode, _ body: [UInt8]) -> ByteChunk {
        let header = WebSocketHeader(opcode, length: body.count)
        let bytes = [UInt8](capacity: header.encodedCount) { output in
            _ = header.write(into: &output)
        }
        let chunk = ByteChunk(capacity: bytes.count + body.count)
        chunk.append(bytes.span)
        chunk.append(body.span)
        return chunk
    }

    /// The body of a close frame; a reason is cut to what fits.
    static func closeBody(_ code: UInt16, _ reason: String) -> [UInt8] {
        var text = reason
        while text.utf8.count > 123 { text.removeLast() }
        return [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)] + Array(text.utf8)
    }
}
