// The command line of `bench` and the line it prints. perf/gate reads that line; nothing else may
// go to standard output.

import Glibc
import Gretl
import NetCore

private let usage = """
    usage: bench --list | bench --smoke | bench NAME [--iterations N]

    """

/// The exit code: 0, 1 when a benchmark fails, 2 when it was called wrongly.
@ReactorActor
func runCommandLine(_ words: [String]) -> Int32 {
    let iterations = words.firstIndex(of: "--iterations").map { at in
        words.indices.contains(at + 1) ? Int(words[at + 1]) ?? 0 : 0
    }
    switch words.first {
    case "--list" where words.count == 1:
        for one in Benchmark.all { print("\(one.name) \(one.cycle) \(one.iteration)") }
        return 0
    case "--smoke" where words.count == 1:
        return Benchmark.all.map { measure($0, iterations: 8) }.max() ?? 1
    case let name? where words.count == (iterations == nil ? 1 : 3):
        guard let found = Benchmark.all.first(where: { $0.name == name }) else {
            return complain("bench: there is no benchmark '\(name)'; see bench --list\n")
        }
        let count = iterations ?? found.cycle
        guard count > 0, count <= 1 << 40 else { return complain(usage) }
        return measure(found, iterations: count)
    default: return complain(usage)
    }
}

/// Warms up, runs and reports one benchmark.
@ReactorActor
private func measure(_ benchmark: Benchmark, iterations: Int) -> Int32 {
    let subject: any Subject
    do { subject = try benchmark.make() } catch {
        _ = complain("bench: \(benchmark.name): \(error)\n")
        return 1
    }
    // What is made on the first use, and buffers that grow to their size, are not counted.
    _ = subject.run(benchmark.cycle)
    let counts = AllocationCounts()
    let before = counts?.allocations ?? 0
    let start = SystemTime.shared.now()
    let checksum = subject.run(iterations)
    let took = SystemTime.shared.now() - start
    let allocations = counts.map { $0.allocations - before }
    var line = JSONText()
    line.beginObject()
    line.field("name", benchmark.name)
    line.field("iterations", iterations)
    line.field("checksum", String(checksum, radix: 16))
    line.field("nanoseconds", Double(took.inNanoseconds) / Double(iterations))
    line.field("allocations", allocations)
    line.endObject()
    print(line.text)
    return 0
}

private func complain(_ text: String) -> Int32 {
    // The text is alive during the call.
    unsafe text.withCString { text in _ = unsafe write(2, text, strlen(text)) }
    return 2
}

/// Ends the process at once: whatever a benchmark left behind goes with it.
func exitProcess(_ code: Int32) -> Never { exit(code) }
