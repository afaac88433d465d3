// A pipe that a program writes to and the reactor drains while it runs, so that the program never
// waits for room: what is kept is bounded by HeadAndTail. For the output of programs that runs
// start; it never waits for whoever holds the other end.

internal import CEpoll
import Glibc

/// The reading end of a program's output.
@ReactorActor
package final class ProgramPipe: EventHandler {
    private let reactor: Reactor
    private var reader: Int32
    private var writer: Int32
    private var registration = Registration.none
    package private(set) var kept: HeadAndTail
    /// Nobody can write any more, or nobody reads.
    package private(set) var isAtEnd = false
    /// Told once, when everybody has closed the writing end.
    package var ended: (() -> Void)?

    /// Read in one turn at most.
    private static let bytesPerTurn = 64 << 10
    /// Read at the end at most: what a pipe can hold.
    private static let bytesAtEnd = 1 << 20

    /// Keeps the first `head` bytes and the last `tail`.
    package init(head: Int, tail: Int, on reactor: Reactor) throws(SystemError) {
        self.reactor = reactor
        kept = HeadAndTail(head: head, tail: tail)
        var ends: [Int32] = [-1, -1]
        // Room for both numbers, as the call wants.
        let code = unsafe cepoll_pipe(&ends)
        guard code == 0 else { throw SystemError("pipe", code) }
        (reader, writer) = (ends[0], ends[1])
        // Programs do not expect that a write would have to be tried again.
        _ = fcntl(writer, F_SETFL, 0)
        registration = try reactor.register(reader, .readable, self)
    }

    isolated deinit { close() }

    /// For the child; ours until `wasStarted`.
    package var descriptor: Int32 { writer }

    /// The child has its end now.
    package func wasStarted() {
        Descriptor.close(writer)
        writer = -1
    }

    package func ready(_ mask: EventMask) { read(ProgramPipe.bytesPerTurn) }

    /// Takes what is there and closes.
    package func finish() {
        ended = nil
        if !isAtEnd { read(ProgramPipe.bytesAtEnd) }
        close()
    }

    private func read(_ most: Int) {
        var left = most
        var bytes = [UInt8](repeating: 0, count: 32 << 10)
        while left > 0, reader >= 0 {
            // The array, and its true size.
            let count = unsafe cepoll_read(reader, &bytes, bytes.count)
            if count > 0 {
                kept.append(bytes[..<count])
                left -= count
                continue
            }
            if count == 0 {
                close()
                let told = ended
                ended = nil
                told?()
            }
            return
        }
    }

    private func close() {
        isAtEnd = true
        reactor.deregister(registration)
        registration = .none
        for descriptor in [reader, writer] where descriptor >= 0 { Descriptor.close(descriptor) }
        (reader, writer) = (-1, -1)
    }
}
