// Bytes waiting for a socket, against a plain array: pieces owned and shared, short writes of every
// length, more pieces than one call takes.

import CEpoll
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("Output queue", .serialized)
struct OutputQueueTests {
    @Test("every length of short write delivers the same bytes")
    func everyShortWrite() async throws {
        try await looped { _ in
            let pieces: [(count: Int, isShared: Bool)] = [
                (3, false), (40, true), (5, false), (6, false), (1, true), (1, true), (30, false),
            ]
            let total = pieces.map(\.count).reduce(0, +)
            try every("bytes a call", in: 1...total) { most in
                let pipe = try Pair()
                var queue = OutputQueue()
                var model: [UInt8] = []
                for piece in pieces {
                    append(piece.count, isShared: piece.isShared, to: &queue, &model)
                }
                var calls = 0
                cepoll_fault_set(CEPOLL_CALL_SEND, 0, Int64(most), .max)
                cepoll_fault_set(CEPOLL_CALL_SENDV, 0, Int64(most), .max)
                defer { cepoll_fault_clear() }
                while !queue.isEmpty, calls <= total {
                    let before = queue.byteCount
                    let outcome = queue.send(to: pipe.near)
                    #expect(outcome == (queue.isEmpty ? .sentAll : .blocked))
                    #expect(before - queue.byteCount == min(most, before))
                    calls += 1
                }
                #expect(calls == (total + most - 1) / most)
                #expect(pipe.read() == model, "\(most) bytes a call")
            }
        }
    }

    @Test("more pieces than one call takes leave in order")
    func manyPieces() async throws {
        try await looped { _ in
            let pipe = try Pair()
            var queue = OutputQueue()
            var model: [UInt8] = []
            for index in 0..<200 { append(1 + index % 7, isShared: true, to: &queue, &model) }
            var calls = 0
            while !queue.isEmpty, calls < 10 {
                _ = queue.send(to: pipe.near)
                calls += 1
            }
            #expect(calls == 4)
            #expect(pipe.read() == model)
        }
    }

    @Test("appending between short writes keeps the order", arguments: [1, 2, 3, 4, 5])
    func random(seed: UInt64) async throws {
        try await looped { _ in
            var random = SeededGenerator(seed: seed)
            let pipe = try Pair()
            var queue = OutputQueue()
            var model: [UInt8] = []
            var received: [UInt8] = []
            for _ in 0..<2_000 {
                if random.oneIn(2) {
                    let count = random.oneIn(50) ? 6_000 : random.number(in: 0...60)
                    append(count, isShared: random.oneIn(3), to: &queue, &model)
                } else {
                    let most = random.number(in: 1...200)
                    cepoll_fault_set(CEPOLL_CALL_SEND, 0, Int64(most), 1)
                    cepoll_fault_set(CEPOLL_CALL_SENDV, 0, Int64(most), 1)
                    _ = queue.send(to: pipe.near)
                    cepoll_fault_clear()
                }
                received += pipe.read()
                #expect(received.count + queue.byteCount == model.count)
            }
            for _ in 0..<10_000 where !queue.isEmpty {
                _ = queue.send(to: pipe.near)
                received += pipe.read()
            }
            #expect(received == model, "seed \(seed)")
        }
    }

    @Test("a full socket blocks and loses nothing, a gone peer fails")
    func blockedAndFailed() async throws {
        try await looped { _ in
            let pipe = try Pair()
            var queue = OutputQueue()
            var model: [UInt8] = []
            for _ in 0..<60 { append(20_000, isShared: true, to: &queue, &model) }
            var received: [UInt8] = []
            var wasBlocked = false
            for _ in 0..<1_000 where !queue.isEmpty {
                let before = queue.byteCount
                let outcome = queue.send(to: pipe.near)
                if outcome == .blocked, queue.byteCount == before {
                    wasBlocked = true
                    received += pipe.read()
                }
            }
            received += pipe.read()
            #expect(wasBlocked)
            #expect(received == model)
            pipe.closeFar()
            append(10, isShared: false, to: &queue, &model)
            #expect(queue.send(to: pipe.near) == .failed(SystemError("send", EPIPE)))
        }
    }

    /// Appends `count` bytes that continue the model.
    private func append(
        _ count: Int, isShared: Bool, to queue: inout OutputQueue, _ model: inout [UInt8]
    ) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: model.count + $0) }
        model += bytes
        if isShared { queue.append(shared: ByteChunk(bytes)) } else { queue.append(bytes.span) }
    }
}

/// Two connected stream sockets.
private final class Pair {
    let near: Int32
    private var far: Int32

    init() throws {
        var pair: [Int32] = [-1, -1]
        let result = unsafe pair.withUnsafeMutableBufferPointer {
            unsafe cepoll_socketpair(Int32(SOCK_STREAM.rawValue), $0.baseAddress)
        }
        try #require(result == 0)
        near = pair[0]
        far = pair[1]
    }

    /// Everything that has arrived.
    func read() -> [UInt8] {
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let moved = unsafe bytes.withUnsafeMutableBytes {
                unsafe recv(far, $0.baseAddress, $0.count, 0)
            }
            guard moved > 0 else { return all }
            all += bytes.prefix(moved)
        }
    }

    func closeFar() {
        Descriptor.close(far)
        far = -1
    }

    deinit {
        Descriptor.close(near)
        Descriptor.close(far)
    }
}
