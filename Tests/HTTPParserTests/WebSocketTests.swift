// WebSocket frames: what is read, what is refused, and that cuts make no difference.
//
// The examples are those of RFC 6455 section 5.7; `read` runs bytes through a decoder in pieces.

import TestSupport
import Testing

@testable import HTTPParser

@Suite("WebSocket frames")
struct WebSocketTests {
    struct Frame: Equatable {
        var opcode: WebSocketOpcode
        var isFinal: Bool
        var payload: [UInt8]
        var isOver = false
    }

    struct Reading: Equatable {
        var frames: [Frame] = []
        var failure: WebSocketFailure?
    }

    /// Reads `bytes` as if they arrived cut at `cuts`, and unmasks.
    func read(
        _ bytes: [UInt8], from peer: WebSocketRole, frameMost: Int = 1 << 20, cuts: [Int] = []
    ) -> Reading {
        var decoder = WebSocketDecoder(from: peer, frameMost: frameMost)
        var reading = Reading()
        var at = 0
        for arrived in cuts + [bytes.count] {
            stepping: while true {
                switch decoder.next(bytes.span.extracting(at..<arrived)) {
                case .header(let header, let consumed):
                    reading.frames.append(
                        Frame(opcode: header.opcode, isFinal: header.isFinal, payload: []))
                    at += consumed
                case .payload(let offset, let count, let mask, let consumed):
                    var part = Array(bytes[at + offset..<at + offset + count])
                    var span = part.mutableSpan
                    mask?.apply(to: &span)
                    reading.frames[reading.frames.count - 1].payload += part
                    at += consumed
                case .end(let consumed):
                    reading.frames[reading.frames.count - 1].isOver = true
                    at += consumed
                case .needMore(let consumed):
                    at += consumed
                    break stepping
                case .invalid(let failure):
                    reading.failure = failure
                    return reading
                }
            }
        }
        return reading
    }

    /// A frame as `role` sends it.
    func frame(
        _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true, as role: WebSocketRole
    ) -> [UInt8] {
        let mask = role == .client ? WebSocketMask(0x3D21_FA37) : nil
        let header = WebSocketHeader(opcode, length: payload.count, isFinal: isFinal, mask: mask)
        let head = [UInt8](capacity: WebSocketHeader.bytesMost) { output in
            _ = header.write(into: &output)
        }
        #expect(head.count == header.encodedCount)
        var body = payload
        var span = body.mutableSpan
        mask?.apply(to: &span)
        return head + body
    }

    static let hello = Array("Hello".utf8)

    @Test("the examples of the RFC are read as it says")
    func examples() {
        let whole = Frame(opcode: .text, isFinal: true, payload: Self.hello, isOver: true)
        let plain: [UInt8] = [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]
        #expect(read(plain, from: .server).frames == [whole])
        let masked: [UInt8] = [
            0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
        ]
        #expect(read(masked, from: .client).frames == [whole])
        #expect(frame(.text, Self.hello, as: .client) == masked)
        #expect(frame(.text, Self.hello, as: .server) == plain)
        let fragments: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]
        #expect(
            read(fragments, from: .server).frames == [
                Frame(opcode: .text, isFinal: false, payload: Array("Hel".utf8), isOver: true),
                Frame(opcode: .continuation, isFinal: true, payload: [0x6C, 0x6F], isOver: true),
            ])
        #expect(
            frame(.binary, [UInt8](repeating: 0, count: 256), as: .server)
                .starts(with: [0x82, 0x7E, 0x01, 0x00]))
        #expect(
            frame(.binary, [UInt8](repeating: 0, count: 65536), as: .server)
                .starts(with: [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]))
    }

    @Test(
        "frames of every form of length come back byte by byte as they went",
        arguments: [0, 1, 7, 8, 9, 125, 126, 127, 1000, 65535, 65536, 70001])
    func lengths(_ count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 &>> 8) }
        let expected = Frame(opcode: .binary, isFinal: true, payload: payload, isOver: true)
        for role in [WebSocketRole.client, .server] {
            let bytes = frame(.binary, payload, as: role)
            #expect(read(bytes, from: role).frames == [expected])
            #expect(read(bytes, from: role, frameMost: count).frames == [expected])
            #expect(read(bytes, from: role, cuts: Array(0...bytes.count)).frames == [expected])
            if count > 0 {
                let tooLarge = read(bytes, from: role, frameMost: count - 1)
                #expect(tooLarge == Reading(frames: [], failure: .frameTooLarge))
            }
        }
    }

    /// Fragments with a ping between them, then a close; sent by either side.
    func conversation(_ role: WebSocketRole) -> [UInt8] {
        frame(.text, Array("Grüße".utf8), isFinal: false, as: role) + frame(.ping, [], as: role)
            + frame(.continuation, [], isFinal: false, as: role)
            + frame(.pong, Array("late".utf8), as: role)
            + frame(.continuation, Self.hello, as: role)
            + frame(.binary, [UInt8](repeating: 0xA5, count: 130), as: role)
            + frame(.close, [3, 0xE8], as: role)
    }

    @Test("every two cuts give what the whole gives", arguments: [WebSocketRole.client, .server])
    func everyCut(_ role: WebSocketRole) {
        let bytes = conversation(role)
        let whole = read(bytes, from: role)
        #expect(whole.failure == nil)
        #expect(
            whole.frames.map(\.opcode) == [
                .text, .ping, .continuation, .pong, .continuation, .binary, .close,
            ])
        #expect(whole.frames.map(\.isOver) == whole.frames.map { _ in true })
        for first in 0...bytes.count {
            #expect(read(bytes, from: role, cuts: [first]) == whole, "cut at \(first)")
            for second in first...bytes.count where second % 5 == 0 {
                #expect(read(bytes, from: role, cuts: [first, second]) == whole)
            }
        }
        #expect(read(bytes, from: role, cuts: Array(0...bytes.count)) == whole, "byte by byte")
    }

    @Test("nothing is read behind the last byte", arguments: [WebSocketRole.client, .server])
    func guarded(_ role: WebSocketRole) {
        let bytes = conversation(role)
        for count in 0...bytes.count {
            guard let guarded = GuardedBytes(Array(bytes.prefix(count))) else {
                Issue.record("no guarded memory")
                return
            }
            let used = guarded.withSpan { span in
                var decoder = WebSocketDecoder(from: role, frameMost: 1000)
                var check = UTF8Check()
                _ = check.take(span)
                _ = try? WebSocketClose.code(in: span)
                var at = 0
                while true {
                    switch decoder.next(span.extracting(at..<span.count)) {
                    case .header(_, let consumed), .end(let consumed),
                        .payload(_, _, _, let consumed):
                        at += consumed
                    case .needMore(let consumed): return at + consumed
                    case .invalid: return -1
                    }
                }
            }
            #expect(used == count)
        }
    }

    @Test("what the RFC forbids is refused at the byte that says it")
    func refusals() {
        let cases: [([UInt8], WebSocketRole, WebSocketFailure)] = [
            ([0xC1], .server, .reservedBits), ([0xA1], .server, .reservedBits),
            ([0x91], .server, .reservedBits), ([0x83], .server, .opcode),
            ([0x87], .server, .opcode), ([0x8B], .server, .opcode), ([0x8F], .server, .opcode),
            ([0x08], .server, .controlFragmented), ([0x09], .server, .controlFragmented),
            ([0x0A], .server, .controlFragmented), ([0x89, 0x7E], .server, .controlTooLong),
            ([0x88, 0x7F], .server, .controlTooLong), ([0x8A, 0xFE], .client, .controlTooLong),
            ([0x82, 0x05], .client, .maskMissing), ([0x82, 0x85], .server, .maskForbidden),
            ([0x80], .server, .continuationUnexpected), ([0], .client, .continuationUnexpected),
            ([0x01, 0x00, 0x81], .server, .continuationMissing),
            ([0x02, 0x00, 0x89, 0x00, 0x02], .server, .continuationMissing),
            ([0x82, 0x7E, 0x00, 0x7D], .server, .lengthNotMinimal),
            ([0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .server, .lengthNotMinimal),
            ([0x82, 0x7F, 0x80], .server, .lengthSign),
            ([0x82, 0xFF, 0xFF], .client, .lengthSign),
            ([0x82, 0x7F, 0x7F, 255, 255, 255, 255, 255, 255, 255], .server, .frameTooLarge),
        ]
        for (bytes, role, failure) in cases {
            #expect(read(bytes, from: role).failure == failure, "\(bytes)")
            #expect(read(Array(bytes.dropLast()), from: role).failure == nil, "\(bytes)")
            let cuts = Array(0...bytes.count)
            #expect(read(bytes + [0], from: role, cuts: cuts).failure == failure, "\(bytes)")
        }
    }

    @Test("a failed decoder stays failed, and the largest length there is can be allowed")
    func failedStaysFailed() {
        var decoder = WebSocketDecoder(from: .server, frameMost: .max)
        let large: [UInt8] = [0x82, 0x7F, 0x7F, 255, 255, 255, 255, 255, 255, 255]
        #expect(
            decoder.next(large.span)
                == .header(WebSocketHeader(.binary, length: .max), consumed: large.count))
        var failed = WebSocketDecoder(from: .server, frameMost: .min)
        let bad: [UInt8] = [0xFF]
        let good: [UInt8] = [0x81, 0x00]
        #expect(failed.next(bad.span) == .invalid(.reservedBits))
        #expect(failed.next(good.span) == .invalid(.reservedBits))
        #expect(MemoryLayout<WebSocketDecoder>.size <= 32)
    }

    @Test("a header no peer may send is not written, nor one without room")
    func unwritten() {
        let bad = [
            WebSocketHeader(.ping, length: 126), WebSocketHeader(.close, length: 0, isFinal: false),
            WebSocketHeader(.binary, length: -1),
        ]
        for header in bad {
            let bytes = [UInt8](capacity: 20) { output in
                let isWritten = header.write(into: &output)
                #expect(!isWritten)
            }
            #expect(bytes.isEmpty)
        }
        let header = WebSocketHeader(.binary, length: 200, mask: WebSocketMask(1))
        let short = [UInt8](capacity: 20) { output in
            while output.freeCapacity >= header.encodedCount { output.append(0) }
            let isWritten = header.write(into: &output)
            #expect(!isWritten)
        }
        #expect(short.allSatisfy { $0 == 0 })
    }

    @Test("a mask is applied in pieces as it is at once")
    func maskPieces() {
        let mask = WebSocketMask(0x0403_0201)
        let plain = (0..<40).map { UInt8($0) }
        let expected = plain.enumerated().map { $1 ^ UInt8($0 % 4 + 1) }
        for cut in 0...plain.count {
            var head = Array(plain[..<cut])
            var tail = Array(plain[cut...])
            var span = head.mutableSpan
            mask.apply(to: &span)
            var rest = tail.mutableSpan
            mask.advanced(by: cut).apply(to: &rest)
            #expect(head + tail == expected, "cut at \(cut)")
        }
    }
}
