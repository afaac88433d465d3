// The two buffers of a turn, shared by all connections because each is read, answered and flushed
// before the next one: bytes come in through `input`, answers gather in `answers` and leave in one
// write. An idle connection therefore owns no buffer at all.

internal import CEpoll

/// The turn's input: an unfinished tail of an earlier read, then fresh bytes behind it.
@safe  // owns its memory; offsets are checked against `capacity`
final class InputBuffer {
    private let memory: UnsafeMutablePointer<UInt8>
    /// A tail is at most a head plus one read.
    let capacity = 2 * Limits.readBytes + Limits.headBytes
    private(set) var count = 0

    init() { unsafe memory = .allocate(capacity: capacity) }
    deinit { unsafe memory.deallocate() }

    /// Starts over with the unfinished bytes of a connection.
    func start(with tail: ByteChunk?) {
        count = 0
        guard let tail else { return }
        unsafe tail.withBytes { bytes in
            guard let start = bytes.baseAddress, bytes.count <= capacity else { return }
            unsafe memory.update(from: start, count: bytes.count)
            count = bytes.count
        }
    }

    /// One read behind what is there: the number of bytes, 0 at the end, or a negative errno.
    func read(_ descriptor: Int32) -> Int {
        let room = min(Limits.readBytes, capacity - count)
        let moved = unsafe cepoll_read(descriptor, memory + count, room)
        if moved > 0 { count += moved }
        return moved
    }

    /// The bytes from `offset` on. Valid until the next `start` or `read`.
    @inline(__always)
    func pointer(from offset: Int) -> UnsafeBufferPointer<UInt8> {
        precondition(offset >= 0 && offset <= count)
        return unsafe UnsafeBufferPointer(start: memory + offset, count: count - offset)
    }

    /// A copy of the bytes from `offset` on, nil when there are none.
    func tail(from offset: Int) -> ByteChunk? {
        guard offset < count else { return nil }
        let chunk = ByteChunk(capacity: count - offset)
        let rest = unsafe pointer(from: offset)
        unsafe chunk.append(Span(_unsafeElements: rest))
        return chunk
    }
}

/// The turn's answers to one connection.
@safe  // owns its memory; appends are checked against `capacity`
final class AnswerBuffer {
    private let memory: UnsafeMutablePointer<UInt8>
    let capacity = Limits.answerBytesPerTurn + 64 * 1_024
    private(set) var count = 0

    init() { unsafe memory = .allocate(capacity: capacity) }
    deinit { unsafe memory.deallocate() }

    var room: Int { capacity - count }

    /// Appends a copy; false when there is no room (the caller then queues).
    @inline(__always)
    func append(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count <= room else { return false }
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe (memory + count).update(from: start, count: source.count)
        }
        count += bytes.count
        return true
    }

    /// Appends the first `length` bytes of `chunk` with `patch` in place of its bytes from `offset`
    /// on; false when there is no room.
    @inline(__always)
    func append(
        _ chunk: ByteChunk, count length: Int, patch: UnsafeBufferPointer<UInt8>, at offset: Int
    )
        -> Bool
    {
        guard length <= room, length <= chunk.count, offset + patch.count <= length else {
            return false
        }
        let place = unsafe memory + count
        unsafe chunk.withBytes { unsafe place.update(from: $0.baseAddress!, count: length) }
        if let bytes = patch.baseAddress {
            unsafe (place + offset).update(from: bytes, count: patch.count)
        }
        count += length
        return true
    }

    /// Sends what is there; the number of bytes taken, or a negative errno.
    func send(to descriptor: Int32) -> Int {
        unsafe cepoll_send(descriptor, memory, count)
    }

    /// The bytes from `offset` on.
    func withBytes(from offset: Int, _ body: (Span<UInt8>) -> Void) {
        precondition(offset >= 0 && offset <= count)
        let rest = unsafe UnsafeBufferPointer(start: memory + offset, count: count - offset)
        unsafe body(Span(_unsafeElements: rest))
    }

    func clear() { count = 0 }
}
