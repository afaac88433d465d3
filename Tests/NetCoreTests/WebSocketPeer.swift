// A WebSocket client for tests: opens, sends frames good and bad, and reads what came.

import HTTPParser
import TestSupport
import Testing

@testable import NetCore

/// A frame of the server.
struct ReceivedFrame: Equatable, CustomStringConvertible {
    var opcode: WebSocketOpcode
    var payload: [UInt8]

    /// `text hello`, `close 1000 reason`, `pong 0102`.
    var description: String {
        switch opcode {
        case .close where payload.count >= 2:
            let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
            return "close \(code) \(String(decoding: payload.dropFirst(2), as: UTF8.self))"
        case .close: return "close"
        default: return "\(opcode) \(String(decoding: payload, as: UTF8.self))"
        }
    }
}

/// The frames of a client.
enum ClientFrame {
    /// A frame as a client sends it.
    static func make(
        _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true
    ) -> [UInt8] {
        raw(opcode.rawValue | (isFinal ? 0x80 : 0), payload)
    }

    static func text(_ text: String, isFinal: Bool = true) -> [UInt8] {
        make(.text, Array(text.utf8), isFinal: isFinal)
    }

    static func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
        make(.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
    }

    /// Any first byte, with the length in the bytes that it needs.
    static func raw(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        let count = payload.count
        let length: [UInt8] =
            count < 126
            ? [0x80 | UInt8(count)]
            : count <= 0xFFFF
                ? [0x80 | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
                : [0x80 | 127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
        return [first] + length + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
    }
}

@ReactorActor
extension Stage {
    static let opening = """
        GET /socket HTTP/1.1\r
        Host: a\r
        Upgrade: websocket\r
        Connection: keep-alive, Upgrade\r
        Sec-WebSocket-Version: 13\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
        \r

        """

    /// A client whose WebSocket is open, and the server's end of it. `rest` comes with the request.
    func openSocket(
        _ rest: [UInt8] = [], isPair: Bool = false
    ) throws -> (peer: HTTPPeer, log: SocketLog) {
        let peer = isPair ? try connectPair() : try connect()
        let count = application.sockets.count
        peer.send(Array(Stage.opening.utf8) + rest)
        try #require(turn { application.sockets.count > count && peer.received.count > 100 })
        return (peer, application.sockets[count])
    }

    /// The whole frames that came behind the answer 101.
    func frames(of peer: HTTPPeer) throws -> [ReceivedFrame] {
        let bytes = peer.received
        let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8))).upperBound
        var decoder = WebSocketDecoder(from: .server, frameMost: 1 << 24)
        var frames: [ReceivedFrame] = []
        var open: ReceivedFrame?
        var at = end
        while true {
            switch decoder.next(bytes.span.extracting(at..<bytes.count)) {
            case .header(let header, let consumed):
                open = ReceivedFrame(opcode: header.opcode, payload: [])
                at += consumed
            case .payload(let offset, let count, _, let consumed):
                open?.payload += bytes[at + offset..<at + offset + count]
                at += consumed
            case .end(let consumed):
                at += consumed
                if let whole = open { frames.append(whole) }
                open = nil
            case .needMore: return frames
            case .invalid(let failure):
                Issue.record("the server broke a rule: \(failure)")
                return frames
            }
        }
    }

    /// Turns until the server has closed its half, and gives all it said, in words.
    func words(of peer: HTTPPeer) throws -> [String] {
        #expect(turn { peer.isOver })
        return try frames(of: peer).map(\.description)
    }
}
