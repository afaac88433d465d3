// What a connection still has to send. Normally empty: answers leave straight from the turn's
// AnswerBuffer, and only what the socket did not take, or what is answered later, is queued here.
// Pieces are owned (appended to) or shared (a finished answer, an event frame: no copy).

internal import CEpoll
import Glibc

/// Bytes waiting for a socket.
package struct OutputQueue: ~Copyable {
    private struct Piece {
        var chunk: ByteChunk
        var start: Int
        var isOwned: Bool
    }

    /// How a write ended.
    package enum Outcome: Equatable {
        case sentAll
        /// The socket is full: wait until it is writable.
        case blocked
        case failed(SystemError)
    }

    private var pieces: [Piece] = []
    /// Pieces before this index are sent.
    private var first = 0
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { byteCount == 0 }

    /// Appends a copy.
    package mutating func append(_ bytes: Span<UInt8>) {
        guard !bytes.isEmpty else { return }
        byteCount += bytes.count
        if let last = pieces.last, last.isOwned, last.chunk.room >= bytes.count {
            last.chunk.append(bytes)
            return
        }
        let chunk = ByteChunk(capacity: bytes.count < 2_048 ? 4_096 : bytes.count)
        chunk.append(bytes)
        pieces.append(Piece(chunk: chunk, start: 0, isOwned: true))
    }

    /// Appends from `start` on without copying; the chunk must not change any more.
    package mutating func append(shared chunk: ByteChunk, from start: Int = 0) {
        precondition(start >= 0)
        guard chunk.count > start else { return }
        byteCount += chunk.count - start
        pieces.append(Piece(chunk: chunk, start: start, isOwned: false))
    }

    /// Sends as much as the socket takes in one call.
    package mutating func send(to descriptor: Int32) -> Outcome {
        guard !isEmpty else { return .sentAll }
        let moved = sendOnce(descriptor)
        if moved < 0 {
            let error = SystemError("send", moved)
            return error.kind == .wouldBlock ? .blocked : .failed(error)
        }
        consume(Int(moved))
        return isEmpty ? .sentAll : .blocked
    }

    private func sendOnce(_ descriptor: Int32) -> Int {
        let count = min(pieces.count - first, Limits.piecesPerWrite)
        if count == 1 {
            let piece = pieces[first]
            return unsafe piece.chunk.withBytes(from: piece.start) {
                unsafe cepoll_send(descriptor, $0.baseAddress, $0.count)
            }
        }
        return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vector in
            for index in 0..<count {
                let piece = pieces[first + index]
                // The chunk is held by `pieces` until the call below has returned.
                unsafe piece.chunk.withBytes(from: piece.start) {
                    unsafe vector[index] = iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress),
                        iov_len: $0.count)
                }
            }
            return unsafe cepoll_sendv(descriptor, vector.baseAddress, Int32(count))
        }
    }

    private mutating func consume(_ moved: Int) {
        precondition(moved <= byteCount)
        byteCount -= moved
        var left = moved
        while left > 0 {
            let rest = pieces[first].chunk.count - pieces[first].start
            if left < rest {
                pieces[first].start += left
                break
            }
            left -= rest
            first += 1
        }
        if byteCount == 0 {
            // An idle connection owns no buffer.
            pieces = []
            first = 0
        } else if first > 0 {
            // What is sent is let go at once: a shared frame can be large. One write sends at most
            // `piecesPerWrite` pieces, so little is moved.
            pieces.removeFirst(first)
            first = 0
        }
    }
}
