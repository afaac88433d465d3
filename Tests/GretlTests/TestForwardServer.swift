// The far end of a forwarded connection as an API server plays it: takes the opening, says the port
// on both channels, and echoes what a client sends. Each of its messages can be cut into fragments
// with pings between them, and it can break every rule on request.

import HTTPParser
import TestSupport

@testable import Gretl

/// One connection of a port-forward.
final class TestForwardServer {
    /// What it does with the opening.
    enum Opening { case accepts, refuses(Int, String), wrongKey, wrongProtocol, junk, silent }

    var opening = Opening.accepts
    /// Text of the error channel that is sent instead of anything else.
    var error: String?
    /// Messages are cut into fragments with this; nil: they are whole.
    var random: SeededGenerator?
    var answersPings = true
    var echoes = true
    /// Data that a client sent, whole messages of channel 0.
    private(set) var received: [UInt8] = []
    private(set) var emptyMessages = 0
    private(set) var pings = 0
    private(set) var closeCode: UInt16?
    private(set) var request = ""
    private(set) var breaches: [String] = []
    private var decoder = WebSocketDecoder(from: .client, frameMost: 1 << 20)
    private var isOpen = false
    private var at = 0
    private var message: [UInt8] = []
    private var opcode = WebSocketOpcode.binary
    private var hasClosed = false

    func pump(_ peer: HTTPPeer) {
        if !isOpen { open(peer) }
        if isOpen, at < peer.received.count { read(peer) }
        if peer.isAtEnd, peer.hasSentAll { peer.close() }
    }

    private func open(_ peer: HTTPPeer) {
        let text = String(decoding: peer.received, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n"), request.isEmpty else { return }
        request = String(text[..<end.lowerBound])
        at = text[..<end.upperBound].utf8.count
        var headers: [String: String] = [:]
        for line in request.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = String(parts[1].dropFirst())
        }
        var accept = WebSocketKey.accept(headers["sec-websocket-key"] ?? "")
        var name = headers["sec-websocket-protocol"] ?? ""
        switch opening {
        case .accepts: break
        case .wrongKey: accept = WebSocketKey.accept("x")
        case .wrongProtocol: name = "v5.channel.k8s.io"
        case .junk: return peer.send("what?\r\n\r\n")
        case .silent: return
        case .refuses(let status, let body):
            let head = "HTTP/1.1 \(status) No\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            return peer.send(head + body)
        }
        peer.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(accept)\r\nSec-WebSocket-Protocol: \(name)\r\n\r\n")
        isOpen = true
        send(0, [0x40, 0x1F], peer)
        send(1, [0x40, 0x1F], peer)
        guard let error else { return }
        send(1, Array(error.utf8), peer)
        close(peer, 1_000)
    }

    /// Sends bytes on a channel.
    func send(_ channel: UInt8, _ bytes: [UInt8], _ peer: HTTPPeer) {
        var rest = [channel] + bytes
        var isFirst = true
        repeat {
            var count = rest.count
            if random != nil {
                count = random?.number(in: 0...rest.count) ?? count
                if random?.oneIn(4) == true { peer.send(frame(.ping, [1, 2, 3])) }
            }
            let piece = Array(rest.prefix(count))
            rest.removeFirst(count)
            peer.send(frame(isFirst ? .binary : .continuation, piece, isFinal: rest.isEmpty))
            isFirst = false
        } while !rest.isEmpty
    }

    func frame(
        _ opcode: WebSocketOpcode, _ body: [UInt8], isFinal: Bool = true, mask: WebSocketMask? = nil
    ) -> [UInt8] {
        let header = WebSocketHeader(opcode, length: body.count, isFinal: isFinal, mask: mask)
        return [UInt8](capacity: WebSocketHeader.bytesMost) { _ = header.write(into: &$0) } + body
    }

    func close(_ peer: HTTPPeer, _ code: UInt16) {
        guard !hasClosed else { return }
        hasClosed = true
        peer.send(frame(.close, [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)]))
    }

    private func read(_ peer: HTTPPeer) {
        let bytes = Array(peer.received[at...])
        at = peer.received.count
        var place = 0
        while true {
            switch decoder.next(bytes.span.extracting(place..<bytes.count)) {
            case .header(let header, let consumed):
                place += consumed
                opcode = header.opcode
                message = []
            case .payload(let offset, let count, let mask, let consumed):
                var part = Array(bytes[place + offset..<place + offset + count])
                var span = part.mutableSpan
                mask?.apply(to: &span)
                message += part
                place += consumed
            case .end(let consumed):
                place += consumed
                end(peer)
            case .needMore: return
            case .invalid(let failure):
                breaches.append("\(failure.explanation)")
                return
            }
        }
    }

    private func end(_ peer: HTTPPeer) {
        switch opcode {
        case .binary where message.isEmpty: emptyMessages += 1
        case .binary:
            if message[0] != 0 { breaches.append("a message for channel \(message[0])") }
            received += message.dropFirst()
            if echoes, !hasClosed { send(0, Array(message.dropFirst()), peer) }
        case .ping:
            pings += 1
            if answersPings { peer.send(frame(.pong, message)) }
        case .pong: break
        case .close:
            closeCode = message.count >= 2 ? UInt16(message[0]) << 8 | UInt16(message[1]) : 1_005
            close(peer, 1_000)
        default: breaches.append("opcode \(opcode)")
        }
    }
}
