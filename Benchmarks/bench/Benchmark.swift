// What a benchmark is, and the list of all. A benchmark is made once, warmed up, then run for a
// number of iterations; whatever its making costs is not counted. Must do the same work in every
// run: no clock, no random number, no name of this machine.

import HTTPParser
import NetCore

/// The work of one benchmark, ready to be run.
@ReactorActor
protocol Subject: AnyObject {
    /// Does the work `iterations` times; the checksum is over its results and follows from
    /// `iterations` and from how often it ran before.
    func run(_ iterations: Int) -> UInt64
}

/// A benchmark by name.
@ReactorActor
struct Benchmark {
    let name: String
    /// What one iteration does.
    let iteration: String
    /// After so many iterations the inputs repeat; counts are taken over multiples of it.
    var cycle = 1_000
    let make: () throws -> any Subject

    /// Every benchmark, one file each.
    static var all: [Benchmark] {
        parserBenchmarks + resolveBenchmarks + routerBenchmarks + outputQueueBenchmarks
            + timerQueueBenchmarks + jsonBenchmarks
    }
}

/// Folds `value` into `checksum`; order counts.
@inline(__always)
func fold(_ checksum: UInt64, _ value: Int) -> UInt64 {
    (checksum &* 31) &+ UInt64(truncatingIfNeeded: value)
}
