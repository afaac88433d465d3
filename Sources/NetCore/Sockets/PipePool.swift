// The pipes that splice(2) needs between two sockets. They are borrowed only while bytes are in
// one, so that thousands of idle connections own none: a user may have about a thousand pipes
// before the kernel cuts new ones to a page or two. Who gets none copies through the one buffer
// here. Used by SplicePair on the reactor; never holds a pipe with bytes in it.

internal import CEpoll

/// A bounded number of empty pipes, lent one at a time.
@ReactorActor
package final class PipePool {
    /// Both ends of a pipe; -1 when there is none.
    struct Pipe {
        var reader: Int32
        var writer: Int32
        static var none: Pipe { Pipe(reader: -1, writer: -1) }
        var isNone: Bool { reader < 0 }
    }

    private let most: Int
    private let pipeBytes: Int
    private var kept: [Pipe] = []
    /// Made when it is first needed.
    private lazy var buffer = CopyBuffer()
    /// What the kernel or its sockets cannot do once they never can.
    private var cannotSplice = false
    /// Pipes that somebody has now.
    package private(set) var lent = 0
    /// How often there was none, for statistics and tests.
    package private(set) var refusals: UInt64 = 0

    package init(most: Int = Limits.pipes, pipeBytes: Int = Limits.pipeBytes) {
        self.most = most
        self.pipeBytes = pipeBytes
    }

    deinit {
        for pipe in kept { PipePool.close(pipe) }
    }

    /// Pipes that are open and with nobody.
    package var keptCount: Int { kept.count }

    /// An empty pipe, or `none`: the bound is reached, no descriptor is left, or the user's share
    /// of pipe memory is used up.
    func borrow() -> Pipe {
        guard !cannotSplice, lent < most, let pipe = kept.popLast() ?? make() else {
            refusals &+= 1
            return .none
        }
        lent += 1
        return pipe
    }

    /// Takes a pipe back; one with bytes in it is closed and they are lost.
    func giveBack(_ pipe: Pipe, isEmpty: Bool) {
        guard !pipe.isNone else { return }
        precondition(lent > 0, "a pipe came back that was not lent")
        lent -= 1
        guard isEmpty, kept.count < Limits.pipesKept else { return PipePool.close(pipe) }
        kept.append(pipe)
    }

    /// Splicing is refused by the kernel: nobody need try again.
    func giveUpSplicing() { cannotSplice = true }

    private func make() -> Pipe? {
        var ends: (Int32, Int32) = (-1, -1)
        let result = unsafe withUnsafeMutablePointer(to: &ends) { pointer in
            // Two numbers in a row are what the call fills.
            unsafe pointer.withMemoryRebound(to: Int32.self, capacity: 2) { unsafe cepoll_pipe($0) }
        }
        guard result == 0 else { return nil }
        let pipe = Pipe(reader: ends.0, writer: ends.1)
        // Where the kernel gives no more room it stays as it was made; a pipe cut to a page by the
        // user's limit would be slower than copying.
        guard cepoll_pipe_size(pipe.writer, Int32(clamping: pipeBytes)) >= Limits.pipeBytesLeast
        else {
            PipePool.close(pipe)
            return nil
        }
        return pipe
    }

    private nonisolated static func close(_ pipe: Pipe) {
        Descriptor.close(pipe.reader)
        Descriptor.close(pipe.writer)
    }

    /// Copies up to `most` bytes without a pipe.
    func copy(from source: Int32, to sink: Int32, atMost most: Int) -> CopyBuffer.Outcome {
        buffer.copy(from: source, to: sink, atMost: most)
    }
}

/// The way of bytes for which there is no pipe.
@safe  // owns its memory, of which no call sees more than `spliceCopyBytes`
final class CopyBuffer {
    /// What came of a copy.
    enum Outcome {
        /// Nothing was read: 0 at the end, or a negative errno.
        case read(Int)
        /// So many of the bytes seen were taken, or a negative errno.
        case written(Int, of: Int)
    }

    private let memory: UnsafeMutablePointer<UInt8>

    init() { unsafe memory = .allocate(capacity: Limits.spliceCopyBytes) }
    deinit { unsafe memory.deallocate() }

    /// Copies bytes that wait at a TCP socket to another one, and takes away what that one took.
    func copy(from source: Int32, to sink: Int32, atMost most: Int) -> Outcome {
        // Looked at first and dropped after: what the sink does not take stays with the kernel,
        // which tells the sender to wait.
        let seen = unsafe cepoll_peek(source, memory, min(most, Limits.spliceCopyBytes))
        guard seen > 0 else { return .read(seen) }
        let moved = unsafe cepoll_send(sink, memory, seen)
        guard moved > 0 else { return .written(moved, of: seen) }
        let dropped = cepoll_drop(source, moved)
        // They are there, since nobody else reads; otherwise they would be sent twice.
        return dropped == moved ? .written(moved, of: seen) : .read(min(dropped, -1))
    }
}
