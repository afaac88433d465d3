// The messages of v4.channel.k8s.io as they arrive: the first byte of each names a channel, 0 for
// the data of the one port we ask for and 1 for its errors, and the first two bytes of each channel
// are the port again. Says what is what and keeps nothing but the text of an error. Pure: the
// bytes come from an API server, which is not trusted.

import HTTPParser

/// Reads what an API server sends.
struct ForwardFrames {
    /// What a piece of the bytes is.
    enum Part: Equatable {
        /// Bytes of the pod, by place and length.
        case data(Int, Int)
        /// A ping with this body, to be answered.
        case ping([UInt8])
        case pong
        /// The end, with the code of the close frame.
        case closed(UInt16)
        /// The bytes break the protocol; no going on.
        case invalid(String)
        /// Everything was looked at.
        case done
    }

    private var decoder: WebSocketDecoder
    private var opcode = WebSocketOpcode.binary
    /// The channel of the message under way; nil: its byte is still to come.
    private var channel: UInt8?
    /// Bytes of the port still to come, for each channel.
    private var prologue: (data: Int, error: Int) = (2, 2)
    private var control: [UInt8] = []
    private var errorBytes: [UInt8] = []
    /// Between what was looked at and the end.
    private var place = 0

    init() {
        decoder = WebSocketDecoder(from: .server, frameMost: TetherLimits.forwardFrameBytes)
    }

    /// What the error channel said; nil: nothing.
    var error: String? {
        guard !errorBytes.isEmpty else { return nil }
        return ClusterFailure.clean(String(decoding: errorBytes, as: UTF8.self))
    }

    /// Both channels have said which port they are for.
    var isOpen: Bool { prologue.data == 0 && prologue.error == 0 }

    /// The next part of `bytes`, which are the same until `done` was answered.
    mutating func next(_ bytes: Span<UInt8>) -> Part {
        while true {
            let rest = bytes.extracting(place..<bytes.count)
            switch decoder.next(rest) {
            case .header(let header, let consumed):
                place += consumed
                if let reason = begin(header) { return .invalid(reason) }
            case .payload(let offset, let count, _, let consumed):
                let start = place + offset
                place += consumed
                if let part = take(bytes, start, count) { return part }
            case .end(let consumed):
                place += consumed
                if let part = end() { return part }
            case .needMore:
                place = 0
                return .done
            case .invalid(let failure): return .invalid("\(failure.explanation)")
            }
        }
    }

    private mutating func begin(_ header: WebSocketHeader) -> String? {
        if header.opcode.isControl {
            opcode = header.opcode
            control = []
            return nil
        }
        guard header.opcode != .text else { return "a message is text" }
        // A new message names its channel, a continuation does not.
        if header.opcode == .binary { channel = nil }
        opcode = .binary
        return nil
    }

    private mutating func take(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Part? {
        guard !opcode.isControl else {
            for index in start..<start + count { control.append(bytes[index]) }
            return nil
        }
        var at = start
        let end = start + count
        if channel == nil, at < end {
            channel = bytes[at]
            at += 1
        }
        switch channel {
        case 0:
            let skipped = min(prologue.data, end - at)
            prologue.data -= skipped
            at += skipped
            return at < end ? .data(at, end - at) : nil
        case 1:
            while at < end {
                if prologue.error > 0 {
                    prologue.error -= 1
                } else if errorBytes.count < TetherLimits.errorBytes {
                    errorBytes.append(bytes[at])
                }
                at += 1
            }
            return nil
        case nil: return nil
        default: return .invalid("a message is for a channel that was not asked for")
        }
    }

    private mutating func end() -> Part? {
        defer { if opcode.isControl { opcode = .binary } }
        switch opcode {
        case .ping: return .ping(control)
        case .pong: return .pong
        case .close:
            let code = control.count >= 2 ? UInt16(control[0]) << 8 | UInt16(control[1]) : 1_005
            return .closed(code)
        default: return nil
        }
    }
}

/// Writes what we send.
enum ForwardMessage {
    /// A masked control frame, or an empty message.
    static func make(_ opcode: WebSocketOpcode, _ body: [UInt8] = []) -> [UInt8] {
        let mask = WebSocketMask(UInt32.random(in: .min ... .max))
        let header = WebSocketHeader(opcode, length: body.count, mask: mask)
        var bytes = [UInt8](capacity: WebSocketHeader.bytesMost) { _ = header.write(into: &$0) }
        var masked = body
        var span = masked.mutableSpan
        mask.apply(to: &span)
        bytes += masked
        return bytes
    }

    /// The end, in order.
    static var close: [UInt8] { make(.close, [0x03, 0xE8]) }
}
