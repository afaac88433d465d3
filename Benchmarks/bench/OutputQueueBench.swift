// The queue of a connection that could not send at once: four small appends and one shared chunk,
// one send, and what it costs to be empty again.

import Glibc
import NetCore

@ReactorActor
let outputQueueBenchmarks = [
    Benchmark(name: "output-queue", iteration: "4 appends, a shared chunk, one send") {
        OutputQueueBench()
    }
]

private final class OutputQueueBench: Subject {
    private var queue = OutputQueue()
    private let piece = [UInt8](repeating: 0x61, count: 200)
    private let shared = ByteChunk([UInt8](repeating: 0x62, count: 400))
    private var ends: (Int32, Int32) = (-1, -1)
    private var drained = [UInt8](repeating: 0, count: 4_096)

    init() {
        let made = unsafe withUnsafeMutablePointer(to: &ends) { ends in
            // A homogeneous tuple is laid out as the array the call fills.
            unsafe ends.withMemoryRebound(to: Int32.self, capacity: 2) {
                unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, $0)
            }
        }
        precondition(made == 0, "no socket pair")
    }

    func run(_ iterations: Int) -> UInt64 {
        let piece = piece
        var checksum: UInt64 = 0
        for _ in 0..<iterations {
            for _ in 0..<4 { queue.append(piece.span) }
            queue.append(shared: shared)
            precondition(queue.send(to: ends.0) == .sentAll, "the socket takes this much")
            let count = unsafe drained.withUnsafeMutableBytes {
                unsafe recv(ends.1, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
            checksum = fold(checksum, count)
        }
        return checksum
    }
}
