// cpu and rssMB of running services: sampled when somebody asks, at most every two seconds, on the
// background thread (a scan of /proc takes milliseconds). Nobody asks, nothing wakes up.

package import NetCore

/// Samples what running services use.
@ReactorActor
package final class ProcessStatistics {
    private let background: BackgroundThread
    private let reactor: Reactor

    /// Trees measured in one job: a commit that waits for the thread waits for these at most.
    private static let treesPerJob = 32

    package init(background: BackgroundThread, on reactor: Reactor) {
        self.background = background
        self.reactor = reactor
    }

    /// Brings the samples of `services` up to date; those younger than `goodFor` are kept.
    package func refresh(
        _ services: [Service], goodFor: Duration = .seconds(2)
    ) async {
        var rest = services[...]
        while !rest.isEmpty {
            await refreshSome(rest.prefix(ProcessStatistics.treesPerJob), goodFor)
            rest = rest.dropFirst(ProcessStatistics.treesPerJob)
        }
    }

    private func refreshSome(_ services: ArraySlice<Service>, _ goodFor: Duration) async {
        let now = reactor.wallNanoseconds() / 1_000_000
        var roots: [Int32] = []
        for service in services {
            guard let pid = service.program?.pid else { continue }
            if let usage = service.usage, now - usage.sampledAt < goodFor.inMilliseconds {
                continue
            }
            roots.append(pid)
        }
        guard !roots.isEmpty else { return }
        let measured = roots
        guard
            let samples = try? await background.perform({
                Dictionary(
                    measured.map { ($0, ProcessTree.measure($0)) }, uniquingKeysWith: { $1 })
            })
        else { return }
        for service in services {
            guard let program = service.program, let sample = samples[program.pid] ?? nil else {
                continue
            }
            update(service, program, cpu: sample.cpu, resident: sample.resident, now: now)
        }
    }

    private func update(
        _ service: Service, _ program: ProgramIdentity, cpu: Int64, resident: Int64, now: Int64
    ) {
        let before = service.usage
        let since = before?.sampledAt ?? program.startedAt
        let used = cpu - (before?.cpuNanoseconds ?? 0)
        let elapsed = max(1, now - since) * 1_000_000
        service.usage = ProcessUsage(
            cpuNanoseconds: cpu, residentBytes: resident, sampledAt: now,
            cores: max(0, Double(used) / Double(elapsed)))
    }
}
