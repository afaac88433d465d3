// A request whose body comes in pieces: its head, copied, and the body so far. The connection feeds
// it what arrives and has the request answered when it is complete; a request whose body came with
// its head never gets here.

internal import HTTPParser

/// A request that waits for the rest of its body.
final class PendingBody {
    /// What a piece of input did.
    enum Step {
        /// All of it belongs to the body, and more is needed.
        case more
        /// The body ended within the piece; what follows belongs to the next request.
        case complete
        case invalid(ParseFailure)
    }

    /// The request's head; ranges parsed from it index these bytes.
    let head: ByteChunk
    private(set) var bytes: [UInt8] = []
    private var left: Int
    private var decoder: ChunkedDecoder?

    /// At most `most` bytes are taken from a chunked body; a length was checked by the caller.
    init(head: Span<UInt8>, framing: BodyFraming, most: Int) {
        self.head = ByteChunk(capacity: head.count)
        self.head.append(head)
        if case .length(let count) = framing {
            left = count
            bytes.reserveCapacity(min(count, PendingBody.reservedMost))
        } else {
            left = 0
            decoder = ChunkedDecoder(bodyMost: most)
        }
    }

    /// A client that only announces a large body gets no memory for it.
    private static let reservedMost = 64 * 1_024

    /// Adds a piece; the number of bytes that belong to this body.
    func feed(_ piece: UnsafeBufferPointer<UInt8>) -> (step: Step, used: Int) {
        guard decoder != nil else {
            let count = min(left, piece.count)
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: piece[0..<count]))
            left -= count
            return (left == 0 ? .complete : .more, count)
        }
        var used = 0
        while used < piece.count {
            let part = unsafe UnsafeBufferPointer(rebasing: piece[used...])
            switch unsafe decoder!.next(Span(_unsafeElements: part)) {
            case .data(let offset, let count, let consumed):
                unsafe bytes.append(
                    contentsOf: UnsafeBufferPointer(rebasing: part[offset..<offset + count]))
                used += consumed
            case .needMore(let consumed): return (.more, used + consumed)
            case .end(let consumed): return (.complete, used + consumed)
            case .invalid(let failure): return (.invalid(failure), piece.count)
            }
        }
        return (.more, used)
    }
}
