// An answer without an end, read as it comes: Server-Sent Events, and the terminal behind a 101.
//
// BlockingCall.open makes one for a client command, in a process without a reactor. The head was
// waited for; from then on nothing here blocks: `next` gives what is there, and the command waits
// for several streams at once by their descriptors. The daemon must never use it.

internal import CEpoll
import Glibc
internal import HTTPParser

/// An answer that goes on.
package final class BlockingStream {
    private let socket: Descriptor
    package private(set) var status = 0
    private var fields: [(name: String, value: String)] = []
    private var framing = ResponseFraming.untilClose
    private var decoder = ChunkedDecoder(bodyMost: .max)
    /// Came behind the head and was not taken yet.
    private var pending: [UInt8] = []
    private var isOver = false
    private var left = Int.max

    private static let chunkBytes = 64 << 10

    /// For poll(2).
    package var descriptor: Int32 { socket.number }

    /// Reads the head of the answer.
    init(_ socket: consuming Descriptor, until deadline: Instant) throws(BlockingCall.Failure) {
        self.socket = socket
        var chunk = [UInt8](repeating: 0, count: 4_096)
        var scan = HeadScan()
        // The head's limit bounds the number of turns.
        while true {
            let count = try BlockingCall.receive(&chunk, from: self.socket.number, until: deadline)
            guard count > 0 else { throw .closedEarly }
            pending += chunk[..<count]
            if try readHead(&scan) { return }
        }
    }

    /// The value of the first header of that name, which is given in small letters.
    package func header(_ name: String) -> String? {
        fields.first { $0.name == name }?.value
    }

    /// The next bytes of the body; nil when there are none yet, empty at its end.
    package func next() throws(BlockingCall.Failure) -> [UInt8]? {
        if isOver { return [] }
        if pending.isEmpty, try !receive() { return nil }
        return try decoded()
    }

    /// The rest of a body that has an end, as that of an error.
    package func rest(within time: Duration) throws(BlockingCall.Failure) -> [UInt8] {
        let deadline = SystemTime.shared.now() + time
        var body: [UInt8] = []
        while body.count <= BlockingCall.bodyMost {
            if let bytes = try next() {
                if bytes.isEmpty { return body }
                body += bytes
            } else if !BlockingCall.wait(descriptor, for: POLLIN, until: deadline) {
                throw .timedOut
            }
        }
        throw .tooLarge
    }

    /// Sends what the socket takes; how much that was, or nil when the connection is over.
    package func send(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty else { return 0 }
        // The kernel reads only the slice.
        let count = unsafe bytes.withUnsafeBytes { bytes in
            unsafe cepoll_send(descriptor, bytes.baseAddress, bytes.count)
        }
        if count >= 0 { return count }
        return SystemError("send", count).kind == .wouldBlock ? 0 : nil
    }

    // MARK: Head

    /// False when more bytes are needed.
    private func readHead(_ scan: inout HeadScan) throws(BlockingCall.Failure) -> Bool {
        var head = ResponseHead()
        // A span of a stored array cannot outlive the access, as release builds notice.
        let bytes = pending
        switch head.parse(bytes.span, scan: &scan, limits: HeadLimits()) {
        case .incomplete: return false
        case .invalid(let failure): throw .malformed(failure)
        case .complete(let length):
            status = head.status
            // Behind a 101 the connection is no HTTP any more.
            framing = status == 101 ? .untilClose : head.framing(answering: .get)
            for index in 0..<head.fieldCount {
                let (name, value) = head.field(index)
                fields.append((text(name).lowercased(), text(value)))
            }
            pending.removeFirst(min(length, pending.count))
            if case .length(let count) = framing { left = count }
            if framing == .none || left == 0 { isOver = true }
            return true
        }
    }

    private func text(_ range: ByteRange) -> String {
        let end = min(range.end, pending.count)
        return String(decoding: pending[min(range.lower, end)..<end], as: UTF8.self)
    }

    // MARK: Body

    /// False when nothing is there.
    private func receive() throws(BlockingCall.Failure) -> Bool {
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        // The kernel writes at most the array's count.
        let count = unsafe chunk.withUnsafeMutableBytes { bytes in
            unsafe cepoll_read(descriptor, bytes.baseAddress, bytes.count)
        }
        if count < 0 {
            guard SystemError("read", count).kind == .wouldBlock else { throw .closedEarly }
            return false
        }
        if count == 0 {
            guard framing == .untilClose else { throw .closedEarly }
            isOver = true
        }
        pending += chunk[..<min(count, chunk.count)]
        return true
    }

    /// Body bytes of what is pending; nil when it is framing only.
    private func decoded() throws(BlockingCall.Failure) -> [UInt8]? {
        guard framing == .chunked else {
            let bytes = Array(pending.prefix(left))
            pending = []
            left -= bytes.count
            isOver = isOver || left == 0
            return bytes
        }
        var body: [UInt8] = []
        var at = 0
        while true {
            // As in `readHead`.
            let bytes = pending
            switch decoder.next(bytes.span.extracting(at..<bytes.count)) {
            case .data(let offset, let count, let consumed):
                body += pending[(at + offset)..<(at + offset + count)]
                at += consumed
                continue
            case .needMore: break
            case .end: isOver = true
            case .invalid(let failure): throw .malformed(failure)
            }
            pending = []
            return body.isEmpty && !isOver ? nil : body
        }
    }
}
